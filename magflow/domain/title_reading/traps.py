"""Words that say that the word beside them is no value, or no riddle: models, amounts, parts of a thing, names."""

from typing import Final


def listed(words: str) -> frozenset[str]:
    """Words with blanks between them."""
    return frozenset(words.split())


OTHER_SCALES: Final = listed("us uk it fr de jp ru inch usa")
"""US 42 is not EU 42."""

MODEL_WORDS: Final = listed("""
model modelul modello models tip tipul type tipo seria serie series serii class clasa classe klasse galaxy
iphone tesla version versiune versione grupa group gruppo litera letter lettera letera vitamina vitamin omega
note pixel surface moto xbox playstation mercedes bmw audi nivel level cat category categorie generatia gen mk
mark faza bit filet bolt surub vite screw cod code codice art articol ref port plan zona zone sector etapa vol
volumul partea parte part pagina agent formula iphonex redmi poco mate nova sony canon nikon ipad apple watch
kindle
""")
"""A letter or a number behind one of these names a model, a class, a thread."""

MODEL_FOLLOWERS: Final = listed("""
max pro plus ultra class klasse classe line series edition mini lite fe power performance sport packet tec
carnitine carnitina arginine arginina glutamina glutamine teanina lisina pen size sized nano
""")

PHONES: Final = listed("""
iphone galaxy samsung huawei xiaomi redmi pixel oneplus nokia motorola husa huse cover custodia folie telefon
smartphone ipad tableta tablet xbox playstation tesla bmw mercedes audi console consola
""")
"""Where these are spoken of, S, M and XL are models more often than sizes."""

COUNTED: Final = listed("""
buc bucata bucati pcs pc pieces pezzi pz set seturi perechi pereche paia paio pairs pack pachet pachete
confezione ani an anni anno years luni mesi months zile ore h coli file pagini pagine role rotoli plicuri
capsule tablete comprimate persoane posti locuri usi canale led leduri in1 inch rpm x bit w v hz k mp fps hp cp
grade gradi lei ron eur euro percent trepte viteze porturi pini
""")
"""A number before one of these counts something."""
COUNTING: Final = listed("""
set pachet pack confezione x de da of din kit lot box cutie an anul year anno editia colectia collection top
aprox circa max min peste sub de pana under over up articolul
""")
"""A number behind one of these counts something, or is a year."""

PARTS: Final = listed("""
dungi dunga imprimeu imprimeuri logo talpa talpi guler maneci maneca nasturi nasture cusaturi cusatura bretele
capac capace buton butoane led lumina lumini curea cureaua maner manere buline carouri detalii detaliu insertii
insertie print text mesaj scris broderie fermoar siret sireturi snur captuseala rame rama cadran ecran fundal
righe stampa logo suola colletto maniche bottoni cuciture coperchio manico luce cinturino pois quadri dettagli
inserti scritta ricamo cerniera lacci fodera cornice quadrante sfondo stripes stripe sole collar sleeves buttons
stitching lid handle strap dots details inserts lettering embroidery zip laces lining frame dial background trim
border edge margine margini lampa bec picioare piedi legs cerneala toner ink inchiostro cartus cartuccia vin
ceai piper tea wine pepper pepe coffee cafea caffe ciocolata chocolate cioccolato fasole orez rice riso struguri
uva
""")
"""A colour beside one of these is that thing's: a white sole, black stripes, green tea."""

WITH: Final = listed("cu con with w fara senza without pe su on no non nu")

_FIXED: Final = """
s s; l s; red bull; black friday; black decker; black and decker; blue ray; blu ray; green day; pink floyd; deep purple;
old navy; marea neagra; crucea rosie; scufita rosie; alba iulia; red dead; white noise; black sea; green tea;
black tea; white tea; orange juice; blue tooth; gold edition; golden gate; silver surfer; red hot; black mamba;
black panther; black widow; green lantern; call of duty black; black ops; red wine; white wine; vin rosu; vin
alb; vin roze; vino rosso; vino bianco; ceai verde; ceai negru; ceai alb; te verde; te nero; piper negru; piper
alb; pepe nero; fasole alba; fasole rosie; croce rossa; mar rosso; mar nero; casa bianca; casa alba; casa verde;
codul rosu; cod rosu; cod galben; linea verde; pagina bianca; monte bianco; rosso di; nero davola; primitivo
nero; cordyceps negru; usturoi negru; ridiche neagra; chimen negru; chimion negru; lotus alb; ghinda rosie; blue
light; green energy; red line; black box; white label; gold standard; platinum gold; nespresso gold; jacobs
gold; green peace; white board; black board; black pepper
"""
FIXED: Final = frozenset(tuple(phrase.split()) for phrase in _FIXED.split(";"))
"""Names in which a colour is no colour."""

NEUTRAL: Final = listed("""
barbati barbat barbatesc femei femeie dama dame copii copil fete fetite baieti baietel bebelusi unisex uomo
donna bambini bambino bambina ragazzo ragazza men man women woman kids boys girls mens womens ladies lady junior
adult de da di del din pentru per for the si e and sau la nou noua new nuovo nuova original originale colectia
slim regular fit casual elegant elegante sport sportiv premium basic clasic classic standard maneca scurta lunga
lungi scurte corta short long vara iarna estate inverno summer winter sale promo oferta stoc tricou tricouri
bluza camasa pantaloni rochie fusta jacheta geaca hanorac pulover adidasi pantofi cizme sandale maglia maglietta
camicia vestito gonna giacca felpa scarpe stivali shirt tshirt dress skirt jacket hoodie sweater shoes boots
sneakers jeans blugi sapca cap hat cappello sosete calzini socks cana tazza mug geanta borsa bag rucsac zaino
backpack portofel wallet
""")
"""Words beside which a colour or a size is still itself."""

STOP: Final = listed("""
in la de da di un una o a al i e si no do per con cu il lo le gli or on at it is
""")
