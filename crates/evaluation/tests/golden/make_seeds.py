"""Writes `seeds.json`: Student's t, Holm, and comparisons over seeds and clusters, of one task and of the mean of several, for
`tests/suite/seeds.rs`.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 pandas==3.1.1
    python make_seeds.py          (made with CPython 3.11.7)

Mean squares are those of `statsmodels`' analysis of variance. Where no component of variance is negative the degrees of
freedom come twice: by Satterthwaite's formula, and as twice the squared variance of the mean over the variance of that
variance, from the dense information matrix of the mixed model at its REML optimum, which is how `lmerTest` of R defines
them. One seed alone is held to a regression on a constant with cluster-robust errors, of several tasks on their indicators, whose
coefficients are averaged.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

draw = np.random.default_rng(2357)


def students_t():
    rows = []
    for freedom in [1, 1.37, 2, 3.9, 4, 7.25, 19, 49, 196.6, 999, 4321.5, 45_000, 100_000]:
        for p in [1e-6, 0.0005, 0.025, 0.2, 0.5, 0.7, 0.95, 0.975, 0.9999]:
            rows.append(["quantile", p, freedom, float(stats.t.ppf(p, freedom))])
        for t in [0, 1e-3, 0.4, 1, 2, -3.7, 8, 25]:
            rows.append(["two_sided", t, freedom, float(2 * stats.t.sf(abs(t), freedom))])
    return rows


def holm():
    tables = [[0.01, 0.04, 0.03], [0.5], [0.02] * 4, [0.0, 1.0, 0.3, 1e-12]]
    tables += [draw.beta(0.3, 1, n).tolist() for n in (5, 12, 45)]
    return [[p, multipletests(p, method="holm")[1].tolist()] for p in tables]


def reml(table):
    """Variance of the mean and its degrees of freedom from the mixed model with crossed random effects."""
    s, c = table.shape
    y = table.ravel()
    by_seed, by_cluster = np.kron(np.eye(s), np.ones((c, 1))), np.kron(np.ones((s, 1)), np.eye(c))
    parts = [by_seed @ by_seed.T, by_cluster @ by_cluster.T, np.eye(s * c)]
    seeds, clusters, rest = squares(table)
    theta = [(seeds - rest) / c, (clusters - rest) / s, rest]
    inverse = np.linalg.inv(sum(t * v for t, v in zip(theta, parts)))
    x = np.ones((s * c, 1))
    of_mean = np.linalg.inv(x.T @ inverse @ x)
    p = inverse - inverse @ x @ of_mean @ x.T @ inverse
    score = [np.trace(p @ v) - y @ p @ v @ p @ y for v in parts]
    assert np.allclose(score, 0, atol=1e-8), "the method of moments is REML's optimum here"
    information = np.array([[np.trace(p @ v @ p @ w) / 2 for w in parts] for v in parts])
    slope = np.array([(of_mean @ x.T @ inverse @ v @ inverse @ x @ of_mean).item() for v in parts])
    return of_mean.item(), 2 * of_mean.item() ** 2 / (slope @ np.linalg.inv(information) @ slope)


def squares(table):
    s, c = table.shape
    frame = pd.DataFrame(
        {"y": table.ravel(), "seed": np.repeat(np.arange(s), c), "cluster": np.tile(np.arange(c), s)}
    )
    found = anova_lm(smf.ols("y ~ C(seed) + C(cluster)", frame).fit())
    return (found["sum_sq"] / found["df"]).loc[["C(seed)", "C(cluster)", "Residual"]].tolist()


def mixed_model(table):
    """The standard error of the mean by `MixedLM`, which searches for the optimum."""
    s, c = table.shape
    frame = pd.DataFrame(
        {"y": table.ravel(), "seed": np.repeat(np.arange(s), c), "cluster": np.tile(np.arange(c), s), "all": 1}
    )
    parts = {"seed": "0 + C(seed)", "cluster": "0 + C(cluster)"}
    model = sm.MixedLM.from_formula("y ~ 1", frame, groups="all", re_formula="0", vc_formula=parts)
    return model.fit(reml=True).bse["Intercept"]


def compare(name, sizes, seed_sd, cluster_sd, rest_sd, seeds, kept=(1, 1)):
    """A drawn comparison in which the components of seeds and of clusters are positive (1) or set to 0 (0) as in `kept`."""
    while True:
        made, signs = drawn(name, sizes, seed_sd, cluster_sd, rest_sd, seeds)
        if signs in (None, kept):
            return made


def judged(difference, variance, freedom):
    error = variance**0.5
    half = stats.t.ppf(0.975, freedom) * error
    return {
        "error": error,
        "freedom": float(freedom),
        "interval": [difference - half, difference + half],
        "p": float(2 * stats.t.sf(abs(difference) / error, freedom)),
    }


def drawn(name, sizes, seed_sd, cluster_sd, rest_sd, seeds):
    signs = None
    sizes = np.array(sizes)
    cluster_of = np.repeat(np.arange(len(sizes)), sizes)
    n = len(cluster_of)
    true = 2 + draw.normal(0, seed_sd, (seeds, 1)) + draw.normal(0, cluster_sd, len(sizes))[cluster_of]
    difference = true + draw.normal(0, rest_sd, (seeds, n))
    other = draw.uniform(30, 60, (seeds, n)).round(1)
    one = (other + difference).round(1).clip(0, 100)
    d = one - other

    # Items' deviations from their seed's mean, summed over clusters of unequal size: a ratio, made linear.
    by_seed = d.mean(axis=1, keepdims=True)
    sums = np.stack([(d - by_seed)[:, cluster_of == c].sum(axis=1) for c in range(len(sizes))], axis=1)
    table = by_seed + sums * len(sizes) / n
    s, c = table.shape
    expected = {"difference": d.mean(), "one": one.mean(), "other": other.mean()}
    if s == 1:
        groups = {"groups": cluster_of}
        fit = sm.OLS(d[0], np.ones(n)).fit(cov_type="cluster", cov_kwds=groups, use_t=True)
        variance, freedom = fit.bse[0] ** 2, c - 1
        assert np.isclose(fit.pvalues[0], 2 * stats.t.sf(abs(d.mean()) / fit.bse[0], freedom))
        expected["variance"] = [None, variance * c, None]
    else:
        of_seeds, of_clusters, rest = squares(table)
        components = [max((of_seeds - rest) / c, 0), max((of_clusters - rest) / s, 0), rest]
        variance = components[0] / s + components[1] / c + components[2] / (s * c)
        used = {(1, 1): [(of_seeds, s - 1), (of_clusters, c - 1), (-rest, (s - 1) * (c - 1))]}
        used |= {(0, 1): [(of_clusters, c - 1)], (1, 0): [(of_seeds, s - 1)], (0, 0): [(rest, (s - 1) * (c - 1))]}
        signs = int(components[0] > 0), int(components[1] > 0)
        used = used[signs]
        freedom = sum(m for m, _ in used) ** 2 / sum(m**2 / f for m, f in used)
        if len(used) == 3:
            of_model, freedom_of_model = reml(table)
            assert np.isclose(of_model, variance, rtol=1e-10, atol=0)
            assert np.isclose(freedom_of_model, freedom, rtol=1e-8, atol=0), (freedom_of_model, freedom)
            assert np.isclose(mixed_model(table), variance**0.5, rtol=1e-3, atol=0)
        expected["variance"] = components
    expected |= judged(d.mean(), variance, freedom)
    made = {
        "name": name,
        "cluster": cluster_of.tolist(),
        "one": one.tolist(),
        "other": other.tolist(),
        "expected": expected,
    }
    return made, signs


MIXED = [1, 4, 2, 1, 7, 3, 1, 1, 2, 5, 3, 2, 1, 6, 2, 1, 3, 1, 2, 2, 4, 1]
comparisons = [
    compare("single items", [1] * 25, 2, 4, 3, 4),
    compare("clusters of unequal size", MIXED, 2, 4, 4, 5),
    compare("seeds alone", [1] * 20, 4, 0.02, 3, 3, (1, 0)),
    compare("clusters alone", [1] * 20, 0.01, 5, 3, 5, (0, 1)),
    compare("neither", [1] * 12, 0.01, 0.01, 4, 4, (0, 0)),
    compare("two seeds", [2] * 15, 3, 3, 1, 2),
    compare("one seed", MIXED, 2, 4, 4, 1),
    compare("strong difference", [1] * 30, 0.2, 0.5, 0.5, 10),
]


def average(name, tasks, seeds, sds):
    """Tasks by the clusters of their items; a cluster's and a seed's effect are those of all tasks."""
    while True:
        made = draw_average(name, tasks, seeds, sds)
        if made:
            return made


def draw_average(name, tasks, seeds, sds):
    keys = sorted({key for task in tasks for key in task})
    of_seed, of_cluster = draw.normal(0, sds[0], seeds), dict(zip(keys, draw.normal(0, sds[1], len(keys))))
    rows = []
    for task, clusters in enumerate(tasks):
        for item, key in enumerate(clusters):
            for seed in range(seeds):
                other = round(draw.uniform(30, 60), 1)
                difference = 2 + task + of_seed[seed] + of_cluster[key] + draw.normal(0, sds[2])
                rows.append((task, item, key, seed, round(other + difference, 1), other))
    frame = pd.DataFrame(rows, columns=["task", "item", "cluster", "seed", "one", "other"])
    frame["d"] = frame.one - frame.other
    means = frame.groupby(["seed", "task"])[["one", "other", "d"]].mean()
    plain = means.groupby("seed").mean()
    expected = plain.mean().rename({"d": "difference"}).to_dict()
    if seeds == 1:
        dummies = pd.get_dummies(frame.task).to_numpy(float)
        groups = {"groups": frame.cluster.to_numpy()}
        fit = sm.OLS(frame.d.to_numpy(), dummies).fit(cov_type="cluster", cov_kwds=groups, use_t=True)
        mean = np.full(len(tasks), 1 / len(tasks))
        # The correction for the number of coefficients is not ours.
        n = len(frame)
        variance = mean @ fit.cov_params() @ mean * (n - len(tasks)) / (n - 1)
        freedom = len(keys) - 1
        expected["variance"] = [None, variance * len(keys), None]
    else:
        # What each item adds to the mean of the tasks, beyond its share of it.
        frame["weight"] = 1 / frame.groupby(["seed", "task"]).d.transform("size") / len(tasks)
        frame["part"] = (frame.d - frame.groupby(["seed", "task"]).d.transform("mean")) * frame.weight
        table = frame.pivot_table(index="seed", columns="cluster", values="part", aggfunc="sum", fill_value=0)
        table = table.to_numpy() * len(keys) + plain.d.to_numpy()[:, None]
        of_seeds, of_clusters, rest = squares(table)
        components = [(of_seeds - rest) / len(keys), (of_clusters - rest) / seeds, rest]
        if min(components) <= 0:
            return None
        variance, freedom = reml(table)
        expected["variance"] = components
    expected |= judged(expected["difference"], variance, freedom)
    tasks = [
        {
            "cluster": clusters,
            **{way: frame[frame.task == task].pivot(index="seed", columns="item", values=way).to_numpy().tolist() for way in ("one", "other")},
        }
        for task, clusters in enumerate(tasks)
    ]
    return {"name": name, "tasks": tasks, "expected": expected}


golden = {
    "made_with": f"CPython {platform.python_version()}, "
    + ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels", "pandas")),
    "t": students_t(),
    "holm": holm(),
    "comparisons": comparisons,
}
golden["averages"] = [
    average("tasks of one size", [list(range(14)), list(range(14, 28))], 4, (2, 3, 3)),
    average("shared clusters", [[0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 7], list(range(4, 20)), [1, 5, 9, 21, 22, 23]], 5, (2, 4, 3)),
    average("a small task and a large one", [list(range(6)), [n // 2 for n in range(10, 70)]], 3, (3, 3, 2)),
    average("one seed of tasks", [[0, 0, 1, 2, 3, 3, 4, 5, 6], list(range(3, 24))], 1, (0, 4, 3)),
]
lines = ",\n".join(
    f"{json.dumps(key)}: " + (json.dumps(value) if isinstance(value, str) else "[\n" + ",\n".join(map(json.dumps, value)) + "\n]")
    for key, value in golden.items()
)
Path(__file__).with_name("seeds.json").write_text(f"{{\n{lines}\n}}\n")
