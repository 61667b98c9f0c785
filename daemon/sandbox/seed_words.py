"""The words that the seeded data set is made of, by country."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """One country's names and formats. In a template, `#` stands for a digit and `@` for a letter."""

    code: str
    domain: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    trades: tuple[str, ...]
    firms: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[tuple[str, str, str], ...]  # name, postal code, region
    phones: tuple[str, ...]
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class User:
    """A user of Sales; one with a `code` is a salesperson in BC already."""

    first: str
    last: str
    email: str
    code: str = ""
    disabled: bool = False
    integration: bool = False
    licensed: bool = True

    @property
    def works(self) -> bool:
        """Whether the standard mapping lets the user through."""
        return self.licensed and not self.disabled and not self.integration


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


GERMANY = Country(
    "DE",
    "de",
    _words("Anna, Jürgen, Hans-Jörg, Käthe, Søren, Björn, Marlene, Günther, Zoë, Friedrich, Änne, Karl Heinz"),
    _words("Müller, Schröder, Weiß, Großmann, Jäger, Köhler, von der Heide, Lüdenscheidt, Bauer, Öztürk, Vogt, Strauß"),
    _words(
        "Maschinenbau, Großhandel, Bäckerei, Möbel, Elektrotechnik, Gartenbau, Spedition, Metallbau, Süßwaren, Küchen"
    ),
    (
        "{last} {trade} GmbH",
        "{trade} {last} & Söhne KG",
        "{last} + {other} {trade} GmbH & Co. KG",
        "{town}er {trade} AG",
    ),
    ("Hauptstraße #", "Am Möhlenfließ ##", "Lange Reihe ##a", "Gewerbepark Süd #, Halle @", "Königsallee ###"),
    (
        ("München", "80###", "Bayern"),
        ("Köln", "50###", "Nordrhein-Westfalen"),
        ("Düsseldorf", "40###", "Nordrhein-Westfalen"),
        ("Görlitz", "028##", "Sachsen"),
        ("Bad Kösen", "06628", "Sachsen-Anhalt"),
    ),
    ("+49 89 #######", "0221/### ## ##", "(0211) ######-0", "0049-3581-######"),
    _words("Geschäftsführerin, Einkäufer, Leiter Lager, Prokurist, Buchhaltung, Vertrieb Süd"),
)
BRITAIN = Country(
    "GB",
    "co.uk",
    _words("Emma, Oliver, Siobhán, Mary Anne, Rhys, Zoë, William, Chloé, Seán, Beatrice, Angus, Isla"),
    _words("O'Neil, Smith-Jones, McGregor, D'Arcy, Whitfield, Fitzgerald, Ó Briain, Ashworth, Clarke, St John, Nguyễn"),
    _words("Joinery, Wholesale, Catering Supplies, Garden Centres, Engineering, Toys & Games, Stationery, Textiles"),
    ("{last} & Sons {trade} Ltd", "{last}'s {trade}", "The {town} {trade} Company Ltd", "{last} and {other} LLP"),
    ("## High Street", "Unit #@, Riverside Trading Estate", "The Old Mill, Church Lane", "### King's Road"),
    (
        ("London", "SW#A #@@", "Greater London"),
        ("Leeds", "LS# #@@", "West Yorkshire"),
        ("King's Lynn", "PE30 #@@", "Norfolk"),
        ("Bristol", "BS# #@@", "Avon"),
    ),
    ("+44 20 7946 ####", "(0113) 496 ####", "01553 ######", "+44 (0)117 496 ####"),
    _words("Purchasing Manager, Managing Director, Head of Sales, Accounts Payable, Warehouse Lead"),
)
FRANCE = Country(
    "FR",
    "fr",
    _words("Élodie, Jean-Luc, François, Anaïs, Noël, Hélène, Gaëtan, Marie Claire, Benoît, Inès"),
    _words("Lefèvre, Dubois, d'Aubigné, Garçon, L'Hôte, Château, Béranger, de La Tour, Noël, Faÿ"),
    _words("Boulangerie, Quincaillerie, Ameublement, Primeurs, Électroménager, Bâtiment, Imprimerie"),
    ('{trade} "{last}" SARL', "{last} & Fils SA", "Établissements {last} {trade}", "Société {town}aise de {trade}"),
    ("## rue de l'Église", "#, avenue du Général-Leclerc", "ZA des Prés-Bas, bâtiment @", "###bis boulevard Voltaire"),
    (
        ("Orléans", "45###", "Centre-Val de Loire"),
        ("Besançon", "25###", "Bourgogne-Franche-Comté"),
        ("Évreux", "27###", "Normandie"),
        ("L'Isle-d'Abeau", "38080", "Auvergne-Rhône-Alpes"),
    ),
    ("+33 1 ## ## ## ##", "02.##.##.##.##", "0033 3 81 ## ## ##"),
    _words("Directrice des achats, Gérant, Responsable d'entrepôt, Comptabilité, Ingénieur commercial"),
)
DENMARK = Country(
    "DK",
    "dk",
    _words("Søren, Mette, Jørgen, Åse, Bjørn, Kirsten, Rasmus, Ærena, Lærke, Niels Ole"),
    _words("Sørensen, Kjær, Ågård, Nørgaard, Østergaard, Lund, Bækgaard, Holm-Jensen"),
    _words("Møbler, Fødevarer, Skibsværft, Tømmerhandel, Værktøj, Bryggeri, Gartneri"),
    ("{last} {trade} A/S", "{last} & {other} ApS", "{town} {trade} I/S", "Brdr. {last} {trade}"),
    ("Strandvejen ##", "Ærøgade #, #. th.", "Nørre Allé ###", "Havnegade ##@"),
    (
        ("København Ø", "2100", "Hovedstaden"),
        ("Århus", "8###", "Midtjylland"),
        ("Ærøskøbing", "5970", "Syddanmark"),
    ),
    ("+45 ## ## ## ##", "########", "0045 ####-####"),
    _words("Indkøbschef, Direktør, Lagerchef, Bogholder, Salgskonsulent"),
)
TURKEY = Country(
    "TR",
    "com.tr",
    _words("Işıl, Çağla, Ömer, Gülşen, İbrahim, Şükrü, Ayşe Nur, Doğan, Ümit, Mehmet Ali"),
    _words("Yılmaz, Öztürk, Çelik, Şahin, Kılıç, Güneş, İnönü, Doğru, Ağaoğlu"),
    _words("Tekstil, İnşaat, Gıda, Ambalaj, Dış Ticaret, Mobilya, Lojistik"),
    ("{last} {trade} A.Ş.", "{last} {trade} Sanayi ve Ticaret Ltd. Şti.", "{town} {trade} Kooperatifi"),
    ("Atatürk Bulvarı No: ###", "İstiklal Cad. ## Kat: #", "Organize Sanayi Bölgesi, #. Cadde No: ##"),
    (("İstanbul", "34###", "Marmara"), ("İzmir", "35###", "Ege"), ("Eskişehir", "26###", "İç Anadolu")),
    ("+90 212 ### ## ##", "0 (232) ### ## ##", "0222#######"),
    _words("Satın Alma Müdürü, Genel Müdür, Muhasebe, İhracat Sorumlusu"),
)
COUNTRIES = (GERMANY, GERMANY, BRITAIN, FRANCE, DENMARK, TURKEY)  # the company is German: twice as likely

# Names that have broken somebody's integration: quotes, SQL and OData wildcards, markup, separators, lengths.
AWKWARD_FIRMS = (
    "O'Neil & Sons",
    'Restaurant "Café Größenwahn"',
    "50% Rabatt_Markt [Lübeck] *GmbH*",
    "L'Épicerie d'À Côté <SARL>",
    "Müller, Meyer; Söhne | Partner",
    "Straße + Gleis #1 (alt?) GmbH & Co. KG",
    "IŞIK İplik Sanayi ve Ticaret A.Ş.",
    "C:\\Lager\\Süd GmbH",
    "null",
    "東京商事 Deutschland GmbH",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft Österreich-Süd mbH",
)
AWKWARD_PROSPECTS = (
    "D'Artagnan & Cie",
    '"Zum Goldenen Löwen" Gaststätten',
    "sørensen & søn a/s",
    "A_B%C [x] Ltd",
    "Ünal Çiçekçilik – Şube 2",
    "Groß & Klein; Hoch\\Tief",
    "undefined",
)
LONG_TAIL = " – Niederlassung für Groß- und Außenhandel, Import und Export, Vertrieb, Lagerung und Überseetransport"
ITEM_NOUNS = _words(
    "Schreibtischstuhl, Büroregal, Lötkolben, Kaffeemühle, Türgriff, Drehmomentschlüssel, Desk lamp, Coat rack, "
    "Whiteboard, Tablecloth, Étagère, Chaise pliante, Kærnemælk 1 l, Bøjle, Halı, Çaydanlık"
)
ITEM_KINDS = _words(
    '"Athen", 19" schwarz, ½ Zoll, 100 % Baumwolle, Größe L, blau/weiß, Ø 12 mm, 3 x 5 m, Pro+, Classic'
)
RESOURCE_WORK = _words(
    "Montage, Beratung, Gabelstapler, Schweißroboter, Aufmaß, Delivery van, Training, CNC-Fräse, Wartung"
)
USERS = (
    User("Annette", "Hölscher", "annette.hoelscher@cronus.example", "AH"),
    User("Bjørn", "Kjærgaard", "bjoern.kjaergaard@cronus.example", "BK"),
    User("Lucy", "O'Malley", "lucy.o'malley@cronus.example", "LO"),
    User("Mehmet Ali", "Güneş", "mehmet.gunes@cronus.example"),
    User("Zoë", "Weiß-Lüdenscheidt", "zoe.weiss@cronus.example"),
    User("Jean-François", "d'Aubigné", "jean-francois.daubigne@cronus.example"),
    User("Gerd", "Ausgeschieden", "gerd.ausgeschieden@cronus.example", disabled=True),
    User("#", "Portal-Dienst", "portal@cronus.example", integration=True),
    User("Petra", "Praktikantin", "petra.praktikantin@cronus.example", licensed=False),
)
