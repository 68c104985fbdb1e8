"""Prints how long a way through two sentences the `rouge` package can follow before Python's recursion limit.

    python probe_recursion.py     (CPython 3.10.13, rouge 1.0.1: 987 steps; 3.11: 988; 3.12: 989)

The limit counts all frames, so the calls around are those of the published script: a module calls `evaluate`, which
calls `evaluate_entry` in a list comprehension, which calls `rouge`.
"""

import sys

from rouge import Rouge


def rouge(labels, preds):
    r = Rouge()
    for label, pred in zip(labels, preds):
        try:
            return r.get_scores(pred, label)[0]["rouge-l"]["f"]
        except Exception:
            return 0


class Task:
    def evaluate_entry(self, entry):
        return rouge(labels=[entry["label"]], preds=[entry["pred"]])

    def evaluate(self, entries):
        return [self.evaluate_entry(entry) for entry in entries]


def words(n):
    return " ".join(f"w{i}" for i in range(n))


task = Task()
print(sys.version)
for name, pair in {
    "same text of n words": lambda n: (words(n), words(n)),
    "n words against the first of them": lambda n: (words(n), "w0"),
    "`w0 zz` against n words and another": lambda n: ("w0 zz", words(n) + " q"),
}.items():
    largest = None
    for n in range(950, 1010):
        if task.evaluate([dict(zip(("pred", "label"), pair(n)))])[0] > 0:
            largest = n
    print(f"{name}: largest n that scores is {largest}")
