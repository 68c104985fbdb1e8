"""Tables written by hand for make.py: which groups are kept, what kind of thing each is, and names that differ."""
import re

# Groups of emojibase that are kept, and of the others single subgroups.
GROUPS = {"smileys-emotion", "animals-nature", "food-drink", "travel-places", "activities", "objects"}
SUBGROUPS = {"body-parts"}

# A plain singular noun for every subgroup.
KINDS = {
    "face-smiling": "face", "face-affection": "face", "face-tongue": "face", "face-hand": "face",
    "face-neutral-skeptical": "face", "face-sleepy": "face", "face-unwell": "face", "face-hat": "face",
    "face-glasses": "face", "face-concerned": "face", "face-negative": "face", "face-costume": "figure",
    "cat-face": "face", "monkey-face": "face", "heart": "heart", "emotion": "comic sign", "body-parts": "body part",
    "animal-mammal": "mammal", "animal-bird": "bird", "animal-amphibian": "amphibian", "animal-reptile": "reptile",
    "animal-marine": "sea animal", "animal-bug": "bug", "plant-flower": "flower", "plant-other": "plant",
    "food-fruit": "fruit", "food-vegetable": "vegetable", "food-prepared": "prepared food",
    "food-asian": "prepared food", "food-sweet": "sweet", "drink": "drink", "dishware": "kitchenware",
    "place-map": "map", "place-geographic": "landscape", "place-building": "building", "place-religious": "building",
    "place-other": "landscape", "transport-ground": "land vehicle", "transport-water": "boat",
    "transport-air": "aircraft", "hotel": "travel item", "time": "timepiece", "sky-weather": "weather",
    "event": "party item", "award-medal": "award", "sport": "sport item", "game": "game", "arts-crafts": "craft item",
    "clothing": "clothing", "sound": "sound device", "music": "sound device",
    "musical-instrument": "musical instrument", "phone": "phone", "computer": "computer item",
    "light-video": "film item", "book-paper": "paper item", "money": "money", "mail": "mail item",
    "writing": "writing tool", "office": "office item", "lock": "lock", "tool": "tool", "science": "science item",
    "medical": "medical item", "household": "household item", "other-object": "household item",
}

# Concepts of which the subgroup's noun would be false. By kind, then by name.
EXCEPTIONS = {
    "figure": ["skull", "skull and crossbones", "snowman", "snowman without snow"],
    "mythical animal": ["unicorn", "dragon face", "dragon", "phoenix"],
    "animal part": ["pig nose", "paw prints", "feather", "wing", "spiral shell"],
    "animal home": ["empty nest", "nest with eggs", "spider web"],
    "fungus": ["mushroom"],
    "nut": ["peanuts", "chestnut"],
    "bread": ["bread", "croissant", "baguette bread", "flatbread", "pretzel", "bagel"],
    "rice dish": ["rice ball", "cooked rice", "curry rice", "sushi"],
    "meat": ["meat on bone", "poultry leg", "cut of meat", "bacon"],
    "fast food": ["hamburger", "french fries", "pizza", "hot dog", "sandwich", "taco", "burrito", "stuffed flatbread",
                  "falafel"],
    "sweet": ["moon cake", "dango", "fortune cookie"],
    "kitchenware": ["teapot"],
    "material": ["brick", "rock", "wood"],
    "monument": ["statue of liberty", "fountain", "moai"],
    "amusement ride": ["carousel horse", "playground slide", "ferris wheel", "roller coaster"],
    "building": ["tent", "circus tent", "station"],
    "sign": ["barber pole", "hot springs", "placard", "bus stop", "horizontal traffic light",
             "vertical traffic light", "stop sign", "construction"],
    "road": ["motorway", "railway track"],
    "vehicle part": ["wheel", "anchor", "ring buoy", "police car light"],
    "container": ["oil drum", "basket", "bucket"],
    "machine": ["fuel pump", "elevator", "slot machine"],
    "land vehicle": ["suspension railway", "mountain cableway", "aerial tramway"],
    "spacecraft": ["satellite", "rocket", "flying saucer"],
    "sky object": ["new moon", "waxing crescent moon", "first quarter moon", "waxing gibbous moon", "full moon",
                   "waning gibbous moon", "last quarter moon", "waning crescent moon", "crescent moon",
                   "new moon face", "first quarter moon face", "last quarter moon face", "sun", "full moon face",
                   "sun with face", "ringed planet", "star", "glowing star", "shooting star", "milky way", "comet"],
    "accessory": ["closed umbrella", "umbrella", "umbrella with rain drops", "umbrella on ground", "glasses",
                  "sunglasses", "goggles", "folding hand fan", "hair pick", "prayer beads", "lipstick", "ring",
                  "gem stone", "nazar amulet", "hamsa"],
    "element": ["fire", "droplet", "water wave"],
    "party item": ["piñata", "mirror ball"],
    "toy": ["yo-yo", "kite", "water pistol", "crystal ball", "magic wand", "puzzle piece", "teddy bear",
            "nesting dolls"],
    "playing card": ["spade suit", "heart suit", "diamond suit", "club suit", "joker", "flower playing cards"],
    "bag": ["luggage", "purse", "handbag", "clutch bag", "shopping bags", "backpack", "briefcase"],
    "sound device": ["bellhop bell"],
    "music sign": ["musical score", "musical note", "musical notes"],
    "light source": ["candle", "light bulb", "flashlight", "red paper lantern", "diya lamp"],
    "book": ["notebook with decorative cover", "closed book", "open book", "green book", "blue book", "orange book",
             "books", "notebook", "ledger"],
    "paper item": ["receipt", "memo"],
    "chart": ["chart increasing with yen", "chart increasing", "chart decreasing", "bar chart"],
    "mail item": ["love letter"],
    "office item": ["ballot box with ballot", "identification card"],
    "weapon": ["dagger", "crossed swords", "bomb", "boomerang", "bow and arrow", "shield"],
    "tool": ["compass", "magnifying glass tilted left", "magnifying glass tilted right", "abacus", "key", "old key"],
    "science item": ["thermometer"],
    "furniture": ["seat", "bed", "couch and lamp", "chair"],
    "funeral item": ["coffin", "headstone", "funeral urn"],
}

# Names that a set uses for a concept, where they differ by more than signs and case. Each was compared by eye.
ALIASES = {
    "fluent-emoji": {"phoenix": "phoenix-bird"},
    "fluent-emoji-flat": {"phoenix": "phoenix-bird"},
    "noto": {"piñata": "pinata"},
    "fxemoji": {
        "eggplant": "aubergine", "hot pepper": "chilipepper", "ear of corn": "earofmaize", "pizza": "sliceofpizza",
        "curry rice": "curryandrice", "fish cake with swirl": "fishcakeswirl", "sake": "sakebottleandcup",
        "kitchen knife": "hocho", "two-hump camel": "bactriancamel", "camel": "dromedarycamel",
        "bouquet": "bouquetofflowers", "mobile phone": "cellphone", "chart decreasing": "chartdownwardstrend",
        "chart increasing": "chartupwardstrend", "chart increasing with yen": "chartupwardstrendyen",
        "dagger": "daggerknife", "bullseye": "directhit", "dove": "doveofpeace", "dragon face": "dragonhead",
        "dragon": "dragonside", "sheaf of rice": "earofrice", "flashlight": "electrictorch",
        "castle": "europeancastle", "post office": "europeanpostoffice", "evergreen tree": "evergreen",
        "fallen leaf": "fallingleaf", "sparkler": "fireworksparkler", "fishing pole": "fishingpoleandfish",
        "gem stone": "gem", "hamster": "hampster", "green heart": "heartgreen",
        "purple heart": "heartpurple", "yellow heart": "heartyellow", "heart with arrow": "heartarrow",
        "heart with ribbon": "heartribbon", "house": "housebuilding", "houses": "housebuildings",
        "hourglass done": "hourglass", "hourglass not done": "hourglassflowingsand",
        "red paper lantern": "izakayalantern", "leaf fluttering in wind": "leaffluttering", "leopard": "leopardside",
        "tiger": "tigerside", "mouse": "mouseside", "pig": "pigside", "pig nose": "pigsnout", "dog": "dogside",
        "cat": "catside", "locked": "lock", "locked with key": "lockandkey", "locked with pen": "lockwithinkpen",
        "unlocked": "openlock", "mahjong red dragon": "mahjong", "man’s shoe": "mensshoe",
        "running shoe": "mensrunner", "high-heeled shoe": "heels", "woman’s boot": "boot", "moai": "moyai",
        "computer disk": "minidisc", "optical disk": "opticaldisc", "musical notes": "multiplemusicalnotes",
        "open file folder": "openfolder", "file folder": "folder", "panda": "pandaface",
        "police car light": "policecarsrevolvinglight", "wrapped gift": "present", "racing car": "racecar",
        "sport utility vehicle": "recreationalvehicle", "bell": "ringingbell", "backpack": "schoolsatchel",
        "ewe": "sheep", "snow-capped mountain": "snowmountains", "speech balloon": "speechbubble",
        "spiral calendar": "spiralcalendarpad", "spouting whale": "spurtingwhale", "locomotive": "steamlocomotive",
        "studio microphone": "studiomic", "cloud with rain": "raincloud", "cloud with snow": "snowcloud",
        "tennis": "tennisball", "thought balloon": "thoughtbaloon", "necktie": "tie", "Tokyo tower": "toykotower",
        "videocassette": "videocasette", "wolf": "wolfface", "woman’s clothes": "womansshirt",
        "t-shirt": "mansshirt", "pile of poo": "poo", "skis": "skiandskiboot",
        "front-facing baby chick": "frontfacingchick", "full moon face": "fullmoonwithface",
        "new moon face": "newmoonwithface", "bell with slash": "bellcancellation", "pool 8 ball": "billiards",
        "globe showing Americas": "americasglobe", "globe showing Asia-Australia": "asiaaustraliaglobe",
        "globe showing Europe-Africa": "europeafricaglobe", "globe with meridians": "meridianglobe",
        "mantelpiece clock": "manltepiececlock", "framed picture": "framewithpicture",
        "bullet train": "highspeedtrainbulletnose", "yen banknote": "banknoteyen", "dollar banknote": "banknotedollar",
        "euro banknote": "banknoteeuro", "pound banknote": "banknotepound", "two hearts": "2hearts",
        "joker": "playingcardblackjoker", "cityscape at dusk": "sunsetoverbuildings", "mouth": "lips",
        "flexed biceps": "flexbicep", "outbox tray": "outbox", "notebook with decorative cover":
        "notebookdecorativecover", "control knobs": "controlknob", "cloud with lightning": "stormcloud",
        "open mailbox with raised flag": "openmailboxraised", "open mailbox with lowered flag": "openmailboxlowered",
        "closed mailbox with raised flag": "closedmailboxraised",
        "closed mailbox with lowered flag": "closedmailboxlowered", "sweat droplets": "sweatsplash",
        "dashing away": "dash", "hundred points": "hundredpointssymbol", "anger symbol": "anger",
        "alien monster": "alienmonster",
    },
}

# Keywords that are slang, rude or mislead about a picture.
NOT_KEYWORDS = {
    "booty", "butt", "booze", "mad", "upset", "oops", "dionysus", "bottoms", "maze", "indecisive", "lol", "rofl", "lmao", "bruh", "yolo", "omg", "smh", "fml", "wtf", "sexy", "drunk", "nsfw", "bae",
    "stoned", "weed", "damn", "hell", "suck", "sucks", "stupid", "dumb", "idk", "idc", "ily", "bff", "brb", "ttyl",
}

# Categories of the health icons that are kept: the kind of thing, and words that go with it.
MEDICAL = {
    "Body": ("anatomy", ["body", "health"]),
    "Conditions": ("condition", ["illness", "patient"]),
    "Contraceptives": ("contraceptive", ["family planning", "prevention"]),
    "Devices": ("device", ["equipment", "clinic"]),
    "Diagnostics": ("diagnostic test", ["laboratory", "sample"]),
    "Medications": ("medicine", ["pharmacy", "treatment"]),
    "Ppe": ("protective gear", ["safety", "hygiene"]),
    "Specialties": ("specialty", ["hospital", "department"]),
}

# Numbered variants differ by a count or a detail that a small picture hides.
NOT_MEDICAL = re.compile(r"-x?\d+$|-alt$|\d")

# What the health icons are drawn in.
TINTS = {
    "red": "#d01c1c", "orange": "#f58a07", "yellow": "#f4d10c", "green": "#2e9e44", "blue": "#1e66d0",
    "purple": "#8a2fc0", "pink": "#f79ac0", "brown": "#6b3f1d", "black": "#141414", "gray": "#8a8a8a",
}
