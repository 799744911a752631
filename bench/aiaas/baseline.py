#!/usr/bin/env python3
"""The baseline of `go run ./bench/aiaas`: scikit-learn's linear SVM on word and
character n-grams of ICD-10-CM titles, tuned on an inner split of the training
titles (the features at C = 1, then C), refitted on all of them.

    baseline.py TERMINOLOGY code|category OUT.tsv [FEATURES COST]

Tuning takes half an hour and more; FEATURES (a name of GRID) and COST leave it
out. OUT.tsv gets a line per test title: code, predicted class. Splits are by SHA-256
of "ember-v1:" and the key (the code, or its first three characters): the first
64 bits modulo 100, from 80 on test. The inner split does the same to training
titles with "ember-v1:inner:" and the key.
"""
import gzip
import hashlib
import sys
import time

from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC


def read(path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split("\t")[:2] for line in f)


def held_out(key):
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % 100 >= 80


def words(high):
    return TfidfVectorizer(sublinear_tf=True, ngram_range=(1, high))


def chars(low, high):
    return TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(low, high), min_df=2)


GRID = {
    "words 1": lambda: [words(1)],
    "words 1-2": lambda: [words(2)],
    "chars 3-5": lambda: [chars(3, 5)],
    "words 1-2, chars 2-5": lambda: [words(2), chars(2, 5)],
}
COSTS = [0.3, 3]


def answers(makers, cost, train, classes, test):
    pairs = [(v.fit_transform(train), v.transform(test)) for v in makers()]
    a, b = hstack([a for a, _ in pairs]).tocsr(), hstack([b for _, b in pairs]).tocsr()
    return LinearSVC(C=cost, tol=0.1).fit(a, classes).predict(b)


def score(answers, truth):
    return sum(x == y for x, y in zip(answers, truth)) / len(truth)


def main():
    folder, split, out = sys.argv[1:4]
    titles = read(folder + "/icd10cm-2024.tsv.gz")
    classes = read(folder + "/icd10cm-to-ccsr-default.tsv.gz")
    codes = [c for c in titles if c in classes]
    key = (lambda c: c) if split == "code" else (lambda c: c[:3])
    train = [c for c in codes if not held_out("ember-v1:" + key(c))]
    test = [c for c in codes if held_out("ember-v1:" + key(c))]
    fit = [c for c in train if not held_out("ember-v1:inner:" + key(c))]
    check = [c for c in train if held_out("ember-v1:inner:" + key(c))]
    text = lambda cs: [titles[c] for c in cs]
    label = lambda cs: [classes[c] for c in cs]
    best = (-1, None, None)

    def attempt(best, name, cost):
        begin = time.process_time()
        right = score(answers(GRID[name], cost, text(fit), label(fit), text(check)), label(check))
        print(f"{split}: {name}, C = {cost}: {right:.4f} inner, {time.process_time() - begin:.0f} s of CPU", flush=True)
        return max(best, (right, name, cost))

    if len(sys.argv) > 4:
        best = (0, sys.argv[4], float(sys.argv[5]))
    for name in GRID if best[1] is None else []:
        best = attempt(best, name, 1)
    for cost in COSTS if best[0] > 0 else []:
        best = attempt(best, best[1], cost)
    _, name, cost = best
    p = answers(GRID[name], cost, text(train), label(train), text(test))
    right = score(p, label(test))
    print(f"{split}: chosen {name}, C = {cost}: {right:.4f} on {len(test)} test titles", flush=True)
    with open(out, "w", encoding="utf-8") as f:
        for c, x in zip(test, p):
            f.write(f"{c}\t{x}\n")


main()
