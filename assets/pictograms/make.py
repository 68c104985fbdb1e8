"""Makes the vendored pictograms from public packages; README.md names the versions and the command.

usage: make.py PACKAGES   (one unpacked package a sub-folder, named <package>-<version>)

Needs `resvg-py` 0.5.0, `pillow` and `numpy` for the colours, and WordNet 3.0's files in /usr/share/wordnet.
"""
import collections, gzip, io, json, pathlib, re, sys, zlib

import numpy
import resvg_py
from PIL import Image

from tables import ALIASES, EXCEPTIONS, GROUPS, KINDS, MEDICAL, NOT_KEYWORDS, NOT_MEDICAL, SUBGROUPS, TINTS

HERE = pathlib.Path(__file__).parent
SETS = {
    "noto": "iconify-json-noto-1.2.9",
    "fluent-emoji": "iconify-json-fluent-emoji-1.2.7",
    "fluent-emoji-flat": "iconify-json-fluent-emoji-flat-1.2.6",
    "noto-v1": "iconify-json-noto-v1-1.2.5",
    "fxemoji": "iconify-json-fxemoji-1.2.2",
}
HEALTH = "iconify-json-healthicons-1.2.13"
# The four drawings of a health icon, by what its name ends in.
HEALTH_STYLES = {"healthicons": "", "healthicons-24px": "-24px", "healthicons-outline": "-outline",
                 "healthicons-outline-24px": "-outline-24px"}
TEXT = "emojibase-data-17.0.0"
CLDR = "cldr-annotations-full-48.2.0"
WORDNET = pathlib.Path("/usr/share/wordnet/data.noun")
# Clock faces differ by their hands only, which a small picture hides.
LEFT_OUT = re.compile(r"o.clock$|-thirty$")
# Side in pixels at which the colours are counted.
SIDE = 72
# Mean difference, of 255, that fewer digits may make.
LOSS = 0.25


def plain(name):
    """What names are compared by: letters and digits alone."""
    return re.sub("[^a-z0-9]", "", name.lower())


# --- Drawings ---------------------------------------------------------------------------------------------------


def shortened(body, box):
    """The drawing with fewer digits: an eightieth of a pixel is the finest that a picture of 72 px could show."""
    decimals = 2 if box <= 128 else 1

    def number(text, digits):
        value = f"{float(text):.{digits}f}"
        value = value.rstrip("0").rstrip(".") if "." in value else value
        value = "0" if value == "-0" else value
        return re.sub(r"^(-?)0\.", r"\1.", value)

    def path(match):
        out = ""
        for token in re.findall(r"[a-zA-Z]|-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?", arcs(match.group(2))):
            if token.isalpha():
                out += token
                continue
            text = number(token, decimals)
            last = re.search(r"[\d.]+$", out)
            joined = not last or text[0] == "-" or text[0] == "." and "." in last.group()
            out += text if joined else " " + text
        return f'{match.group(1)}"{out}"'

    def few(match):
        return re.sub(r"\d+\.\d+", lambda m: number(m.group(), decimals), match.group())

    body = re.sub(r'(\sd=)"([^"]*)"', path, body)
    body = re.sub(r'\s(?:points|c?[xy][12]?|r[xy]?|f[xy]|width|height|stroke-width)="[^"]*"', few, body)
    # Matrices multiply what follows, so that five digits are kept however small the number is.
    body = re.sub(r"\d*\.\d{5,}", lambda m: f"{float(m.group()):.5g}" if "e" not in f"{float(m.group()):.5g}"
                  else m.group(), body)
    names = {}
    for name in re.findall(r'\sid="([^"]+)"', body):
        names.setdefault(name, "abcdefghijklmnopqrstuvwxyz"[len(names) % 26] + str(len(names) // 26 or ""))
    for name, short in names.items():
        body = body.replace(f'id="{name}"', f'id="{short}"').replace(f"url(#{name})", f"url(#{short})")
        body = body.replace(f'href="#{name}"', f'href="#{short}"')
    return body


def arcs(data):
    """Path data in which the two flags of every arc stand apart, so that numbers can be told from flags."""
    number = r"\s*,?\s*(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)"
    flag = r"\s*,?\s*([01])"
    one = re.compile(number * 3 + flag * 2 + number * 2)

    def arc(match):
        return match.group(1) + one.sub(lambda m: " " + " ".join(m.groups()) + " ", match.group(2))

    return re.sub(r"([aA])([^a-zA-Z]*)", arc, data)


def svg(drawing, side):
    width, height = drawing["width"], drawing["height"]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}" width="{side}" height="{side}">{drawing["body"]}</svg>')


def render(drawing, side):
    """Red, green, blue and alpha, 0 to 255."""
    data = resvg_py.svg_to_bytes(svg_string=svg(drawing, side), skip_system_fonts=True)
    return numpy.asarray(Image.open(io.BytesIO(bytes(data))).convert("RGBA"))


def on_white(picture):
    """Red, green and blue, 0 to 255, over a white ground."""
    alpha = picture[..., 3:] / 255
    return picture[..., :3] * alpha + 255 * (1 - alpha)


# --- Colours ----------------------------------------------------------------------------------------------------

COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "gray", "white"]


def colour_names(pixels):
    """The index in COLOURS of each pixel [n, 3] in 0..1, by lightness, chroma (both 0..1) and hue (degrees)."""
    high, low = pixels.max(1), pixels.min(1)
    lightness, chroma = (high + low) / 2, high - low
    red, green, blue = pixels.T
    safe = numpy.where(chroma > 0, chroma, 1)
    hue = 60 * numpy.select([high == red, high == green], [(green - blue) / safe % 6, (blue - red) / safe + 2],
                            (red - green) / safe + 4)
    rules = [
        ((lightness < 0.14) | (chroma < 0.16) & (lightness < 0.3), "black"),
        ((lightness > 0.92) | (chroma < 0.16) & (lightness > 0.75), "white"),
        (chroma < 0.16, "gray"),
        (((hue < 20) | (hue >= 340)) & (lightness > 0.72), "pink"),
        (((hue < 12) | (hue >= 340)) & (lightness < 0.6) & (chroma < 0.35), "brown"),
        ((hue >= 8) & (hue < 45) & ((lightness < 0.36) | (lightness < 0.65) & (chroma < 0.56)), "brown"),
        ((hue < 11) | (hue < 15.5) & (lightness < 0.58), "red"),
        (hue < 38, "orange"),
        (hue < 62, "yellow"),
        (hue < 176, "green"),
        (hue < 255, "blue"),
        (hue < 318, "purple"),
        (hue < 340, "pink"),
    ]
    return numpy.select([rule for rule, _ in rules], [COLOURS.index(name) for _, name in rules],
                        COLOURS.index("red"))


def colours(picture):
    """Colour names with their share in percent, the main one first; those under 4 % are left out.

    They are ranked with white and gray at a third of their share: both are mostly light, shade and plates.
    """
    picture = picture.reshape(-1, 4)
    opaque = picture[picture[:, 3] > 200][:, :3] / 255
    if not len(opaque):
        return []
    shares = numpy.bincount(colour_names(opaque), minlength=len(COLOURS)) / len(opaque)
    weights = [1 / 3 if name in ("white", "gray") else 1 for name in COLOURS]
    ranked = sorted(range(len(COLOURS)), key=lambda i: -shares[i] * weights[i])
    return [[COLOURS[i], round(100 * shares[i])] for i in ranked if i == ranked[0] or shares[i] >= 0.04]


# --- Text -------------------------------------------------------------------------------------------------------


def glosses():
    """Concept to (source, gloss) of glosses.tsv; what is marked `wordnet` has to be found there word for word."""
    known = set()
    for line in WORDNET.read_text().splitlines():
        if " | " in line:
            gloss = line.split(" | ", 1)[1]
            gloss = re.sub(r"^\([^)]*\)\s*", "", gloss)
            known.update(part.strip() for part in re.split(r";|\s\(", gloss))
    out = {}
    for line in (HERE / "glosses.tsv").read_text().splitlines():
        concept, source, gloss = line.split("\t")
        if source == "wordnet" and gloss not in known:
            sys.exit(f"the gloss of {concept} is not in WordNet: {gloss}")
        out[concept] = gloss
    return out


def rank_keywords(concepts):
    """Keywords that neighbours share come first: they say what it is rather than how it is used.

    Those that only repeat a word of the name, or what all of food is, come last. The kinds of other things are left
    out: a tomato that goes with `vegetable` is not false, but no help to a question about kinds.
    """
    kinds = {c["kind"] for c in concepts}
    often = collections.Counter((c["subgroup"], k) for c in concepts for k in c["keywords"])
    for concept in concepts:
        own = set(concept["name"].split()) | {concept["kind"], "food"}
        dropped = NOT_KEYWORDS | kinds - {concept["kind"]} | {concept["name"]}
        kept = [k for k in concept["keywords"] if k not in dropped] or [concept["kind"]]
        concept["keywords"] = sorted(kept, key=lambda k: (k in own, -often[concept["subgroup"], k]))


def main(folder):
    text = folder / TEXT / "package"
    entries = json.load(open(text / "en/data.json"))
    meta = json.load(open(text / "meta/groups.json"))
    cldr = json.load(open(folder / CLDR / "package/annotations/en/annotations.json"))["annotations"]["annotations"]
    sets = {name: json.load(open(folder / path / "package/icons.json")) for name, path in SETS.items()}
    names = {}
    for style, data in sets.items():
        parents = {n: a["parent"] for n, a in data.get("aliases", {}).items() if len(a) == 1}
        names[style] = {plain(n): p for n, p in parents.items()} | {plain(n): n for n in data["icons"]}
    exceptions = {name: kind for kind, members in EXCEPTIONS.items() for name in members}
    gloss_of = glosses()
    concepts, drawings = [], {name: [] for name in SETS}
    for entry in entries:
        if "group" not in entry or "subgroup" not in entry:
            continue
        group, subgroup = meta["groups"][str(entry["group"])], meta["subgroups"][str(entry["subgroup"])]
        label = entry["label"]
        if group not in GROUPS and subgroup not in SUBGROUPS or LEFT_OUT.search(label):
            continue
        identity = re.sub("[^a-z0-9]+", "-", label.lower().replace("ñ", "n").replace("’", "")).strip("-")
        name = label.lower().replace("’", "'")
        tags = entry.get("tags", []) + cldr.get(entry["emoji"].replace("\ufe0f", ""), {}).get("default", [])
        keywords = [t.lower() for t in dict.fromkeys(tags) if len(t) > 1 and re.fullmatch(r"[A-Za-z][A-Za-z -]+", t)]
        concept = {"concept": identity, "name": name, "code": entry["hexcode"].lower(), "group": group,
                   "subgroup": subgroup, "kind": exceptions.pop(name, KINDS[subgroup]),
                   "keywords": list(dict.fromkeys(keywords))}
        if identity in gloss_of:
            concept["gloss"] = gloss_of.pop(identity)
        elif group == "food-drink":
            sys.exit(f"no gloss for {identity}")
        shown = {}
        for style, data in sets.items():
            icon = names[style].get(plain(ALIASES.get(style, {}).get(label, label)))
            if icon is None:
                if label in ALIASES.get(style, {}):
                    sys.exit(f"{style} has no {ALIASES[style][label]}")
                continue
            drawing, shown[style] = drawn(identity, style, data, data["icons"][icon])
            drawings[style].append(drawing)
        if not shown:
            continue
        reference = next(iter(shown.values()))
        concept |= {"main_colour": reference[0][0], "colours": [name for name, _ in reference], "pictures": shown}
        concepts.append(concept)
    for left in (exceptions, gloss_of):
        if left:
            sys.exit(f"no such concept: {', '.join(left)}")
    rank_keywords(concepts)
    health_concepts, health_drawings = health(folder)
    write(concepts + health_concepts, drawings | health_drawings)


def drawn(identity, style, data, raw):
    """The drawing as it is packed, and its colours."""
    drawing = {"concept": identity, "width": raw.get("width", data.get("width", 16)),
               "height": raw.get("height", data.get("height", 16)), "body": raw["body"]}
    whole = render(drawing, SIDE)
    drawing["body"] = shortened(raw["body"], drawing["width"])
    picture = render(drawing, SIDE)
    # A few drawings need all their digits.
    if numpy.abs(on_white(picture) - on_white(whole)).mean() > LOSS:
        drawing["body"], picture = raw["body"], whole
    found = colours(picture)
    if not found:
        sys.exit(f"{identity} of {style} is blank")
    return drawing, found


def health(folder):
    """The medical icons. They have no colour of their own, so that each drawing gets one, drawn by its name."""
    package = folder / HEALTH / "package"
    data = json.load(open(package / "icons.json"))
    categories = json.load(open(package / "metadata.json"))["categories"]
    concepts, drawings, seen = [], {style: [] for style in HEALTH_STYLES}, set()
    for category, (kind, keywords) in MEDICAL.items():
        for icon in categories[category]:
            name = icon.replace("-", " ")
            if icon.endswith(("-outline", "-24px")) or NOT_MEDICAL.search(icon) or icon in seen:
                continue
            seen.add(icon)
            shown, identity = {}, f"medical-{icon}"
            for style, end in HEALTH_STYLES.items():
                raw = data["icons"].get(icon + end)
                if raw is None:
                    continue
                tint = list(TINTS.values())[zlib.crc32(f"{icon} {style}".encode()) % len(TINTS)]
                raw = raw | {"body": raw["body"].replace("currentColor", tint)}
                drawing, shown[style] = drawn(identity, style, data, raw)
                drawings[style].append(drawing)
            reference = next(iter(shown.values()))
            concepts.append({"concept": identity, "name": name.removeprefix("ppe "), "code": icon, "group": "medical",
                             "subgroup": f"medical-{category.lower()}", "kind": kind, "keywords": keywords,
                             "main_colour": reference[0][0], "colours": [name for name, _ in reference],
                             "pictures": shown})
    return concepts, drawings


def write(concepts, drawings):
    with open(HERE / "concepts.jsonl", "w") as out:
        for concept in concepts:
            out.write(json.dumps(concept, ensure_ascii=False, separators=(",", ":")) + "\n")
    for style, rows in drawings.items():
        packed = "".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in rows).encode()
        # No time stamp, so that the same input gives the same bytes.
        (HERE / f"{style}.jsonl.gz").write_bytes(gzip.compress(packed, 9, mtime=0))
    for what in ("food-drink", "medical", "all"):
        part = [c for c in concepts if what in (c["group"], "all")]
        counts = {style: sum(style in c["pictures"] for c in part) for style in drawings}
        print(what, len(part), "concepts,", sum(counts.values()), "pictures", counts,
              len({c["kind"] for c in part}), "kinds", sum("gloss" in c for c in part), "glosses")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
