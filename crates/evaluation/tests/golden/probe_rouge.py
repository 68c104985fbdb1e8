"""Prints how many words of equal texts the `rouge` package can follow before Python's recursion limit ends it.

    python probe_rouge.py     (CPython 3.11.7, rouge 1.0.1: 989)
"""

import sys

from rouge import Rouge


def scores(count):
    text = " ".join(f"w{i}" for i in range(count))
    try:
        return Rouge().get_scores(text, text)[0]["rouge-l"]["f"] > 0
    except RecursionError:
        return False


print(sys.version.split()[0], max(n for n in range(900, 1010) if scores(n)))
