"""Writes `rouge.json`: ROUGE-L of the `rouge` package, for `tests/suite/rouge.rs`.

    pip install rouge==1.0.1
    python make_rouge.py          (made with CPython 3.11.7)

Texts are stored as they are: some chosen for what stands between and after full stops, the others drawn. `null` is where the
package fails.
"""

import json
import platform
import random
from importlib.metadata import version
from pathlib import Path

from rouge import Rouge

SENTENCE = "The small boat lies at the shore"
ENDS = ["", ".", ". ", ".  ", ".\n", ". .", ". . ", "..", "...", " .", " . ", ".\t", ".\u00a0", "\x1c.", " ", "\n"]
PAIRS = (
    [(SENTENCE + end, "A small boat lies at the quiet shore.") for end in ENDS]
    + [(SENTENCE, "A small boat lies at the quiet shore" + end) for end in ENDS]
    + [(SENTENCE + end, SENTENCE + end) for end in ENDS]
    + [(end, end) for end in ENDS]
    + [("Mass 3.5 g. Length 1.25 m. ", "Mass 3.5 g. Length 2.25 m. "), (". A b", "A b. "), ("a  b\nc. ", "a b c")]
)
WORDS = "the The a boat shore lies small red 3.5 1. no yes, ... . boat. É 日本 it's".split(" ")
SPACES = [" "] * 8 + [". ", ".", "  ", "\n", "\t", "\u00a0", "\x1c", ". . "]


def text(r):
    return "".join(r.choice(WORDS) + r.choice(SPACES) for _ in range(r.randrange(1, 12)))


def score(prediction, label):
    try:
        return Rouge(metrics=["rouge-l"]).get_scores(prediction, label)[0]["rouge-l"]["f"]
    except (ValueError, ZeroDivisionError, RecursionError):
        return None


r = random.Random(1930)
pairs = PAIRS + [(text(r), text(r)) for _ in range(400)]
golden = {
    "made_with": f"CPython {platform.python_version()}, rouge {version('rouge')}",
    "rows": [[prediction, label, score(prediction, label)] for prediction, label in pairs],
}
lines = ",\n".join(json.dumps(row, ensure_ascii=True) for row in golden["rows"])
text_of_file = f'{{"made_with": {json.dumps(golden["made_with"])},\n"rows": [\n{lines}\n]}}\n'
Path(__file__).with_name("rouge.json").write_text(text_of_file)
