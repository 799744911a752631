"""Other recommenders on the very decisions, splits and metrics of Ember.

    ember eval --folds 5 --by-site --export decisions.ndjson
    python3 bench/quality/peers.py [--seeds N] decisions.ndjson T1-new [PEER...]

For each fold a peer is fitted to the decisions of all others; its settings were
chosen on a fifth of the first fold's training patients. Everything is ranked, orders
outside the training vocabulary are misses, and differences to Ember are paired over
patients. Prints a line of JSON for each peer.

Needs numpy and scipy; implicit (ALS, BPR, item-kNN), lightgbm and torch with
pyhealth==1.1.6 (RETAIN, Transformer, GAMENet) for the peers of these names. A peer
whose library is not there is named and left out.
"""
import argparse
import collections
import hashlib
import json
import sys
import time

import numpy as np
import scipy.sparse as sp

KIND = {"T1": "medication", "procedures": "procedure", "T2": "test"}
SEEDS = (0, 1, 2)
REPS = 2000
COLUMNS = ("AP", "Jaccard", "F1", "recall@10", "P@5", "NDCG@10", "MRR", "rare recall@10", "recall@5", "recall@20", "P@10", "NDCG@5", "NDCG@20")


class Task:
    """The decisions of a task: inputs as sparse counts, what may be ranked, what was ordered."""

    def __init__(self, decisions, name):
        self.decisions = decisions
        self.name = name
        self.new = name.endswith("-new")
        self.kind = KIND[name.removesuffix("-new")] + ":"
        self.features = {}
        rows, cols, values = [], [], []
        for i, d in enumerate(decisions):
            for f, v in self.inputs(d).items():
                rows.append(i)
                cols.append(self.features.setdefault(f, len(self.features)))
                values.append(v)
        self.x = sp.csr_matrix((np.array(values, np.float32), (rows, cols)), (len(decisions), len(self.features)))
        self.orders = [[o for o in d["orders"] if o.startswith(self.kind)] for d in decisions]
        self.standing = [set(d["standing"]) for d in decisions]
        self.patient = np.array([d["patient"] for d in decisions])
        self.fold = np.array([d["fold"] for d in decisions])

    @staticmethod
    def inputs(d):
        f = collections.Counter()
        for e in d["known"]:
            f["ever " + e["c"]] = 1
            if e["d"] < 30:
                f["lately " + e["c"]] = 1
        for r in d.get("reasons", []):
            f["reason " + r] = 1
        f["sex " + d["sex"]] = 1
        f["age %d" % (d["age"] // 10)] = 1
        f["setting " + d["setting"]] = 1
        f["hours %d" % d["hours"]] = 1
        return f

    def wanted(self, i):
        return [o for o in self.orders[i] if not (self.new and o in self.standing[i])]


class Part:
    """One fit: training rows, the labels they ordered, and rows to rank for."""

    def __init__(self, task, train, test):
        self.task, self.train, self.test = task, train, test
        count = collections.Counter(o for i in train for o in task.orders[i])
        self.labels = sorted(count)
        self.at = {l: k for k, l in enumerate(self.labels)}
        self.y = self.matrix(train)
        # Columns that two training rows have.
        x = task.x[train]
        self.columns = np.flatnonzero(np.asarray((x > 0).sum(0)).ravel() >= 2)
        self.x, self.xt = x[:, self.columns], task.x[test][:, self.columns]
        self.target = self.matrix(train, new=task.new)  # what to learn: new starts only where those are the task

    def matrix(self, rows, new=False):
        r, c = [], []
        for k, i in enumerate(rows):
            for o in (self.task.wanted(i) if new else self.task.orders[i]):
                if o in self.at:
                    r.append(k)
                    c.append(self.at[o])
        return sp.csr_matrix((np.ones(len(r), np.float32), (r, c)), (len(rows), len(self.labels)))


def average_precision(scores, allowed, wanted, at):
    """As Ember's: ties are broken by place, what cannot be ranked is missed."""
    ranked = np.flatnonzero(allowed)
    ranked = ranked[np.argsort(-scores[ranked], kind="stable")]
    place = {l: k for k, l in enumerate(ranked)}
    hits = sorted(place[at[o]] for o in wanted if o in at and at[o] in place)
    ap = sum((n + 1) / (k + 1) for n, k in enumerate(hits)) / len(wanted)
    return ap, sum(k < 10 for k in hits) / len(wanted)


def judge(part, scores):
    out = []
    for k, i in enumerate(part.test):
        wanted = part.task.wanted(i)
        if not wanted:
            out.append((np.nan, np.nan))
            continue
        allowed = np.ones(len(part.labels), bool)
        if part.task.new:
            for s in part.task.standing[i]:
                if s in part.at:
                    allowed[part.at[s]] = False
        out.append(average_precision(scores[k], allowed, wanted, part.at))
    return np.array(out)


def popularity(part, _setting, _seed):
    return np.tile(np.asarray(part.target.sum(0)).ravel(), (len(part.test), 1))


def ease(part, penalty, _seed):
    """Ridge over all outputs at once: the closed form of EASE with inputs beside the items."""
    x = part.x
    gram = np.asarray((x.T @ x).todense(), np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    weights = np.linalg.solve(gram, np.asarray((x.T @ part.target).todense(), np.float64))
    return part.xt @ weights.astype(np.float32)


def together(part):
    """Inputs and orders as one matrix of interactions, and the same without orders for those to rank."""
    blank = sp.csr_matrix((len(part.test), len(part.labels)), dtype=np.float32)
    return sp.hstack([part.x, part.target]).tocsr(), sp.hstack([part.xt, blank]).tocsr()


def als(part, setting, seed):
    import implicit

    factors, penalty = setting
    train, test = together(part)
    m = implicit.als.AlternatingLeastSquares(factors, regularization=penalty, iterations=15, random_state=seed, num_threads=1)
    m.fit(train, show_progress=False)
    return m.recalculate_user(np.arange(test.shape[0]), test) @ m.item_factors[-len(part.labels):].T


def bpr(part, setting, seed):
    """It cannot fold in new rows: they are the mean of their inputs' factors."""
    import implicit

    factors, rate = setting
    train, test = together(part)
    m = implicit.bpr.BayesianPersonalizedRanking(factors, learning_rate=rate, iterations=200, random_state=seed, num_threads=1)
    m.fit(train, show_progress=False)
    own = sp.diags(1 / np.maximum(1, np.asarray(test.sum(1)).ravel())) @ test @ m.item_factors
    own[:, -1] = 1  # the last factor of an item is its bias
    return own @ m.item_factors[-len(part.labels):].T


def itemknn(part, k, _seed):
    import implicit

    train, test = together(part)
    m = implicit.nearest_neighbours.TFIDFRecommender(k, num_threads=1)
    m.fit(train, show_progress=False)
    return np.asarray((test @ m.similarity)[:, -len(part.labels):].todense())


def lightgbm(part, setting, seed):
    """Boosted trees over pairs of a decision and a candidate."""
    import lightgbm

    leaves, rate = setting
    rng = np.random.default_rng(seed)
    rates = np.asarray(part.target.mean(0)).ravel()
    # What goes with what is learned from the other half of the patients, or the trees trust it too much.
    halves = [np.array([part.task.patient[i] % 2 == h for i in part.train]) for h in (0, 1)]
    links = [association(part.x[~h], part.target[~h]) for h in halves]
    rows, y = [], []
    for k, i in enumerate(part.train):
        hit = set(part.target[k].indices)
        others = rng.choice(len(part.labels), min(len(part.labels), 60), replace=False)
        for l in hit | set(others.tolist()):
            rows.append((k, l))
            y.append(l in hit)
    table = pairs(part, part.train, part.x, rows, rates, lambda k: links[part.task.patient[part.train[k]] % 2])
    link = association(part.x, part.target)
    data = lightgbm.Dataset(table, np.array(y, float), categorical_feature=[0], free_raw_data=True)
    m = lightgbm.train({"objective": "binary", "num_leaves": leaves, "learning_rate": rate, "num_threads": 1, "seed": seed, "verbose": -1,
                        "min_data_per_group": 20}, data, 300)
    out = np.zeros((len(part.test), len(part.labels)), np.float32)
    for k in range(len(part.test)):
        each = [(k, l) for l in range(len(part.labels))]
        out[k] = m.predict(pairs(part, part.test, part.xt, each, rates, lambda _: link), num_threads=1)
    return out


def association(x, target):
    """Log ratio of a label's rate with each input to its rate at all, shrunk."""
    joint = np.asarray((x.T @ target).todense(), np.float32)
    n = np.asarray(x.sum(0)).ravel()[:, None]
    rate = np.asarray(target.mean(0)).ravel()[None, :] + 1e-6
    return np.log((joint + 20 * rate) / (n + 20) / rate)


def pairs(part, of, x, rows, rates, link):
    memory, out = {}, np.zeros((len(rows), 11), np.float32)
    for at, (k, l) in enumerate(rows):
        if k not in memory:
            d = part.task.decisions[of[k]]
            seen = {}
            for e in d["known"]:
                c = seen.setdefault(e["c"], [0, e["d"]])
                c[0] += 1
                c[1] = min(c[1], e["d"])
            mean = np.asarray(x[k] @ link(k)).ravel() / max(1, x[k].nnz)
            memory = {k: (d, seen, mean)}
        d, seen, mean = memory[k]
        name = part.labels[l]
        count, last = seen.get(name, (0, 9999))
        out[at] = (l, rates[l], mean[l], count, last, name in part.task.standing[of[k]], d["age"], d["sex"] == "male",
                   d["hours"], len(d["known"]), x[k].nnz)
    return out


PEERS = {
    "popularity": (popularity, [None], 1),
    "EASE / ridge": (ease, [10, 30, 100, 300, 1000, 3000], 1),
    "implicit item-kNN": (itemknn, [20, 50, 200, 1000], 1),
    "implicit ALS": (als, [(f, p) for f in (16, 64, 128) for p in (.01, .1, 1.)], 3),
    "implicit BPR": (bpr, [(f, r) for f in (16, 64) for r in (.01, .05)], 3),
    "LightGBM": (lightgbm, [(l, r) for l in (7, 31) for r in (.03, .1)], 3),
}


def interval(values, patients, seed=1):
    """Mean and its 95 % interval over patients."""
    names, index = np.unique(patients, return_inverse=True)
    total, count = np.bincount(index, values), np.bincount(index)
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(REPS):
        pick = rng.integers(len(names), size=len(names))
        means.append(total[pick].sum() / count[pick].sum())
    return [float(values.mean()), *map(float, np.percentile(means, [2.5, 97.5]))]


def inner(task, train):
    """A fifth of the training patients, by hash, to choose settings on."""
    held = np.array([int(hashlib.sha256(b"inner:%d" % p).hexdigest()[:8], 16) % 5 == 0 for p in task.patient[train]])
    return Part(task, train[~held], train[held])


def measure(task, name, most):
    """A peer's row; with 1 seed where chance has no part in it."""
    fit, settings, seeds = PEERS[name]
    seeds = min(seeds, most)
    folds = sorted(set(task.fold[task.fold >= 0]))
    judged = np.flatnonzero([bool(d.get("metrics", {}).get(task.name)) for d in task.decisions])
    part = inner(task, np.flatnonzero(task.fold != folds[0]))
    began = time.process_time()
    best = settings[0]
    if len(settings) > 1:
        best = max(settings, key=lambda s: np.nanmean(judge(part, fit(part, s, 0))[:, 0]))
    result = np.zeros((len(task.decisions), 2))
    for fold in folds:
        part = Part(task, np.flatnonzero(task.fold != fold), np.flatnonzero(task.fold == fold))
        for seed in SEEDS[:seeds]:
            values = judge(part, fit(part, best, seed))
            result[part.test] += np.nan_to_num(values) / seeds
            print("%s, %s %s, fold %d, seed %d: %.3f" % (task.name, name, best or "", fold, seed, np.nanmean(values[:, 0])), file=sys.stderr, flush=True)
    ember = {m: np.array([task.decisions[i]["metrics"][task.name]["neural"][COLUMNS.index(m)] for i in judged]) for m in ("AP", "recall@10")}
    out = {"task": task.name, "peer": name, "setting": best, "tried": len(settings), "seeds": seeds, "decisions": len(judged), "patients": len(set(task.patient[judged])),
           "cpu": round(time.process_time() - began, 1)}
    for k, m in enumerate(("AP", "recall@10")):
        mine = result[judged, k]
        out[m] = interval(mine, task.patient[judged])
        out["ember " + m] = interval(ember[m], task.patient[judged])
        out["ember over it, " + m] = interval(ember[m] - mine, task.patient[judged])
    return out


def main():
    arg = argparse.ArgumentParser()
    arg.add_argument("--seeds", type=int, default=len(SEEDS))
    arg.add_argument("decisions")
    arg.add_argument("task", help="one or more, with commas between")
    arg.add_argument("peers", nargs="*")
    arg = arg.parse_args()
    with open(arg.decisions) as f:
        decisions = [json.loads(line) for line in f]
    try:
        import sequences
        PEERS.update(sequences.PEERS)
    except ImportError as e:
        print("left out: RETAIN, Transformer, GAMENet:", e, file=sys.stderr)
    for name in arg.task.split(","):
        task = Task(decisions, name)
        for peer in arg.peers or PEERS:
            try:
                print(json.dumps(measure(task, peer, arg.seeds)), flush=True)
            except ImportError as e:
                print("left out:", peer + ":", e, file=sys.stderr)


if __name__ == "__main__":
    main()
