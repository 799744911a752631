"""PyHealth's sequence models as peers (pyhealth==1.1.6), for peers.py. A decision is a
patient of at most ten visits, as many as PyHealth reads: the last eight encounters, one
before them that holds everything older, and the moment itself, with sex, age, setting
and reasons among its conditions. The models are trained by Adam until the AP of a tenth
of the training patients has not risen for some epochs; the best epoch counts.
"""
import collections
import hashlib
import random

import numpy as np
import torch
from pyhealth.datasets import SampleEHRDataset
from pyhealth.models import GAMENet, RETAIN, Transformer

EPOCHS, LEAST, PATIENCE, BATCH, RECENT = 60, 20, 5, 32, 8
KEYS = {"condition": "conditions", "finding": "conditions", "procedure": "procedures", "medication": "history", "test": "tests"}
ALL = ("conditions", "procedures", "history", "tests")


def context(d):
    return ["sex " + d["sex"], "age %d" % (d["age"] // 10), "setting " + d["setting"], "hours %d" % d["hours"],
            *("reason " + r for r in d.get("reasons", []))]


def visits(d, known):
    """The visits' codes by kind, oldest first, without those that training does not know."""
    recent = sorted({e["v"] for e in d["known"] if e["v"]})[-RECENT:]
    place = {v: i + 1 for i, v in enumerate(recent)}
    out = {k: [{} for _ in range(len(recent) + 2)] for k in ALL}
    for e in d["known"]:
        k = KEYS.get(e["c"].split(":")[0])
        if k and e["c"] in known:
            out[k][place.get(e["v"], 0)][e["c"]] = True
    out["conditions"][-1] = {c: True for c in context(d) if c in known}
    return {k: [list(codes) for codes in v] for k, v in out.items()}


class Samples:
    """A part's decisions as PyHealth wants them; those to rank for carry a label that is not theirs."""

    def __init__(self, part):
        task = part.task
        count = collections.Counter()
        for i in part.train:
            d = task.decisions[i]
            count.update({e["c"] for e in d["known"]} | set(context(d)))
        known = {c for c, n in count.items() if n > 1}
        wanted = [[l for l in task.wanted(i) if l in part.at] for i in part.train]
        labels = {l for w in wanted for l in w}
        some = next(iter(sorted(labels)))
        mine = KEYS[task.kind[:-1]]
        self.hidden, self.own, self.stop, self.test = {}, [], [], []
        for at, i in enumerate([*part.train, *part.test]):
            v = visits(task.decisions[i], known)
            earlier = [[c for c in codes if c in labels] for codes in v[mine][:-1]] + [[]]  # GAMENet's memory
            s = {"patient_id": str(task.patient[i]), "visit_id": str(at), "drugs_hist": earlier, "drugs": [some],
                 **{k: [codes or ["none"] for codes in each] for k, each in v.items()}}
            if at >= len(part.train):
                self.test.append(s)
            elif wanted[at]:
                s["drugs"] = wanted[at]
                self.hidden[s["visit_id"]] = task.standing[i] if task.new else set()
                held = hashlib.sha256(b"stop:%d" % task.patient[i]).digest()[0] % 10 == 0
                (self.stop if held else self.own).append(s)

    def dataset(self):
        return SampleEHRDataset(self.own + self.stop, dataset_name="ember", task_name="orders")


def epoch_of(model, samples, optimiser):
    """One pass over the samples in random order."""
    model.train()
    random.shuffle(samples)
    for i in range(0, len(samples), BATCH):
        optimiser.zero_grad()
        model(**collate(samples[i : i + BATCH]))["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()


def fit_with(make):
    def fit(part, setting, seed):
        dim, rate = setting
        torch.manual_seed(seed)
        random.seed(seed)
        torch.set_num_threads(1)
        samples = Samples(part)
        model = make(samples.dataset(), dim)
        token = model.label_tokenizer.vocabulary
        optimiser = torch.optim.Adam(model.parameters(), rate)
        best, kept, waited = -1, None, 0
        for epoch in range(EPOCHS):
            epoch_of(model, samples.own, optimiser)
            ap = precision(scores_of(model, samples.stop), samples.stop, samples.hidden, token)
            if ap > best:
                best, waited, kept = ap, 0, {k: v.clone() for k, v in model.state_dict().items()}
            else:
                waited += 1
                if epoch >= LEAST and waited >= PATIENCE:
                    break
        model.load_state_dict(kept)
        fit.epochs = epoch + 1
        out = scores_of(model, samples.test)
        return np.stack([out[:, token(l)] if l in token.token2idx else np.full(len(out), -1.0) for l in part.labels], 1)

    return fit


def collate(batch):
    return {k: [s[k] for s in batch] for k in batch[0]}


def scores_of(model, samples):
    model.eval()
    with torch.no_grad():
        return np.concatenate([model(**collate(samples[i : i + BATCH]))["y_prob"].numpy() for i in range(0, len(samples), BATCH)])


def precision(scores, samples, hidden, token):
    """Mean AP, without candidates that would be a repetition."""
    total = 0
    for s, row in zip(samples, scores):
        row = row.copy()
        row[[token(l) for l in hidden[s["visit_id"]] if l in token.token2idx]] = -1
        hits = {token(l) for l in s["drugs"]}
        places = [k for k, l in enumerate(np.argsort(-row, kind="stable")) if l in hits]
        total += sum((n + 1) / (k + 1) for n, k in enumerate(places)) / len(hits)
    return total / max(1, len(samples))


def retain(data, dim):
    return RETAIN(data, list(ALL), "drugs", "multilabel", embedding_dim=dim)


def transformer(data, dim):
    return Transformer(data, list(ALL), "drugs", "multilabel", embedding_dim=dim)


class Memory(GAMENet):
    """Without the interactions of drugs, whose table is a download."""

    def generate_ddi_adj(self):
        n = self.label_tokenizer.get_vocabulary_size()
        return torch.zeros((n, n))


def gamenet(data, dim):
    return Memory(data, embedding_dim=dim, hidden_dim=dim)


GRID = [(128, 1e-3), (64, 3e-3)]
MAKERS = {"PyHealth RETAIN": retain, "PyHealth Transformer": transformer, "PyHealth GAMENet": gamenet}
PEERS = {name: (fit_with(make), GRID, 3) for name, make in MAKERS.items()}
