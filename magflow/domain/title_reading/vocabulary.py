"""What words mean, in Romanian, Italian and English: colours with their forms, sizes, materials.

A line is `meaning: English, Romanian, Italian = further forms`; the first three are how a new value would be called.
Words that mean something else as often (a fruit, a metal, a direction) are `SOFT`: alone they are never certain.
"""

from typing import Final

from magflow.domain.title_reading.traps import listed

COLOUR_LINES: Final = """
red: Red, Roșu, Rosso = rosie rosii rosia rossa rossi rosse
white: White, Alb, Bianco = alba albi albe bianca bianchi bianche
black: Black, Negru, Nero = neagra negri negre nera neri nere
blue: Blue, Albastru, Blu = albastra albastri albastre
navy: Navy, Bleumarin, Blu navy = bleumarine bleumarina marinblau|navy blue|blu marino|blu marine
midnight: Midnight blue, Albastru noapte, Blu notte = |blue night|albastru de noapte
light blue: Light blue, Bleu, Azzurro = azzurra azzurri azzurre celeste|sky blue|albastru cer|bleu ciel
green: Green, Verde, Verde = verzi verdi
yellow: Yellow, Galben, Giallo = galbena galbeni galbene gialla gialli gialle
orange: Orange, Portocaliu, Arancione = portocalie portocalii arancio arancioni
brown: Brown, Maro, Marrone = maron maroniu cafeniu cafenie marroni
grey: Grey, Gri, Grigio = gray grigia grigi grigie
pink: Pink, Roz, Rosa = rozul
violet: Violet, Violet, Viola = violeta violete
purple: Purple, Mov, Porpora = movul
lilac: Lilac, Lila, Lilla = liliachiu
beige: Beige, Bej, Beige = bejul
cream: Cream, Crem, Crema =
gold: Gold, Auriu, Oro = aurie aurii golden dorato dorata
silver: Silver, Argintiu, Argento = argintie argintii argentato
rose gold: Rose gold, Auriu roz, Oro rosa = |roz auriu|rose gold|rosegold
turquoise: Turquoise, Turcoaz, Turchese = turcoaze
khaki: Khaki, Kaki, Cachi = khaki
burgundy: Burgundy, Bordo, Bordeaux = bordeaux burgund
cherry: Cherry red, Vișiniu, Rosso ciliegia = visinie visinii|rosu visiniu
garnet: Garnet, Grena, Granata = garnet
fuchsia: Fuchsia, Fucsia, Fucsia = fuchsia fucsie
cyclamen: Cyclamen, Ciclam, Ciclamino =
magenta: Magenta, Magenta, Magenta =
olive: Olive, Oliv, Oliva = olivul|verde oliv|verde oliva|olive green
military: Military green, Verde militar, Verde militare = |army green
anthracite: Anthracite, Antracit, Antracite = anthracit
graphite: Graphite, Grafit, Grafite =
ivory: Ivory, Ivoriu, Avorio = ivoire fildes
off white: Off white, Alb murdar, Bianco sporco = offwhite|alb unt
mustard: Mustard, Muștar, Senape = mustariu
coral: Coral, Corai, Corallo =
salmon: Salmon, Somon, Salmone =
peach: Peach, Piersică, Pesca = piersiciu
mint: Mint, Mentă, Menta =
camel: Camel, Camel, Cammello =
nude: Nude, Nude, Nude =
indigo: Indigo, Indigo, Indaco =
cyan: Cyan, Cyan, Ciano =
lime: Lime, Lime, Lime =
bronze: Bronze, Bronz, Bronzo =
copper: Copper, Arămiu, Rame =
multicolor: Multicolor, Multicolor, Multicolore = multicolour multicolora
transparent: Transparent, Transparent, Trasparente = transparenta
"""

MATERIAL_LINES: Final = """
cotton: Cotton, Bumbac, Cotone =
leather: Leather, Piele, Pelle = cuoio
faux leather: Faux leather, Piele ecologică, Ecopelle = |piele eco|eco leather|pu leather|piele artificiala|similpelle
suede: Suede, Piele întoarsă, Camoscio =
wool: Wool, Lână, Lana =
silk: Silk, Mătase, Seta =
linen: Linen, In, Lino =
polyester: Polyester, Poliester, Poliestere =
nylon: Nylon, Nailon, Nylon =
velvet: Velvet, Catifea, Velluto =
fabric: Fabric, Material textil, Tessuto =
wood: Wood, Lemn, Legno = lemnul
glass: Glass, Sticlă, Vetro =
metal: Metal, Metal, Metallo =
steel: Steel, Oțel, Acciaio = |otel inoxidabil|stainless steel|acciaio inox|inox
plastic: Plastic, Plastic, Plastica =
ceramic: Ceramic, Ceramică, Ceramica =
rubber: Rubber, Cauciuc, Gomma =
silicone: Silicone, Silicon, Silicone =
cashmere: Cashmere, Cașmir, Cashmere = cachemire
denim: Denim, Denim, Denim =
"""

SIZE_LINES: Final = """
xxxs: XXXS, XXXS, XXXS = 3xs
xxs: XXS, XXS, XXS = 2xs
xs: XS, XS, XS = xsmall|extra small|x small|extra mic|extra mica|x s
s: S, S, S = small mic mica piccolo piccola piccoli piccole
m: M, M, M = medium mediu medie medio media
l: L, L, L = large mare mari grande grandi
xl: XL, XL, XL = xlarge 1xl|extra large|x large|extra mare|x l
xxl: XXL, XXL, XXL = 2xl xxlarge|extra extra large|xx large|xx l|x xl
xxxl: XXXL, XXXL, XXXL = 3xl|xxx large|xxx l
xxxxl: XXXXL, XXXXL, XXXXL = 4xl
xxxxxl: XXXXXL, XXXXXL, XXXXXL = 5xl
xxxxxxl: XXXXXXL, XXXXXXL, XXXXXXL = 6xl
one size: One size, Mărime universală, Taglia unica = onesize|one size fits all|marime unica|free size|taglia universale
"""

SOFT: Final = listed("""
orange rosa rose roz cream crem crema gold oro golden silver argento viola olive oliva cherry garnet grena
granata coral corai corallo salmon somon salmone peach piersica pesca mint menta camel cammello nude lime bronze
bronz bronzo copper rame mustard mustar senape fabric in lino lana seta glass plastic plastica metal metallo
media medie medium mediu medio mare mari grande grandi mic mica small large piccolo piccola piccoli piccole bleu
lila celeste arancio transparent transparenta trasparente indigo porpora cachi graphite grafit grafite
military
""")

CLEAR_ABBREVIATIONS: Final = {
    "black": "blk ngr negr ngru", "white": "wht", "red": "rsu", "green": "grn", "yellow": "ylw glbn", "grey": "gry",
    "blue": "albs albst albastr", "brown": "brwn", "navy": "nvy bleum", "orange": "portoc",
}  # fmt: skip
"""In a SKU these are nothing else."""

VAGUE_ABBREVIATIONS: Final = {
    "black": "bk neg ner nr", "white": "wh bia bnc", "red": "rd ro ros rs", "green": "ver vrd gn", "navy": "nav",
    "blue": "blu bl alb abs", "yellow": "gal gia yel", "grey": "gri grg", "brown": "mar brn", "pink": "pnk",
    "beige": "bej bei", "orange": "por org", "purple": "mov prp", "violet": "vio", "light blue": "azz",
}  # fmt: skip
"""Three letters that could be cut off more than one word: never certain. A word that is whole keeps its meaning."""

CUT_SHORT: Final = {"alb": "blue"}
"""Words that are whole, and also how another one is cut in SKUs: ALB is white, and three letters of ALBASTRU."""

BEFORE: Final = {
    "dark": "dark", "deep": "dark", "light": "light", "pale": "light", "bright": "bright", "royal": "royal",
    "baby": "baby", "hot": "hot", "neon": "neon", "pastel": "pastel", "petrol": "petrol", "electric": "electric",
    "forest": "forest", "bottle": "bottle", "matte": "matte", "matt": "matte", "glossy": "glossy",
    "metallic": "metallic", "dusty": "dusty", "powder": "powder", "steel": "steel", "army": "army", "ice": "ice",
    "space": "space", "jet": "jet", "wine": "wine", "blood": "blood", "lemon": "lemon", "stone": "stone",
    "charcoal": "charcoal", "emerald": "emerald", "teal": "teal", "cobalt": "cobalt", "heather": "heather",
    "melange": "melange", "washed": "washed", "vintage": "vintage", "sky": "sky", "midnight": "midnight",
    "sea": "sea", "fluo": "neon", "old": "old", "soft": "soft", "warm": "warm", "cool": "cool", "half": "half",
    "semi": "half",
}  # fmt: skip
AFTER: Final = {
    "inchis": "dark", "inchisa": "dark", "inchise": "dark", "inchisi": "dark", "deschis": "light",
    "deschisa": "light", "deschise": "light", "deschisi": "light", "scuro": "dark", "scura": "dark", "scuri": "dark",
    "scure": "dark", "chiaro": "light", "chiara": "light", "chiari": "light", "chiare": "light", "pal": "light",
    "aprins": "bright", "aprinsa": "bright", "acceso": "bright", "royal": "royal", "regal": "royal",
    "regale": "royal", "reale": "royal", "bebe": "baby", "neon": "neon", "fluo": "neon", "fosforescent": "neon",
    "pastel": "pastel", "pastello": "pastel", "petrol": "petrol", "petrolio": "petrol", "electric": "electric",
    "elettrico": "electric", "mat": "matte", "matt": "matte", "opaco": "matte", "lucios": "glossy",
    "lucido": "glossy", "metalic": "metallic", "metalizat": "metallic", "metallizzato": "metallic",
    "prafuit": "dusty", "pudrat": "powder", "cipria": "powder", "smarald": "emerald", "smeraldo": "emerald",
    "turcoaz": "turquoise", "bottiglia": "bottle", "sticla": "bottle", "acqua": "sea", "marin": "sea",
    "cobalt": "cobalt", "cobalto": "cobalt", "melange": "melange", "melanj": "melange", "prespalat": "washed",
    "lavato": "washed", "cireasa": "cherry", "vin": "wine", "vino": "wine", "caramiziu": "brick", "mattone": "brick",
    "lamaie": "lemon", "limone": "lemon", "fistic": "pistachio", "pistacchio": "pistachio", "praz": "leek",
    "crud": "raw", "iarba": "grass", "prato": "grass", "brad": "fir", "ghiaccio": "ice", "gheata": "ice",
    "antico": "old", "antichizat": "old", "perla": "pearl", "perlat": "pearl", "pearl": "pearl", "inferno": "dark",
    "foarte": "very",
}  # fmt: skip
"""What makes another colour of a colour: dark blue is not blue. English says it before, Romanian and Italian behind."""

NEAR: Final = {
    "color:navy": ("color:dark blue", "color:midnight", "color:blue"),
    "color:midnight": ("color:navy", "color:dark blue"),
    "color:dark blue": ("color:navy", "color:midnight"),
    "color:light blue": ("color:blue",),
    "color:cherry": ("color:burgundy", "color:garnet"),
    "color:garnet": ("color:burgundy", "color:cherry"),
    "color:burgundy": ("color:garnet", "color:cherry"),
    "color:purple": ("color:violet", "color:lilac"),
    "color:violet": ("color:purple", "color:lilac"),
    "color:lilac": ("color:purple", "color:violet"),
    "color:cream": ("color:ivory", "color:beige"),
    "color:anthracite": ("color:dark grey", "color:graphite"),
}  # fmt: skip
"""Where the shop has no such value: what a person may have meant. Never more than a guess."""

UNITS: Final = {
    "kb": ("storage", 1 / 1024), "mb": ("storage", 1), "gb": ("storage", 1024), "tb": ("storage", 1024 * 1024),
    "mm": ("length", 1), "cm": ("length", 10), "m": ("length", 1000), "metri": ("length", 1000),
    "metru": ("length", 1000), "metro": ("length", 1000), "meter": ("length", 1000), "meters": ("length", 1000),
    "inch": ("length", 25.4), "ml": ("volume", 1), "cl": ("volume", 10), "l": ("volume", 1000),
    "litri": ("volume", 1000), "litru": ("volume", 1000), "litro": ("volume", 1000), "liter": ("volume", 1000),
    "g": ("weight", 1), "gr": ("weight", 1), "kg": ("weight", 1000), "w": ("power", 1), "kw": ("power", 1000),
    "wati": ("power", 1), "v": ("voltage", 1), "mah": ("charge", 1), "ah": ("charge", 1000), "hz": ("frequency", 1),
    "mp": ("pixels", 1),
}  # fmt: skip

LABELS: Final = {
    "color": "color colour culoare culoarea culori colore colori nuanta",
    "size": "size marime marimea marimi masura taglia taglie misura mar mas nr numar numarul numero eu eur",
    "material": "material materiale materialul tesatura tessuto fabric stofa",
    "quantity": "capacitate capacity capacita memorie memory memoria storage stocare lungime lunghezza length volum"
    " volume gramaj greutate weight peso putere power potenza cantitate formato",
}  # fmt: skip
"""Words that say which option comes next: "Mărime: M". They also tell what kind an option type is."""
