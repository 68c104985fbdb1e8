"""Makes the vendored pictograms from public packages; see README.md for versions and the command.

usage: make.py FOLDER   (FOLDER holds one unpacked package a sub-folder, named <package>-<version>)
"""
import gzip, json, pathlib, re, sys

SETS = {
    "noto": "iconify-json-noto-1.2.9",
    "noto-v1": "iconify-json-noto-v1-1.2.5",
    "fluent-emoji": "iconify-json-fluent-emoji-1.2.7",
    "fluent-emoji-flat": "iconify-json-fluent-emoji-flat-1.2.6",
    "fxemoji": "iconify-json-fxemoji-1.2.2",
}
TEXT = "emojibase-data-17.0.0"

# A plain singular noun for each subgroup that is kept; a subgroup without one is left out (faces among them: their names tell apart what a small picture does not).
KINDS = {
    "animal-mammal": "mammal", "animal-bird": "bird", "animal-amphibian": "reptile", "animal-reptile": "reptile",
    "animal-marine": "sea animal", "animal-bug": "insect", "plant-flower": "flower", "plant-other": "plant",
    "food-fruit": "fruit", "food-vegetable": "vegetable", "food-prepared": "dish", "food-asian": "asian dish",
    "food-sweet": "sweet", "drink": "drink", "dishware": "tableware",
    "place-map": "map", "place-geographic": "landscape", "place-building": "building", "place-religious": "building",
    "place-other": "place", "transport-ground": "vehicle", "transport-water": "boat", "transport-air": "aircraft",
    "hotel": "travel item", "time": "clock", "sky-weather": "weather sign", "event": "party item",
    "award-medal": "award", "sport": "sport item", "game": "game", "arts-crafts": "craft item",
    "clothing": "clothing", "sound": "sound sign", "music": "music item", "musical-instrument": "instrument",
    "phone": "phone", "computer": "computer part", "light-video": "camera item", "book-paper": "paper item",
    "money": "money", "mail": "mail item", "writing": "pen", "office": "office item", "lock": "lock",
    "tool": "tool", "science": "science item", "medical": "medical item", "household": "household item",
    "body-parts": "body part",
}
# Clock faces differ by their hands only, which a small picture hides.
LEFT_OUT = re.compile(r"o.clock|-thirty")

# Written for this project, one for each food concept, checked against the pictures.
GLOSSES = {
    "grapes": "small round berries that grow in a bunch on a vine",
    "melon": "a large round fruit with sweet pale flesh",
    "watermelon": "a large green fruit with red watery flesh and black seeds",
    "tangerine": "a small sweet citrus fruit that is easy to peel",
    "lemon": "a yellow citrus fruit with sour juice",
    "lime": "a green citrus fruit with sour juice",
    "banana": "a long curved yellow fruit with soft flesh",
    "pineapple": "a tropical fruit with a rough skin and spiky leaves",
    "mango": "a tropical fruit with sweet orange flesh and a large stone",
    "red apple": "a round crisp fruit with red skin",
    "green apple": "a round crisp and rather sour fruit with green skin",
    "pear": "a sweet juicy fruit that is narrow at the top",
    "peach": "a soft round fruit with furry skin and a stone",
    "cherries": "small round red fruits with stalks and stones",
    "strawberry": "a soft red fruit with small seeds on its skin",
    "blueberries": "small round blue berries that grow on a bush",
    "kiwi fruit": "a brown furry fruit with green flesh and black seeds",
    "tomato": "a soft red fruit that is eaten in salads and sauces",
    "olive": "a small oval fruit that is pressed for oil",
    "coconut": "a large hard brown nut with white flesh and sweet water",
    "avocado": "a green fruit with rich soft flesh and one large stone",
    "eggplant": "a long purple vegetable with smooth shiny skin",
    "potato": "a brown starchy root that is boiled, baked or fried",
    "carrot": "a long orange root with green leaves",
    "ear of corn": "rows of yellow grains on a thick stem",
    "hot pepper": "a thin red pod that tastes burning hot",
    "bell pepper": "a large hollow pod with a mild sweet taste",
    "cucumber": "a long green vegetable that is eaten raw",
    "leafy green": "a vegetable of which the leaves are eaten",
    "broccoli": "a green vegetable with a thick stem and a bushy head",
    "garlic": "a white bulb of strong smelling cloves",
    "onion": "a round bulb with many layers that makes the eyes water",
    "peanuts": "nuts that grow in pods under the ground",
    "beans": "seeds of a climbing plant that are boiled and eaten",
    "chestnut": "a shiny brown nut that is roasted in winter",
    "ginger root": "a knobbly root with a hot taste",
    "pea pod": "a green pod that holds a row of round seeds",
    "brown mushroom": "an edible fungus with a brown cap",
    "root vegetable": "a vegetable that grows under the ground",
    "bread": "baked dough of flour and water, cut in slices",
    "croissant": "a flaky roll of buttery dough in the shape of a crescent",
    "baguette bread": "a long thin french loaf with a crisp crust",
    "flatbread": "a thin round bread that is baked without rising much",
    "pretzel": "a salted baked knot of dough",
    "bagel": "a chewy bread roll in the shape of a ring",
    "pancakes": "flat round cakes of batter that are fried in a pan",
    "waffle": "a crisp cake of batter with a pattern of squares",
    "cheese wedge": "a yellow piece of pressed milk curd with holes",
    "meat on bone": "a large piece of roasted meat around a bone",
    "poultry leg": "the cooked leg of a chicken or turkey",
    "cut of meat": "a raw slice of beef with fat and a bone",
    "bacon": "thin salted slices of pork that are fried",
    "hamburger": "a round roll with a fried patty of minced beef",
    "french fries": "thin sticks of potato that are fried in oil",
    "pizza": "a flat baked dough with tomato, cheese and toppings",
    "hot dog": "a hot sausage in a long soft roll",
    "sandwich": "two slices of bread with a filling between them",
    "taco": "a folded corn tortilla with meat and salad",
    "burrito": "a rolled wheat tortilla with beans and meat",
    "tamale": "corn dough steamed in a leaf",
    "stuffed flatbread": "a pocket of flat bread filled with meat and salad",
    "falafel": "fried balls of ground chickpeas",
    "egg": "an oval food laid by a hen",
    "cooking": "an egg that is fried in a pan",
    "shallow pan of food": "rice with seafood that is served in a wide pan",
    "pot of food": "a stew in a deep pot",
    "fondue": "melted cheese in a pot into which bread is dipped",
    "bowl with spoon": "a bowl of food that is eaten with a spoon",
    "green salad": "a bowl of fresh leaves and raw vegetables",
    "popcorn": "grains of corn that burst open when heated",
    "butter": "a yellow block of fat made from cream",
    "salt": "white grains that season food",
    "canned food": "food that is kept in a closed metal tin",
    "bento box": "a japanese lunch box with several small dishes",
    "rice cracker": "a crisp round cake of rice with seaweed",
    "rice ball": "a triangle of pressed rice wrapped in seaweed",
    "cooked rice": "a bowl of boiled white grains",
    "curry rice": "rice beside a thick spicy brown sauce",
    "steaming bowl": "a hot bowl of noodles in soup",
    "spaghetti": "long thin noodles with a sauce",
    "roasted sweet potato": "a baked root with purple skin and yellow flesh",
    "oden": "fish cakes and eggs on a skewer from a broth",
    "sushi": "bites of rice topped with raw fish",
    "fried shrimp": "a shrimp that is fried in batter",
    "fish cake with swirl": "a white slice of fish paste with a pink spiral",
    "moon cake": "a round chinese pastry with a sweet filling",
    "dango": "three sweet rice balls on a stick",
    "dumpling": "a small pocket of dough with a filling",
    "fortune cookie": "a folded crisp biscuit with a paper message inside",
    "takeout box": "a folded paper box for food to carry home",
    "soft ice cream": "a swirl of frozen cream in a cone",
    "shaved ice": "a cup of crushed ice with coloured syrup",
    "ice cream": "scoops of sweet frozen cream in a bowl",
    "doughnut": "a sweet fried ring of dough with icing",
    "cookie": "a flat sweet biscuit with chocolate chips",
    "birthday cake": "a decorated cake with candles",
    "shortcake": "a slice of sponge cake with cream and a strawberry",
    "cupcake": "a small cake with icing in a paper cup",
    "pie": "a baked crust of pastry with a filling",
    "chocolate bar": "a brown sweet block made from cocoa",
    "candy": "a small piece of boiled sugar in a wrapper",
    "lollipop": "a round piece of boiled sugar on a stick",
    "custard": "a soft pudding of milk and eggs with caramel",
    "honey pot": "a pot of the sweet food that bees make",
    "baby bottle": "a bottle with a soft teat for feeding infants",
    "glass of milk": "a glass of the white liquid that cows give",
    "hot beverage": "a steaming cup of coffee or tea",
    "teapot": "a pot with a spout for brewing tea",
    "teacup without handle": "a small round cup of green tea",
    "sake": "a bottle and cup of japanese rice wine",
    "bottle with popping cork": "a bottle of sparkling wine that is being opened",
    "wine glass": "a glass on a stem with red wine",
    "cocktail glass": "a cone shaped glass with a mixed drink",
    "tropical drink": "a sweet mixed drink with a slice of fruit and a straw",
    "beer mug": "a large glass of beer with a handle and foam",
    "clinking beer mugs": "two mugs of beer that touch for a toast",
    "clinking glasses": "two glasses of sparkling wine that touch for a toast",
    "tumbler glass": "a short glass of whisky with ice",
    "pouring liquid": "a glass from which a liquid is poured out",
    "cup with straw": "a covered paper cup with a straw",
    "bubble tea": "sweet milk tea with chewy pearls and a straw",
    "beverage box": "a small carton of juice with a straw",
    "mate": "a strong herbal tea that is drunk from a gourd",
    "ice": "a cube of frozen water",
    "chopsticks": "a pair of thin sticks for eating",
    "fork and knife with plate": "a plate with cutlery on both sides",
    "fork and knife": "two pieces of metal cutlery",
    "spoon": "a small bowl on a handle for eating soup",
    "kitchen knife": "a long sharp blade for cutting food",
    "jar": "a wide glass container with a lid",
    "amphora": "an ancient clay jug with two handles",
}


def plain(name):
    return re.sub("[^a-z0-9]", "", name.lower())


def shortened(body):
    """Numbers with at most two decimals: a hundredth of a unit is a fortieth of a pixel where pictures are shown."""
    return re.sub(r"(\d*\.\d{2})\d+", lambda m: m.group(1).rstrip("0").rstrip(".") or "0", body)


def main(folder):
    here = pathlib.Path(__file__).parent
    text = folder / TEXT / "package"
    entries = json.load(open(text / "en/data.json"))
    meta = json.load(open(text / "meta/groups.json"))
    sets = {name: json.load(open(folder / path / "package/icons.json")) for name, path in SETS.items()}
    names = {s: {plain(n): n for n in data["icons"]} for s, data in sets.items()}
    concepts, icons = [], {name: [] for name in SETS}
    for entry in entries:
        if "group" not in entry or "subgroup" not in entry:
            continue
        group = meta["groups"][str(entry["group"])]
        subgroup = meta["subgroups"][str(entry["subgroup"])]
        label = entry["label"]
        if subgroup not in KINDS or LEFT_OUT.search(label):
            continue
        key = plain(label)
        styles = [s for s in SETS if key in names[s]]
        if len(styles) < 2:
            continue
        identity = re.sub("[^a-z0-9]+", "-", label.lower()).strip("-")
        name = label.lower().replace("’", "'")
        if group == "food-drink" and name not in GLOSSES:
            sys.exit(f"no gloss for {name}")
        concept = {"id": identity, "name": name, "group": group, "subgroup": subgroup, "kind": KINDS[subgroup],
                   "keywords": [t for t in entry["tags"] if t != name and len(t) > 1]}
        if name in GLOSSES:
            concept["gloss"] = GLOSSES[name]
        concepts.append(concept)
        for style in styles:
            data = sets[style]
            icon = data["icons"][names[style][key]]
            icons[style].append({"concept": identity, "width": icon.get("width", data.get("width", 16)),
                                 "height": icon.get("height", data.get("height", 16)), "body": shortened(icon["body"])})
    with open(here / "concepts.jsonl", "w") as out:
        for concept in concepts:
            out.write(json.dumps(concept, ensure_ascii=False) + "\n")
    for style, rows in icons.items():
        packed = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode()
        # No time stamp, so that the same input gives the same bytes.
        (here / f"{style}.jsonl.gz").write_bytes(gzip.compress(packed, 9, mtime=0))
        print(style, len(rows), "icons")
    food = [c for c in concepts if c["group"] == "food-drink"]
    print(len(concepts), "concepts,", len(food), "of them food and drink")


main(pathlib.Path(sys.argv[1]))
