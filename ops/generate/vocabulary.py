"""Words that invented Finns, companies and products are put together from."""

GIVEN = (
    "Aino", "Eino", "Helmi", "Väinö", "Aada", "Leo", "Sofia", "Oliver", "Emilia", "Elias",
    "Lumi", "Onni", "Venla", "Toivo", "Pihla", "Niilo", "Hilla", "Oiva", "Saana", "Tuukka",
    "Päivi", "Jarmo", "Marjatta", "Heikki", "Anneli", "Juhani", "Riitta", "Pekka", "Kaarina",
    "Tapio", "Göran", "Åsa", "Birgitta", "Björn", "Märta", "Henrik", "Anna-Liisa", "Veli-Matti",
)  # fmt: skip

FAMILY = (
    "Virtanen", "Korhonen", "Mäkinen", "Nieminen", "Mäkelä", "Hämäläinen", "Laine", "Heikkinen",
    "Koskinen", "Järvinen", "Lehtonen", "Lehtinen", "Saarinen", "Salminen", "Heinonen", "Niemi",
    "Heikkilä", "Kinnunen", "Salonen", "Turunen", "Salo", "Laitinen", "Tuominen", "Rantanen",
    "Karjalainen", "Jokinen", "Mattila", "Savolainen", "Lahtinen", "Ahonen", "Öhman", "Lindström",
    "Sjöberg", "Nyström", "Åkerlund", "Pöysti", "Hyvönen", "Äijälä",
)  # fmt: skip

STREETS = (
    "Mikonkatu", "Porrassalmenkatu", "Hallituskatu", "Koivukuja", "Kuusitie", "Rantapolku",
    "Tehtaankatu", "Myllytie", "Pajatie", "Lähdekuja", "Kirkkokatu", "Asemakatu", "Satamatie",
    "Vanha Viertotie", "Norra Esplanaden", "Skepparegatan", "Metsäpolku", "Niittykatu",
)  # fmt: skip

PLACES = (
    ("50100", "Mikkeli"), ("50130", "Mikkeli"), ("57130", "Savonlinna"), ("76100", "Pieksämäki"),
    ("78200", "Varkaus"), ("70100", "Kuopio"), ("80100", "Joensuu"), ("53100", "Lappeenranta"),
    ("45100", "Kouvola"), ("40100", "Jyväskylä"), ("00100", "Helsinki"), ("02100", "Espoo"),
    ("33100", "Tampere"), ("20100", "Turku"), ("90100", "Oulu"), ("65100", "Vaasa"),
    ("22100", "Mariehamn"), ("06100", "Porvoo"),
)  # fmt: skip

COMPANY_WORDS = (
    "Järvi", "Savo", "Kaista", "Lumo", "Pohja", "Koivu", "Saimaa", "Kuusi", "Valo", "Routa",
    "Vuoksi", "Utu", "Kallio", "Honka", "Tyrsky", "Kaiku",
)  # fmt: skip

COMPANY_TRADES = (
    "Rakennus", "Kuljetus", "Leipomo", "Konepaja", "Tilipalvelu", "Sähkö", "Puutarha",
    "Ohjelmisto", "Huonekalu", "Kiinteistö", "Apteekki", "Autohuolto",
)  # fmt: skip

ROLES = (
    "IT manager", "CEO", "purchaser", "office manager", "CFO", "network specialist",
    "store manager", "toimitusjohtaja", "hankintapäällikkö",
)  # fmt: skip

PRODUCTS = (
    ("fibre-100", "broadband", 2490), ("fibre-1000", "broadband", 3990),
    ("mobile-broadband-4g", "broadband", 1990), ("mobile-5g", "mobile", 2990),
    ("mobile-basic", "mobile", 1290), ("mobile-kids", "mobile", 890), ("tv-basic", "tv", 990),
    ("tv-sports", "tv", 2490), ("security-home", "security", 690),
    ("security-office", "security", 1490), ("cloud-backup", "cloud", 590),
    ("router-wifi6", "devices", 12900), ("phone-handset", "devices", 39900),
)  # fmt: skip
"""(product, category, price in euro cents)."""

MOBILE_PREFIXES = ("40", "41", "44", "45", "46", "50")
"""Finnish mobile prefixes; the seven digits after them are drawn."""
