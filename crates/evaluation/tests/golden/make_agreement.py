"""Writes `agreement.json`: agreement of raters, estimates from stratified samples, distinct-n and self-BLEU, for
`tests/suite/agreement.rs`.

    pip install krippendorff==0.9.0 scikit-learn==1.9.1 nltk==3.10.4 statsmodels==0.15.0 sacrebleu==2.6.0 numpy==2.4.6 scipy==1.17.1
    python make_agreement.py          (made with CPython 3.11.7)

Inputs are drawn here with a seed and stored. `null` is where a package fails or gives no number. Precision, recall, F1
and accuracy are scikit-learn's with each item weighted by what it stands for, means those of statsmodels' `DescrStatsW`. Limits
of a share solve the mid-P equation by SciPy's root finder; they are checked to lie within statsmodels' exact interval.
Limits of a filter's measures are where the limits of the shares cannot tell the measure from a value any more.
"""

import json
import math
import platform
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import krippendorff
import numpy as np
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from scipy import optimize, stats
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, precision_score, recall_score
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

draw = np.random.default_rng(2411)
warnings.simplefilter("ignore")


def number(value):
    return None if value is None or not math.isfinite(value) else float(value)


# Agreement


def tables():
    """Units of ratings, one place a rater, None where one is missing."""
    none = None
    out = [
        [[3, 3], [3, 3], [3, 3]],
        [[1], [2], [3]],
        [],
        [[none, none], [none, none]],
        [[1, none], [none, 2], [3, none]],
        [[1, none, none], [2, 2, none], [5, none, none]],
        [[1, 2]],
        [[1, 2], [2, 1]],
        [[1, 1], [1, 1], [1, 1], [1, 2]],
        [[1, 5], [5, 1], [1, 5], [5, 1]],
        [[0, -0.0], [1, 1]],
        [[1e6 + 1, 1e6 + 2], [1e6 + 3, 1e6 + 3], [1e6 - 1, 1e6 + 1]],
        [[-1.5, 2.25, none], [0.1, 0.1, 0.30000000000000004], [none, 7, 7.5]],
        # Krippendorff's own example of four observers and twelve units.
        [
            [1, 1, none, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
            [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [none, 5, 5, 5], [none, none, 1, 1], [none, none, 3, none],
        ],
    ]
    for raters in (2, 3, 4, 5):
        for missing in (0.0, 0.2, 0.6):
            for noise in (0.3, 1.0, 3.0):
                units = int(draw.integers(2, 60))
                truth = draw.integers(1, 6, size=(units, 1))
                ratings = np.clip(np.rint(truth + noise * draw.normal(size=(units, raters))), 1, 5)
                gone = draw.random((units, raters)) < missing
                out.append([[None if g else float(x) for g, x in zip(*row)] for row in zip(gone, ratings)])
    # Numbers without ties.
    out.append(draw.normal(50, 20, size=(30, 3)).tolist())
    return out


def alpha(units, level):
    data = np.array([[math.nan if x is None else x for x in unit] for unit in units], dtype=float).T
    try:
        return number(krippendorff.alpha(reliability_data=data, level_of_measurement=level))
    except (ValueError, IndexError, ZeroDivisionError):
        return None


def exact(units):
    shares = []
    for unit in units:
        counts = Counter(x for x in unit if x is not None)
        n = sum(counts.values())
        if n > 1:
            shares.append(sum(c * (c - 1) for c in counts.values()) / (n * (n - 1)))
    return number(np.mean(shares)) if shares else None


def agreement():
    levels = ["nominal", "ordinal", "interval"]
    return [
        {"units": units, "alpha": [alpha(units, level) for level in levels], "exact": exact(units)} for units in tables()
    ]


def kappas():
    cases = [([3, 3, 3], [3, 3, 3]), ([1], [1]), ([1], [5]), ([1, 1, 2], [2, 2, 1]), ([1, 5, 1], [1, 5, 5])]
    for n in (2, 10, 50, 400):
        for noise in (0.4, 1.0, 3.0):
            truth = draw.integers(1, 6, n)
            pair = [np.clip(np.rint(truth + noise * draw.normal(size=n)), 1, 5).astype(int).tolist() for _ in range(2)]
            cases.append(tuple(pair))
    scale = [1, 2, 3, 4, 5]
    rows = []
    for one, other in cases:
        values = [number(cohen_kappa_score(one, other, labels=scale, weights=w)) for w in (None, "linear", "quadratic")]
        rows.append({"one": one, "other": other, "kappa": values})
    return rows


# Texts


WORDS = "a the dog cat runs sits on under grass, red house. No Yes it's 3.5 1,000 20-30 &amp; Straße İ É 肺 (x) ... !".split()


def text(longest, words):
    return " ".join(draw.choice(words) for _ in range(draw.integers(longest)))


def sets():
    some = ["a dog runs on the grass", "A dog runs on the grass.", "the cat sat"]
    return [
        [],
        [""],
        ["one"],
        ["", ""],
        ["one", "one"],
        ["one", "two"],
        ["", "one two three four five"],
        ["   ", "\n", "...", "!?"],
        ["same words here again"] * 5,
        ["a a a a a a", "a a a", "a b a b a b"],
        some,
        some + [""],
        [text(25, WORDS) for _ in range(60)],
        [text(12, WORDS[:6]) for _ in range(40)],
        [text(40, WORDS[:3]) for _ in range(20)],
        [" ".join(f"w{n}" for n in draw.integers(0, 100_000, 12)) for _ in range(10)],
    ]


def words(text):
    return Tokenizer13a()(text.lower()).split()


def variety():
    rows = []
    for texts in sets():
        lists = [words(t) for t in texts]
        shares = []
        for n in (1, 2, 3, 4):
            grams = [tuple(ws[i : i + n]) for ws in lists for i in range(len(ws) - n + 1)]
            shares.append(len(set(grams)) / len(grams) if grams else None)
        smooth = SmoothingFunction().method1
        bleu = [
            sentence_bleu(lists[:i] + lists[i + 1 :], ws, (0.25,) * 4, smoothing_function=smooth)
            for i, ws in enumerate(lists)
            if len(lists) > 1
        ]
        rows.append({"texts": texts, "distinct": shares, "self_bleu": float(np.mean(bleu)) if bleu else None})
    return rows


# Samples


def stratified():
    shapes = [[(10, 3)], [(4, 2), (12, 3)], [(50, 50), (900, 20)], [(300, 2), (20_000, 60), (5, 5), (70, 9)], [(8, 1), (9, 4)]]
    shapes += [[(10_000, 100), (490_000, 100)], [(20, 20), (7, 7)]]
    rows = []
    for shape in shapes:
        for binary in (False, True):
            strata = []
            for at, (total, drawn) in enumerate(shape):
                values = draw.random(drawn) < 0.2 + 0.15 * at if binary else np.rint(draw.normal(3, 1.2, drawn))
                strata.append({"total": total, "values": values.astype(float).tolist()})
            everything = np.concatenate([s["values"] for s in strata])
            weights = np.concatenate([np.full(len(s["values"]), s["total"] / len(s["values"])) for s in strata])
            all_items = DescrStatsW(everything, weights)
            population = sum(s["total"] for s in strata)
            parts = []
            for s in strata:
                n, of = len(s["values"]), s["total"]
                if n == of:
                    parts.append((0.0, n - 1))
                elif n == 1:
                    parts = None
                    break
                else:
                    squared = DescrStatsW(s["values"]).std_mean ** 2
                    parts.append(((of / population) ** 2 * (1 - n / of) * squared, n - 1))
            row = {"strata": strata, "mean": float(all_items.mean), "total": float(all_items.sum)}
            row["error"] = row["freedom"] = row["interval"] = None
            if parts is not None:
                variance = sum(v for v, _ in parts)
                row["error"] = math.sqrt(variance)
                if variance > 0:
                    freedom = variance**2 / sum(v * v / f for v, f in parts if v > 0)
                    half = float(stats.t.ppf(0.975, freedom)) * row["error"]
                    row["freedom"], row["interval"] = freedom, [row["mean"] - half, row["mean"] + half]
                    if binary:
                        share = row["mean"]
                        row["share"] = limits(share, share * (1 - share) / variance, freedom)
            rows.append(row)
    return rows


def lower(right, items, tail):
    if right == 0:
        return 0.0

    def above(p):
        more = stats.beta.cdf(p, right + 1, items - right) if items - right > 1e-9 else 0.0
        return (stats.beta.cdf(p, right, items - right + 1) + more) / 2 - tail

    return optimize.brentq(above, 0.0, right / items, xtol=1e-15, rtol=1e-14)


def limits(share, items, freedom):
    tail = stats.norm.cdf(-stats.t.ppf(0.975, freedom))
    found = [lower(share * items, items, tail), 1 - lower((1 - share) * items, items, tail)]
    exact = proportion_confint(share * items, items, alpha=2 * tail, method="beta")
    assert exact[0] <= found[0] + 1e-12 and found[1] <= exact[1] + 1e-12
    return found


def binomial_limits():
    """Of whole numbers, from the binomial distribution itself."""
    rows = []
    for n in (2, 10, 100, 1000):
        for right in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            tail = stats.norm.cdf(-stats.t.ppf(0.975, n - 1))
            low = lambda p: stats.binom.sf(right, n, p) + stats.binom.pmf(right, n, p) / 2 - tail
            high = lambda p: stats.binom.cdf(right - 1, n, p) + stats.binom.pmf(right, n, p) / 2 - tail
            rows.append(
                {
                    "n": n,
                    "right": right,
                    "low": optimize.brentq(low, 0, right / n, xtol=1e-15) if right else 0.0,
                    "high": optimize.brentq(high, right / n, 1, xtol=1e-15) if right < n else 1.0,
                }
            )
    return rows


def filters():
    cases = [
        (1000, 100, 85, 1000, 100, 20),
        (300, 100, 97, 700, 100, 3),
        (150_000, 100, 92, 350_000, 100, 30),
        (150_000, 100, 50, 350_000, 100, 60),
        (2000, 100, 100, 8000, 100, 0),
        (2000, 100, 100, 8000, 100, 100),
        (2000, 100, 0, 8000, 100, 5),
        (2000, 100, 40, 8000, 100, 0),
        (60, 60, 50, 9000, 100, 11),
        (40, 7, 5, 33, 9, 1),
        (60, 60, 50, 40, 40, 11),
    ]
    rows = []
    for kept, n, right, dropped, m, missed in cases:
        truth = [1] * right + [0] * (n - right) + [1] * missed + [0] * (m - missed)
        given = [1] * n + [0] * m
        weight = [kept / n] * n + [dropped / m] * m
        p, q = right / n, missed / m
        k, d = kept, dropped
        values = {
            "precision": (precision_score(truth, given, sample_weight=weight), lambda t: (1, 0, -t)),
            "recall": (recall_score(truth, given, sample_weight=weight), lambda t: ((1 - t) * k, -t * d, 0)),
            "f1": (f1_score(truth, given, sample_weight=weight), lambda t: ((2 - t) * k, -t * d, -t * k)),
            "accuracy": (accuracy_score(truth, given, sample_weight=weight), lambda t: (k, -d, d - t * (k + d))),
            "right_before": (DescrStatsW(truth, weight).mean, lambda t: (k, d, -t * (k + d))),
        }
        sides = [
            (s, limits(s, of / (1 - of / whole), of - 1) if of < whole else [s, s])
            for s, of, whole in ((p, n, kept), (q, m, dropped))
        ]
        row = {"kept": [kept, n, right], "dropped": [dropped, m, missed]}
        for name, (value, factors) in values.items():

            def margin(t, side):
                """How clearly the measure is above (side 0) or below (side 1) t."""
                *of, constant = factors(t)
                middle = sum(f * s for f, (s, _) in zip(of, sides)) + constant
                miss = [f * (s - limit[side if f > 0 else 1 - side]) for f, (s, limit) in zip(of, sides)]
                return (middle if side == 0 else -middle) - math.hypot(*miss)

            low, high = 0.0, 1.0
            if value > 0 and margin(0, 0) > 0:
                low = value if margin(value, 0) >= 0 else optimize.brentq(margin, 0, value, args=(0,), xtol=1e-15)
            if value < 1 and margin(1, 1) > 0:
                high = value if margin(value, 1) >= 0 else optimize.brentq(margin, value, 1, args=(1,), xtol=1e-15)
            row[name] = [float(value), low, high]
        rows.append(row)
    return rows


def curves():
    rows = []
    for kept, n, dropped, m in [(3000, 60, 7000, 80), (50, 50, 900, 30), (10, 3, 10, 4)]:
        scores = np.concatenate([draw.uniform(0.5, 1, n), draw.uniform(0, 0.5, m)]).round(2)
        right = draw.random(n + m) < 0.1 + 0.8 * scores
        weight = np.array([kept / n] * n + [dropped / m] * m)
        side = np.array([0] * n + [1] * m)

        def ratio(one, other, can_be_one, can_be_other):
            """Items of `one` among those of both, and limits from those of each stratum's two shares."""
            if not (one | other).any():
                return None
            value = float(DescrStatsW(one[one | other].astype(float), weight[one | other]).mean)
            parts = []
            for h, (whole, of) in enumerate([(kept, n), (dropped, m)]):
                triples = []
                for has, can_be in ((one, can_be_one), (other, can_be_other)):
                    share = has[side == h].mean()
                    if not can_be[side == h].any():
                        triples.append((0.0, 0.0, 0.0))
                    elif whole == of:
                        triples.append((share, share, share))
                    else:
                        triples.append((share, *limits(share, of / (1 - of / whole), of - 1)))
                (a, *_), (b, *_) = triples
                # Of the two indicators, which are never both 1.
                pair = np.array([one[side == h], other[side == h]], dtype=float)
                rho = np.corrcoef(pair)[0, 1] if 0 < a < 1 and 0 < b < 1 else -float(a + b >= 1)
                parts.append((whole, *triples, rho))

            def margin(t, up):
                middle, squares = 0.0, 0.0
                for whole, (a, a_low, a_high), (b, b_low, b_high), rho in parts:
                    middle += whole * ((1 - t) * a - t * b)
                    x = (1 - t) * (a_high - a if up else a - a_low)
                    y = t * (b - b_low if up else b_high - b)
                    squares += whole**2 * (x * x + y * y - 2 * rho * x * y)
                return (-middle if up else middle) - math.sqrt(max(squares, 0))

            low, high = 0.0, 1.0
            if value > 0 and margin(0, False) > 0:
                low = value if margin(value, False) >= 0 else optimize.brentq(margin, 0, value, args=(False,), xtol=1e-15)
            if value < 1 and margin(1, True) > 0:
                high = value if margin(value, True) >= 0 else optimize.brentq(margin, value, 1, args=(True,), xtol=1e-15)
            return [value, low, high]

        points = []
        for threshold in [0.0, 0.1, 0.3, 0.5, 0.505, 0.6, 0.8, 0.9, 1.01]:
            given = scores >= threshold
            precision = ratio(given & right, given & ~right, given, given)
            recall = ratio(right & given, right & ~given, given, ~given)
            if precision:
                assert math.isclose(precision[0], precision_score(right, given, sample_weight=weight))
            if recall:
                assert math.isclose(recall[0], recall_score(right, given, sample_weight=weight), abs_tol=1e-15)
            points.append(
                {
                    "threshold": threshold,
                    "drawn": int(given.sum()),
                    "kept": float(weight[given].sum()),
                    "precision": precision,
                    "recall": recall,
                }
            )
        items = [[float(s), bool(r)] for s, r in zip(scores, right)]
        rows.append({"totals": [kept, dropped], "items": [items[:n], items[n:]], "points": points})
    return rows


packages = ["krippendorff", "scikit-learn", "nltk", "statsmodels", "sacrebleu", "numpy", "scipy"]
golden = {
    "made_with": ", ".join([f"CPython {platform.python_version()}", *(f"{p} {version(p)}" for p in packages)]),
    "agreement": agreement(),
    "kappa": kappas(),
    "variety": variety(),
    "stratified": stratified(),
    "limits": binomial_limits(),
    "filters": filters(),
    "curves": curves(),
}
path = Path(__file__).with_name("agreement.json")
path.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
