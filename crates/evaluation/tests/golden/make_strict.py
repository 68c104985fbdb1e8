"""Writes `strict.json`: what the field's packages give, for `tests/suite/strict.rs`.

    pip install rouge-score==0.1.2 sacrebleu==2.6.0 scikit-learn==1.7.2 pycocoevalcap==1.2
    python make_strict.py          (made with CPython 3.10.13)

Script and test draw the same texts from the word lists in the file, so that only scores are stored. Each metric is computed
by the package named beside it.
"""

import json
import random
from collections import Counter
from pathlib import Path

import sacrebleu
from pycocoevalcap.cider.cider_scorer import CiderScorer
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

SEED = 1930
# Words of lower-case letters and digits, which every tokenizer takes as they are.
PLAIN = "dog cat runs on grass green field with two trees near house red roof road cars 12 3 airport plane river boat".split()
RICH = PLAIN + (
    "A The Dog, dog. don't it's T2-weighted 3.5 1,000 .5 5. a.b x;y {z} (A) & &quot;so&quot; &lt;b&gt; <skipped> 20-30 "
    "7- -\n ² é É İ K ß ﬁ 肺 🫁 'a' \"b\" a/b a|b a~b ... !? % $5 @x #1"
).split(" ")
SPACES = [" "] * 9 + [". ", ", ", "", "-", "  ", "\n", "\u00a0", "\x1c", "\u2003"]


def text(r, words, longest):
    return "".join(r.choice(words) + r.choice(SPACES) for _ in range(r.randrange(longest)))


def plain(r, longest):
    return " ".join(r.choice(PLAIN) for _ in range(r.randrange(longest)))


def numbers(values):
    return " ".join(f"{v:.11g}" for v in values)


def rouge(r):
    scorer = RougeScorer(["rougeL"])
    out = []
    for _ in range(2000):
        score = scorer.score(target=text(r, RICH, 40), prediction=text(r, RICH, 40))["rougeL"]
        out += [score.precision, score.recall, score.fmeasure]
    return numbers(out)


def bleu(r):
    sentences, hypotheses, references = [], [], []
    for _ in range(2000):
        hypothesis = text(r, RICH, 30)
        three = [text(r, RICH, 30) for _ in range(3)]
        # So that longer n-grams agree too.
        if r.random() < 0.5:
            hypothesis = hypothesis + three[0] + hypothesis
        hypotheses.append(hypothesis)
        references.append(three)
        sentences.append(sacrebleu.sentence_bleu(hypothesis, three).score)
    columns = [[three[i] for three in references] for i in range(3)]
    corpus = [sacrebleu.corpus_bleu(hypotheses[:n], [c[:n] for c in columns]).score for n in (1, 10, 2000)]
    return {"sentence": numbers(sentences), "corpus": numbers(corpus)}


def cider(r):
    scorer = CiderScorer(n=4, sigma=6.0)
    for _ in range(2000):
        hypothesis = plain(r, 20)
        references = [plain(r, 20) for _ in range(1 + r.randrange(5))]
        if r.random() < 0.5:
            hypothesis = references[0] + " " + hypothesis
        scorer += (hypothesis, references)
    mean, scores = scorer.compute_score()
    return numbers([mean, *scores])


def words(r):
    """F1 of bags of words: each occurrence of a word is a label of its own for scikit-learn."""
    out = []
    for _ in range(2000):
        bags = [Counter(plain(r, 12).split()) for _ in range(2)]
        sets = [{(w, i) for w, n in bag.items() for i in range(n)} for bag in bags]
        every = sorted(sets[0] | sets[1])
        if not every:
            out += [1.0, 1.0, 1.0]
            continue
        found, truth = ([int(label in s) for label in every] for s in sets)
        out += precision_recall_fscore_support(truth, found, average="binary", zero_division=0)[:3]
    return numbers(out)


def classes(r):
    truth = [r.randrange(7) for _ in range(2000)]
    given = [t if r.random() < 0.4 else r.randrange(9) for t in truth]
    precision, recall, f1, n = precision_recall_fscore_support(truth, given, labels=range(7), zero_division=0)
    return {
        "accuracy": numbers([accuracy_score(truth, given)]),
        "macro_f1": numbers([f1_score(truth, given, labels=range(7), average="macro", zero_division=0)]),
        "each": numbers([v for row in zip(precision, recall, f1, n) for v in row]),
    }


golden = {"seed": SEED, "plain": PLAIN, "rich": RICH, "spaces": SPACES}
for number, make in enumerate([rouge, bleu, cider, words, classes]):
    golden[make.__name__] = make(random.Random(SEED + number))
path = Path(__file__).with_name("strict.json")
path.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
