"""Titles and SKUs as shops write them, each with what a person reads in it. Made by hand; `?`: nobody can tell.

`@ name | Option: values; Option: values` begins a product whose lines are its variants; `@1` one whose lines are read
alone, each as the only variant. `title = value, value`; `title ~ SKU = ...` where both matter; else the text stands in
the title and in the SKU field stands a number that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TABLE = """
@ Tricou basic | Culoare: Roșu, Alb, Negru, Albastru, Galben; Mărime: S, M, L, XL
Tricou basic roșu S = Roșu, S
Tricou basic roșu M = Roșu, M
Tricou basic rosu L = Roșu, L
Tricou basic alb S = Alb, S
Tricou basic alb, mărimea M = Alb, M
Tricou basic alb - L = Alb, L
Tricou basic negru S = Negru, S
TRICOU BASIC NEGRU XL = Negru, XL
Tricou basic galben, S = Galben, S
Tricou basic albastru M = Albastru, M
Tricou basic albastru închis L = ?
Tricou basic negru cu dungi albe M = ?
Tricou basic alb/negru L = ?
Tricou basic galben M/L = ?

@ Tricou | Color: Red, White, Black, Green; Size: S, M, L, XL, XXL
~ TRICOU-ROSU-S = Red, S
~ TRICOU-ROSU-M = Red, M
~ TRICOU-ALB-S = White, S
~ TRICOU-ALB-M = White, M
~ TRICOU-NEGRU-L = Black, L
~ TRICOU-NGR-XL = Black, XL
~ TRICOU-VERDE-M = Green, M
~ TRICOU-VERDE-2XL = Green, XXL
~ TRICOU-RSU-XXL = Red, XXL
~ TRICOU_NEGRU_S = Black, S
~ TRICOU.ALB.XL = White, XL
~ TRICOU-VERDE-INCHIS-L = ?
~ TRICOU-ALB-NEGRU-M = ?
~ TRICOU-MOV-M = ?

@ Maglietta girocollo | Colore: Rosso, Nero, Bianco, Azzurro, Blu notte; Taglia: S, M, L
Maglietta girocollo rossa S = Rosso, S
Maglietta girocollo rossa M = Rosso, M
Maglietta girocollo nera M = Nero, M
Maglietta girocollo nera taglia L = Nero, L
Maglietta girocollo bianca S = Bianco, S
Maglietta girocollo azzurra L = Azzurro, L
Maglietta girocollo blu notte S = Blu notte, S
Maglietta girocollo blu notte M = Blu notte, M
Maglietta girocollo bianca, piccola = ?
Maglietta girocollo blu L = ?
Maglietta girocollo rosso scuro L = ?
Maglietta girocollo bianca con righe rosse M = ?

@ Classic Tee | Color: Red, Navy, Dark blue, Blue, Grey; Size: Small, Medium, Large
Classic Tee Red Small = Red, Small
Classic Tee - Navy / Medium = Navy, Medium
Classic Tee - Dark Blue / Large = Dark blue, Large
Classic Tee - Blue / Small = Blue, Small
Classic Tee - Grey / L = Grey, Large
Classic Tee - gray / M = Grey, Medium
Classic Tee - Navy Blue / Small = Navy, Small
Classic Tee (dark blue, M) = Dark blue, Medium
Classic Tee, red, large = Red, Large
Classic Tee Light Blue Large = ?
Classic Tee Royal Blue Medium = ?
Classic Tee Blue/Grey Medium = ?
Classic Tee Red with white print Medium = ?

@ Rochie Ana | Culoare: Vișiniu, Grena, Bordo, Bleumarin, Crem, Roz; Mărime: 36, 38, 40, 42
Rochie Ana vișinie 36 = Vișiniu, 36
Rochie Ana visinie 38 = Vișiniu, 38
Rochie Ana grena 40 = Grena, 40
Rochie Ana bordo 42 = Bordo, 42
Rochie Ana bleumarin 36 = Bleumarin, 36
Rochie Ana bleumarin mărimea 38 = Bleumarin, 38
Rochie Ana crem 40 = Crem, 40
Rochie Ana roz, 42 = Roz, 42
Rochie Ana roz pudrat 38 = ?
Rochie Ana bordo 38-40 = ?
Rochie Ana colecția 2024 crem = ?
Rochie Ana grena set 42 buc = ?

@ Adidași Runner | Culoare: Negru, Alb, Roșu; Mărime: 40, 41, 42, 43
Adidași Runner negru 40 = Negru, 40
Adidași Runner negri 41 = Negru, 41
Adidasi Runner alb, nr. 42 = Alb, 42
Adidași Runner albi EU 43 = Alb, 43
Adidași Runner roșii 40 = Roșu, 40
Adidași Runner roșii mărime 42 = Roșu, 42
Adidași Runner negru-alb 42 = ?
Adidași Runner albi cu talpă neagră 41 = ?
Adidași Runner negri US 42 = ?
Adidași Runner roșii 2024 = ?
Adidași Runner negru 42.5 = ?

@ Telefon Nova | Culoare: Negru, Albastru, Auriu; Capacitate: 64GB, 128GB, 256GB, 1TB
Telefon Nova 64GB negru = Negru, 64GB
Telefon Nova 128GB negru = Negru, 128GB
Telefon Nova 128 GB albastru = Albastru, 128GB
Telefon Nova, albastru, 256 gb = Albastru, 256GB
Telefon Nova auriu 1TB = Auriu, 1TB
Telefon Nova 1024GB negru = Negru, 1TB
Telefon Nova auriu 64 GB = Auriu, 64GB
Telefon Nova 512GB negru = ?
Telefon Nova negru 64GB/128GB = ?
Telefon Nova albastru deschis 128GB = ?
Telefon Nova 8GB RAM 256GB auriu = ?

@ Husă silicon | Culoare: Negru, Roșu, Transparent
Husă silicon Samsung S21 negru = Negru
Husă silicon Samsung S22 roșu = Roșu
Husă silicon iPhone XS Max negru = ?
Husă silicon iPhone 12 transparent = Transparent
Husă silicon roșu cu margine neagră = ?
Husă silicon Samsung A52 negru-roșu = ?

@ Cană ceramică | Culoare: Alb, Negru, Verde; Mărime: Mică, Mare
Cană ceramică albă mică = Alb, Mică
Cană ceramică albă mare = Alb, Mare
Cană ceramică neagră mică = Negru, Mică
Cană ceramică neagră, mare = Negru, Mare
Cană ceramică verde mică = Verde, Mică
Cană ceramică verde, large = Verde, Mare
Cană ceramică albă cu mâner negru mare = ?
Cană ceramică verde smarald mare = ?

@ Cablu USB-C | Lungime: 1 m, 2 m, 3 m; Culoare: Alb, Negru
Cablu USB-C 1m alb = 1 m, Alb
Cablu USB-C 2m alb = 2 m, Alb
Cablu USB-C 2 m negru = 2 m, Negru
Cablu USB-C 100 cm negru = 1 m, Negru
Cablu USB-C, 3m, alb = 3 m, Alb
Cablu USB-C 300cm negru = 3 m, Negru
Cablu USB-C 5m negru = ?
Cablu USB-C alb 2 buc = ?

@ Vopsea lavabilă | Culoare: Alb, Bej; Cantitate: 1 l, 2.5 l, 15 l
Vopsea lavabilă albă 1L = Alb, 1 l
Vopsea lavabilă alb 2,5 l = Alb, 2.5 l
Vopsea lavabilă albă 15 L = Alb, 15 l
Vopsea lavabilă bej 1 litru = Bej, 1 l
Vopsea lavabilă bej 2.5L = Bej, 2.5 l
Vopsea lavabilă bej 15l = Bej, 15 l
Vopsea lavabilă bej 10 L = ?
Vopsea lavabilă alb murdar 15 L = ?

@ Hanorac Oslo | Culoare: Bleumarin, Gri, Verde militar, Verde; Mărime: S, M, L, XL, 2XL
HANORAC OSLO BLEUMARIN S = Bleumarin, S
Hanorac Oslo bleumarin M = Bleumarin, M
Hanorac Oslo gri L = Gri, L
Hanorac Oslo gri XXL = Gri, 2XL
Hanorac Oslo verde militar M = Verde militar, M
Hanorac Oslo verde M = Verde, M
Hanorac Oslo verde XL = Verde, XL
Hanorac Oslo verde militar 2XL = Verde militar, 2XL
Hanorac Oslo gri extra large = Gri, XL
Hanorac Oslo gri închis L = ?
Hanorac Oslo verde oliv S = ?
Hanorac Oslo gri S/M = ?

@ Scarpa Milano | Colore: Nero, Marrone, Blu; Taglia: 39, 40, 41, 42
Scarpa Milano nera 39 = Nero, 39
Scarpa Milano nera tg 40 = Nero, 40
Scarpa Milano nera 41 = Nero, 41
Scarpa Milano marrone taglia 42 = Marrone, 42
Scarpa Milano marrone 40 = Marrone, 40
Scarpa Milano blu EU 41 = Blu, 41
Scarpa Milano blu 42 = Blu, 42
Scarpa Milano marrone scuro 41 = ?
Scarpa Milano blu 40/41 = ?
Scarpa Milano nero e blu 39 = ?

@ Cintura Roma | Colore: Nero, Cuoio; Materiale: Pelle, Tessuto
Cintura Roma nera in pelle = Nero, Pelle
Cintura Roma nera tessuto = Nero, Tessuto
Cintura Roma cuoio, pelle = ?
Cintura Roma pelle nero opaco = ?

@ Geantă Clara | Culoare: Negru, Maro, Bej; Material: Piele, Textil
Geantă Clara neagră piele = Negru, Piele
Geantă Clara neagră textil = Negru, Textil
Geantă Clara maro, piele = Maro, Piele
Geantă Clara maro textil = Maro, Textil
Geantă Clara bej piele = Bej, Piele
Geantă Clara bej piele ecologică = ?
Geantă Clara maro cu curea piele = ?

@ Red Bull tricou | Color: Red, Blue, Black; Size: S, M, L
Red Bull tricou albastru S = Blue, S
Red Bull tricou albastru M = Blue, M
Red Bull tricou negru L = Black, L
Red Bull tricou negru M = Black, M
Red Bull tricou S = ?
Red Bull tricou roșu M = Red, M

@ Ceai negru | Cantitate: 100 g, 250 g, 1 kg
Ceai negru 100g = 100 g
Ceai negru 250 g = 250 g
Ceai negru 1kg = 1 kg
Ceai negru 1000 g vrac = ?
Ceai negru 500g = ?

@ Șurub inox | Size: M3, M4, M5
Șurub inox M3 x 20 = M3
Șurub inox M4 x 20 = M4
Șurub inox M5 x 30 = M5

@ Şapcă Sun | Culoare: Roşu, Galben, Negru; Mărime: Mărime universală
Şapcă Sun roşie one size = Roşu, Mărime universală
Şapcă Sun galbenă one size = ?
Şapcă Sun neagră, marime universala = ?

@ Polo Shirt | Colour: Black, White, Navy; Size: S, M, L, XL
~ PS-BLK-S = Black, S
~ PS-BLK-M = Black, M
~ PS-WHT-L = White, L
~ PS-NVY-XL = Navy, XL
~ PS-BLACK-XL = Black, XL
~ PS-WHITE-S = White, S
~ PS-NAVY-S = Navy, S
~ PS-WHT-XL = White, XL
~ PS-BLK-L = Black, L
~ PS-BLU-M = ?
~ PS-BLKWHT-M = ?
~ PS-WH-M = ?

@ Camicia Lino | Colore: Rosa, Viola, Bianco; Taglia: S, M, L
Camicia Lino rosa S = Rosa, S
Camicia Lino rosa M = Rosa, M
Camicia Lino viola M = Viola, M
Camicia Lino bianca L = Bianco, L
Camicia Lino viola L = Viola, L
Camicia Lino bianco sporco S = ?

@ Pantaloni Cargo | Culoare: Kaki, Negru, Gri; Mărime: 30, 32, 34
Pantaloni Cargo kaki 30 = Kaki, 30
Pantaloni Cargo kaki mărimea 32 = Kaki, 32
Pantaloni Cargo negri 34 = Negru, 34
Pantaloni Cargo gri 30 = Gri, 30
Pantaloni Cargo gri 32 = Gri, 32
Pantaloni Cargo negru 30 32 = ?
Pantaloni Cargo negru 34 buzunare = ?

@ Magnet litere | Litera: S, M, L; Culoare: Alb, Negru
Magnet litere litera S alb = S, Alb
Magnet litere litera M alb = M, Alb
Magnet litere litera L negru = L, Negru

@ Saltea Relax | Dimensiune: 90x200, 140x200, 160x200
Saltea Relax 90x200 = 90x200
Saltea Relax 140x200 cm = 140x200
Saltea Relax 160 x 200 = ?
Saltea Relax 180x200 = ?

@ Cartuș HP 305 | Culoare: Negru, Color
Cartuș HP 305 negru = Negru
Cartuș HP 305 color = Color
Cartuș HP 305 negru XL = Negru

@ Rucsac Trek | Culoare: Portocaliu, Verde, Negru; Volum: 20 l, 35 l, 50 l
Rucsac Trek portocaliu 20L = Portocaliu, 20 l
Rucsac Trek portocaliu 35 l = Portocaliu, 35 l
Rucsac Trek verde 20 L = Verde, 20 l
Rucsac Trek verde 50L = Verde, 50 l
Rucsac Trek negru 35L = Negru, 35 l
Rucsac Trek negru L = ?
Rucsac Trek verde petrol 35L = ?

@ Ruj Velvet | Nuanță: Nude, Cherry, Coral, Red
Ruj Velvet nude = Nude
Ruj Velvet cherry = Cherry
Ruj Velvet coral = Coral
Ruj Velvet red = Red
Ruj Velvet dark red = ?
Ruj Velvet 05 = ?

@ Fular lână | Culoare: Gri, Gri deschis, Bej
Fular lână gri = Gri
Fular lână gri deschis = Gri deschis
Fular lână light grey = Gri deschis
Fular lână bej = Bej
Fular lână gri închis = ?
Fular lână gri/bej = ?

@ Tricou bicolor | Culoare: Negru/Alb, Negru, Alb; Mărime: S, M
Tricou bicolor negru/alb S = Negru/Alb, S
Tricou bicolor negru-alb M = Negru/Alb, M
Tricou bicolor negru S = Negru, S
Tricou bicolor alb M = Alb, M
Tricou bicolor alb/negru S = ?

@ Șosete sport | Culoare: Alb, Negru, Gri; Mărime: 35-38, 39-42, 43-46
Șosete sport albe 35-38 = Alb, 35-38
Șosete sport albe 39-42 = Alb, 39-42
Șosete sport negre 43-46 = Negru, 43-46
Șosete sport gri 39-42 = Gri, 39-42
Șosete sport negre 39 = ?
Șosete sport gri, set 3 perechi = ?

@ Body bebe | Culoare: Roz, Bleu, Alb; Mărime: 0-3 luni, 3-6 luni, 6-12 luni
Body bebe roz 0-3 luni = Roz, 0-3 luni
Body bebe roz 3-6 luni = Roz, 3-6 luni
Body bebe bleu 0-3 luni = Bleu, 0-3 luni
Body bebe bleu 6-12 luni = Bleu, 6-12 luni
Body bebe alb 3-6 luni = Alb, 3-6 luni
Body bebe alb 6 luni = ?

@ Bec LED | Putere: 5W, 9W, 12W
Bec LED 5W lumină albă = 5W
Bec LED 9 W = 9W
Bec LED 12w cald = 12W
Bec LED E27 = ?

@ Tricou Metal | Culoare: Negru, Alb; Mărime: S, M, L
Tricou Metal negru S ~ TM-NEGRU-S = Negru, S
Tricou Metal negru M ~ TM-NEGRU-M = Negru, M
Tricou Metal alb L ~ TM-ALB-L = Alb, L
Tricou Metal alb S ~ TM-NEGRU-L = ?
Tricou Metal alb M ~ TM-ALB-XX-M = Alb, M

@1 Tricou simplu | Culoare: Roșu, Alb, Negru; Mărime: S, M, L
~ TRICOU-ROSU-M = Roșu, M
~ TRICOU-NEGRU-L = Negru, L
Tricou simplu, culoare: alb, mărime: S = Alb, S
Tricou simplu roșu L = Roșu, L
Tricou simplu negru Model M = ?
Tricou simplu M3 roșu = ?
Tricou simplu alb S21 = ?
Tricou simplu alb 5 L = ?
Tricou simplu negru M&M's = ?
Tricou simplu alb & negru L = ?
Tricou simplu Levi's roșu = ?
Tricou simplu roșu cireașă M = ?
Tricou simplu negru vintage M = ?
Tricou simplu fără roșu M = ?
Tricou simplu logo roșu M = ?
Tricou simplu roșu mărimea M, logo alb = ?
Tricou simplu XS Max negru = ?
Tricou simplu seria M roșu = ?

@1 Pantofi office | Culoare: Negru, Maro; Mărime: 40, 41, 42
Pantofi office negri mărimea 42 = Negru, 42
Pantofi office maro nr 41 = Maro, 41
Pantofi office maro EU 40 = Maro, 40
Pantofi office negru 42 = ?
Pantofi office negru set 42 bucăți = ?
Pantofi office negru UK 42 = ?
Pantofi office negru 42 ani garanție = ?
Pantofi office maro închis mărimea 42 = ?

@1 Tricou roșu | Culoare: Roșu, Alb; Mărime: S, M
~ TRICOU-ROSU-M = ?
Tricou roșu M = ?
Tricou roșu alb M = ?

@1 iPhone | Color: Black, White, Red; Storage: 64GB, 128GB
iPhone XS Max 64GB Black = ?
iPhone 12 128GB White = White, 128GB
iPhone 64 GB black = Black, 64GB
iPhone (PRODUCT) red 64 GB = Red, 64GB
iPhone black 6GB RAM 128GB = ?

@1 Green Tea Mug | Color: Green, Black, White
Green Tea Mug black = Black
Green Tea Mug = ?
Green Tea Mug white lid = ?
Green Tea Mug black and white = ?

@1 Portocale | Color: Orange, Red
Orange juice glass = ?
Portocale roșii = Red

@ Bluză Iris | Culoare: Red, Lila, Turcoaz, Galben, Maro; Mărime: XS, S, M, L
Bluză Iris rosie XS = Red, XS
Bluză Iris lila XS = Lila, XS
Bluză Iris turcoaz S = Turcoaz, S
Bluză Iris galbenă M = Galben, M
Bluză Iris maro L = Maro, L
Bluză Iris cafenie S = Maro, S
Bluză Iris rossa L = Red, L
Bluză Iris yellow / S = Galben, S
Bluză Iris mov M = ?
Bluză Iris galben muștar XS = ?

@ Felpa Zip | Colore: Verde, Giallo, Grigio, Arancione; Taglia: S, M, L, XL
Felpa Zip verde S = Verde, S
Felpa Zip verdi M = Verde, M
Felpa Zip gialla M = Giallo, M
Felpa Zip gialla taglia XL = Giallo, XL
Felpa Zip grigia S = Grigio, S
Felpa Zip grigio L = Grigio, L
Felpa Zip arancione XL = Arancione, XL
Felpa Zip orange L = Arancione, L
Felpa Zip verde acqua L = ?
Felpa Zip grigio melange M = ?
Felpa Zip gialla/verde M = ?
Felpa Zip con zip giallo L = ?

@ Stick USB | Capacitate: 32GB, 64GB, 128GB; Culoare: Negru, Argintiu
Stick USB 32GB negru = 32GB, Negru
Stick USB 64 GB negru = 64GB, Negru
Stick USB 128gb argintiu = 128GB, Argintiu
Stick USB argintiu 64GB = 64GB, Argintiu
Stick USB silver 32 GB = 32GB, Argintiu
Stick USB 3.0 negru 128GB = 128GB, Negru
Stick USB 16GB negru = ?
"""


HELD_BACK_TABLE = """
@ Jachetă de ploaie Fiord | Culoare: Galben, Bleumarin, Verde închis; Mărime: S, M, L, XL
Jachetă de ploaie Fiord galbenă S = Galben, S
Jachetă de ploaie Fiord galbenă, mărime M = Galben, M
Jachetă de ploaie Fiord, bleumarin, L = Bleumarin, L
JACHETA DE PLOAIE FIORD BLEUMARIN XL = Bleumarin, XL
Jachetă de ploaie Fiord verde închis S = Verde închis, S
Jachetă de ploaie Fiord verde inchis L = Verde închis, L
Jachetă de ploaie Fiord verde M = ?
Jachetă de ploaie Fiord galben neon XL = ?
Jachetă de ploaie Fiord bleumarin cu glugă galbenă S = ?

@ Leggings Yoga | Colour: Black, Purple, Teal; Size: XS, S, M, L
Leggings Yoga - Black - XS = Black, XS
Leggings Yoga - Black - Small = Black, S
Leggings Yoga - Purple - M = Purple, M
Leggings Yoga (Purple, Large) = Purple, L
Leggings Yoga - Teal - S = Teal, S
Leggings Yoga Teal L = Teal, L
Leggings Yoga - Black/Purple - M = ?
Leggings Yoga - Petrol - XS = ?

@ Stivale Torino | Colore: Nero, Marrone, Bordeaux; Numero: 36, 37, 38, 39
Stivale Torino nero 36 = Nero, 36
Stivale Torino neri numero 37 = Nero, 37
Stivale Torino marroni 38 = Marrone, 38
Stivale Torino marrone n. 39 = Marrone, 39
Stivale Torino bordeaux 36 = Bordeaux, 36
Stivale Torino bordeaux EU 38 = Bordeaux, 38
Stivale Torino nero lucido 38 = ?
Stivale Torino marrone 37/38 = ?
Stivale Torino tacco 5 cm nero = ?

@ Laptop Orion | Culoare: Argintiu, Gri; Stocare: 256GB, 512GB, 1TB
Laptop Orion argintiu 256GB = Argintiu, 256GB
Laptop Orion argintiu SSD 512GB = Argintiu, 512GB
Laptop Orion gri, 1TB SSD = Gri, 1TB
Laptop Orion gri 512 GB = Gri, 512GB
Laptop Orion 16GB RAM 512GB gri = ?
Laptop Orion gri spațial 256GB = ?

@ Geacă copii | Culoare: Roșu, Albastru; Mărime: 104, 110, 116
Geacă copii roșie 104 = Roșu, 104
Geacă copii roșie mărimea 110 = Roșu, 110
Geacă copii albastră 110 = Albastru, 110
Geacă copii albastră 116 = Albastru, 116
Geacă copii albastră 7-8 ani = ?
Geacă copii roșu/albastru 104 = ?

@ Polar | Color: Red, Green, Grey; Size: M, L, XXL
~ POL-RED-M = Red, M
~ POL-RED-L = Red, L
~ POL-VERDE-M = Green, M
~ POL-GRN-L = Green, L
~ POL-GRY-XXL = Grey, XXL
~ POL-GRI-2XL-2023 = ?
~ POL-ROSU-XXL = Red, XXL
~ POL-RG-M = ?
~ POL-GR-M = ?

@ Pernă decorativă | Culoare: Crem, Verde, Vișiniu; Material: Catifea, Bumbac
Pernă decorativă crem catifea = Crem, Catifea
Pernă decorativă crem, bumbac = Crem, Bumbac
Pernă decorativă verde bumbac = Verde, Bumbac
Pernă decorativă vișinie catifea = Vișiniu, Catifea
Pernă decorativă vișiniu bumbac = Vișiniu, Bumbac
Pernă decorativă verde cu franjuri crem bumbac = ?

@ Sticlă de apă | Capacitate: 500 ml, 750 ml, 1 l; Culoare: Alb, Negru, Roz
Sticlă de apă 500ml albă = 500 ml, Alb
Sticlă de apă 0.5L neagră = 500 ml, Negru
Sticlă de apă 750 ml roz = 750 ml, Roz
Sticlă de apă neagră 1L = 1 l, Negru
Sticlă de apă roz 1 litru = 1 l, Roz
Sticlă de apă albă 750ml capac negru = ?

@1 Bluză Nora | Culoare: Alb, Negru, Roz; Mărime: S, M, L
Bluză Nora albă M = Alb, M
Bluză Nora - neagră - L = Negru, L
Bluză Nora, roz, mărimea S = Roz, S
Bluză Nora roz prăfuit M = ?
Bluză Nora albă imprimeu floral M = Alb, M
Bluză Nora clasa M neagră = ?
Bluză Nora neagră 2 M = ?
Bluză Nora negru sau alb S = ?
Bluză Nora scris alb pe negru L = ?
Bluză Nora albă S-M = ?
~ NORA-NEAGRA-L = Negru, L
~ NORA-ALBA-XX = ?
"""
"""Written after the vocabulary and the traps had been, and unknown to them. At its first reading 38 of 47 answers were
certain, and all 38 right; `albă` has counted as white without company since then."""


@dataclass
class TableProduct:
    """One product of the table."""

    name: str
    alone: bool
    options: dict[str, list[str]]
    lines: list[tuple[str | None, str | None, tuple[str, ...] | None]] = field(default_factory=list)
    """Title, SKU, and the right values in the order of the options; None: not to be told."""


def table(text: str = TABLE) -> list[TableProduct]:
    """The products of a table."""
    found: list[TableProduct] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith("@"):
            head, options = line.split(" | ")
            mark, name = head.split(" ", 1)
            offered = {o.split(": ")[0]: o.split(": ")[1].split(", ") for o in options.split("; ")}
            found.append(TableProduct(name, mark == "@1", offered))
            continue
        said, right = line.rsplit(" = ", 1)
        title, _sign, sku = said.partition("~")
        answer = None if "?" in right else tuple(right.split(", "))
        found[-1].lines.append((title.strip() or None, sku.strip() or None, answer))
    return found
