"""Writes `random.json`: what CPython's `random.Random` draws, for `tests/suite/mersenne.rs`.

    python make_random.py          (made with CPython 3.11.7; the numbers are the same since 3.2)
"""

import json
import platform
import random
from pathlib import Path

SEEDS = [0, 1, 2, 7, 11, 42, 624, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 123456789012345678, 2**64 - 1]
WEIGHTS = [0.5, 0.0, 2.0, 1.0, 0.25]


def draws(seed):
    r = random.Random(seed)
    out = {"seed": seed}
    # Exact: `random()` is a multiple of 2⁻⁵³.
    out["random"] = [int(r.random() * 2**53) for _ in range(4)]
    out["bits"] = [[k, r.getrandbits(k)] for k in (1, 5, 31, 32, 33, 53, 64)]
    out["below"] = [[n, r.randrange(n)] for n in (1, 2, 3, 79, 210, 1000, 2**32 - 1, 2**32, 2**40 + 3)]
    out["range"] = [[a, b, s, r.randrange(a, b, s)] for a, b, s in ((-5, 5, 1), (0, 100, 7), (3, 1000, 13))]
    out["choice"] = [r.choice("ABCD") for _ in range(6)]
    out["choices"] = [r.choices(range(len(WEIGHTS)), WEIGHTS)[0] for _ in range(8)]
    out["unweighted"] = [r.choices(range(9))[0] for _ in range(4)]
    items = list(range(10))
    r.shuffle(items)
    out["shuffle"] = items
    # Past the first 624 words, so that the state has been renewed.
    for _ in range(700):
        r.getrandbits(32)
    out["later"] = r.getrandbits(32)
    return out


golden = {"made_with": f"CPython {platform.python_version()}", "weights": WEIGHTS, "draws": [draws(s) for s in SEEDS]}
path = Path(__file__).with_name("random.json")
path.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
