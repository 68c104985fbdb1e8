"""Writes `reference.json`: what the published evaluation code gives, for `tests/suite/reference.rs`.

    git clone https://github.com/bigai-ai/QA-Synthesizer CHECKOUT
    python make_reference.py CHECKOUT

Made with CPython 3.10.13, rouge 1.0.1, scikit-learn 1.7.2 and revision 0cb4d19 of the checkout. The inputs are ours:
both this script and the test make them from the pieces below with the random numbers of CPython, so that only the
results have to be stored.
"""

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "vllm_inference"))
from utils import metric
from utils.llava_med.evaluate_metrics import calculate_f1score
from utils.llava_med.glossary import normalize_word

SEED = 20241129
WORDS = (
    "lung left Left the The a A an no No yes normal know another one two none zero ten isnt dont 'twas Ive its "
    "somebody'd oclock T2-weighted X-ray MRI CT (A) (B) B C D, (C). 3.5 1,000 0.5. .5 5. a.b x;y {z} semi_colon "
    "back\\slash =< > @ ` ?! ... . - -- ² ٣,٤ ٣.٤ İstanbul ΣΑΣ straße é ﬁ ǅ 肺 🫁 egg eggs tart tea steak eggplant "
    "rape grape grapes melon watermelon pear 7 12"
).split()
SPACES = [" "] * 8 + [". ", ", ", "", "-", "/", " - ", "? ", "\u00a0", "\u2028", "\n", "\x1c", ".", ". . "]
OPTIONS = ["CT", "MRI", "X-ray", "left lung", "a", "No", "ΣΑΣ", "egg", "eggplant", "", "(B)", "normal"]
NAMES = ["egg", "egg tart", "melon", "watermelon", "rape", "grape", "tea", "steak", "deprecated", "pear", "eggplant",
         "deprecated", "MRI", "left lung", "deprecated", "İstanbul", "a.b"]


def text(r, longest):
    return "".join(r.choice(WORDS) + r.choice(SPACES) for _ in range(r.randrange(longest)))


def numbers(values):
    return " ".join(repr(float(v)) for v in values)


def vqa(r):
    out = {"normalise": [normalize_word(text(r, 9)) for _ in range(300)], "recall": [], "closed": ""}
    for _ in range(2000):
        pred, gold = text(r, 12), text(r, 5)
        pred, gold = normalize_word(pred.lower()), normalize_word(gold.lower())
        out["recall"].append(calculate_f1score(pred, gold)[2])
        hit = ("yes" in pred or "no" in pred) and gold in pred
        out["closed"] += "1" if hit else "0"
    out["recall"] = numbers(out["recall"])
    return out


def choice(r):
    out = []
    for index in range(2000):
        pred = text(r, 7)
        contents = dict(zip("ABCD", r.sample(OPTIONS, 4)))
        option, drawn = metric.parse_multi_choice_response(pred, list("ABCD"), contents, index)
        out.append(option.lower() if drawn else option)
    return "".join(out)


def labels(r):
    by_id, to_id = dict(enumerate(NAMES)), {name: i for i, name in enumerate(NAMES)}
    out = {"found": [], "recall": [], "f1": []}
    for _ in range(1000):
        pred = text(r, 10)
        gold = [to_id[r.choice(NAMES)] for _ in range(r.randrange(4))]
        found = metric.parse_multi_label_response(pred, by_id)
        out["found"].append(" ".join(map(str, found)))
        for name in ("recall", "f1"):
            out[name].append(metric.compute_multi_label_scores(gold, found, 0, len(NAMES) - 1, name))
    return {"found": out["found"], "recall": numbers(out["recall"]), "f1": numbers(out["f1"])}


def rouge(r):
    scores = [metric.rouge([text(r, 40)], [text(r, 40)], return_list=True)[0] for _ in range(2000)]
    # Some with very long sentences, clear of the recursion limit's edge.
    for longest in (300, 900, 1100, 3000):
        for _ in range(3):
            long = " ".join(r.choice(WORDS[:20]) for _ in range(longest))
            short = " ".join(r.choice(WORDS[:20]) for _ in range(60))
            scores += metric.rouge([short], [long], return_list=True) + metric.rouge([long], [short], return_list=True)
            scores += metric.rouge([long], [long], return_list=True)
    return numbers(scores)


# `random.sample` is the one draw that the test does not have; four shuffled options are the same thing to it.
class Random(random.Random):
    def sample(self, population, k):
        items = list(population)
        self.shuffle(items)
        return items[:k]


golden = {"seed": SEED, "words": WORDS, "spaces": SPACES, "options": OPTIONS, "names": NAMES}
for number, (name, make) in enumerate([("vqa", vqa), ("choice", choice), ("labels", labels), ("rouge", rouge)]):
    golden[name] = make(Random(SEED + number))
path = Path(__file__).with_name("reference.json")
path.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
