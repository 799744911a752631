"""PyHealth's sequence models as peers (pyhealth==1.1.6), for peers.py: each
encounter is a visit with its conditions, procedures, drugs and tests; a last one is
the moment itself, with sex, age, setting and reasons. They are trained by Adam until the AP of
a tenth of the training patients has not risen for some epochs; the best epoch counts.
"""
import hashlib
import random

import numpy as np
import torch
from pyhealth.datasets import SampleEHRDataset
from pyhealth.models import GAMENet, RETAIN, Transformer

EPOCHS, LEAST, PATIENCE, BATCH = 40, 20, 4, 64
KEYS = {"condition": "conditions", "finding": "conditions", "procedure": "procedures", "medication": "history", "test": "tests"}


def visits(d):
    """The encounters' codes by kind, oldest first; every kind has as many visits."""
    order = sorted({e["v"] for e in d["known"] if e["v"]}) or [0]
    order = order[-20:]
    place = {v: i for i, v in enumerate(order)}
    out = {k: [[] for _ in [*order, "now"]] for k in ("conditions", "procedures", "history", "tests", "context")}
    for e in d["known"]:
        k = KEYS.get(e["c"].split(":")[0])
        if k and (e["v"] in place or e["v"] == 0):
            codes = out[k][place.get(e["v"], 0)]
            if e["c"] not in codes:
                codes.append(e["c"])
    out["context"][-1] += ["sex " + d["sex"], "age %d" % (d["age"] // 10), "setting " + d["setting"], "hours %d" % d["hours"], *d.get("reasons", [])]
    for k, v in out.items():
        out[k] = [codes[:200] or ["none"] for codes in v]
    return out


def remembered(history, labels):
    """What GAMENet keeps in its memory: earlier drugs that are labels, and none now."""
    return [[c for c in codes if c in labels] for codes in history[:-1]] + [[]]


def fit_with(make):
    def fit(part, rate, seed):
        torch.manual_seed(seed)
        random.seed(seed)
        torch.set_num_threads(2)
        held = np.array([hashlib.sha256(b"stop:%d" % p).digest()[0] % 10 == 0 for p in part.task.patient[part.train]])
        samples, some, known = [], [], {l for i in part.train for l in part.task.wanted(i)}
        for at, i in enumerate([*part.train, *part.test]):
            wanted = [l for l in (part.task.wanted(i) if at < len(part.train) else []) if l in part.at]
            v = visits(part.task.decisions[i])
            samples.append({"patient_id": str(part.task.patient[i]), "visit_id": str(at), **v, "drugs_hist": remembered(v["history"], known),
                            "drugs": wanted or [part.labels[0]]})
            some.append(bool(wanted))
        model = make(SampleEHRDataset(samples, dataset_name="ember", task_name="orders"))
        column = [model.label_tokenizer.vocabulary(l) if l in model.label_tokenizer.vocabulary.token2idx else -1 for l in part.labels]
        own, stop = [], []
        for s, h, any_order in zip(samples, held, some):
            if any_order:
                (stop if h else own).append(s)
        optimiser = torch.optim.Adam(model.parameters(), rate)
        best, kept, waited = -1, None, 0
        for epoch in range(EPOCHS):
            model.train()
            random.shuffle(own)
            for i in range(0, len(own), BATCH):
                optimiser.zero_grad()
                model(**collate(own[i : i + BATCH]))["loss"].backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
            ap = precision(scores_of(model, stop), stop, model)
            if ap > best:
                best, waited, kept = ap, 0, {k: v.clone() for k, v in model.state_dict().items()}
            else:
                waited += 1
                if epoch >= LEAST and waited >= PATIENCE:
                    break
        model.load_state_dict(kept)
        out = scores_of(model, samples[len(part.train) :])
        return np.stack([out[:, c] if c >= 0 else np.full(len(out), -1.0) for c in column], 1)

    return fit


def collate(batch):
    return {k: [s[k] for s in batch] for k in batch[0]}


def scores_of(model, samples):
    model.eval()
    with torch.no_grad():
        return np.concatenate([model(**collate(samples[i : i + BATCH]))["y_prob"].numpy() for i in range(0, len(samples), BATCH)])


def precision(scores, samples, model):
    total = 0
    for s, row in zip(samples, scores):
        hits = {model.label_tokenizer.vocabulary(l) for l in s["drugs"]}
        places = [k for k, l in enumerate(np.argsort(-row, kind="stable")) if l in hits]
        total += sum((n + 1) / (k + 1) for n, k in enumerate(places)) / len(hits)
    return total / max(1, len(samples))


def retain(data):
    return RETAIN(data, list(ALL), "drugs", "multilabel", embedding_dim=128)


def transformer(data):
    return Transformer(data, list(ALL), "drugs", "multilabel", embedding_dim=128)


class Memory(GAMENet):
    """Without the interactions of drugs, whose table is a download."""

    def generate_ddi_adj(self):
        n = self.label_tokenizer.get_vocabulary_size()
        return torch.zeros((n, n))


def gamenet(data):
    return Memory(data)


ALL = ("conditions", "procedures", "history", "tests", "context")
RATES = [1e-3, 3e-4]
PEERS = {
    "PyHealth RETAIN": (fit_with(retain), RATES, 3),
    "PyHealth Transformer": (fit_with(transformer), RATES, 3),
    "PyHealth GAMENet": (fit_with(gamenet), RATES, 3),
}
