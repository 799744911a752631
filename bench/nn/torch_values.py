"""Writes what PyTorch computes for every layer, loss and optimiser to
learn/nn/testdata/torch.json.gz, which a test of learn/nn compares with.

    pip install torch
    python3 bench/nn/torch_values.py
"""
import gzip
import io
import json
import os

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(7)
torch.set_num_threads(1)
OUT = os.path.join(os.path.dirname(__file__), "../../learn/nn/testdata/torch.json.gz")
cases, losses, optimizers = [], [], []


def flat(t):
    return [float("%.7g" % v) for v in t.detach().reshape(-1).tolist()]


def tensor(t):
    return {"shape": list(t.shape), "data": flat(t)}


def randomise(module):
    for p in module.parameters():
        with torch.no_grad():
            p.copy_(torch.randn_like(p) * 0.4)
    return module


def case(name, spec, x, forward, params, lengths=None, training=False, ids=False, state=None):
    """params maps our names to (parameter, layout); layout turns its layout into ours."""
    x = x.clone()
    if not ids:
        x.requires_grad_(True)
    values = {n: layout(p) for n, (p, layout) in params.items()}
    values = {n: flat(v) for n, v in values.items()}
    y = forward(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    cases.append({
        "name": name, "spec": {"input": list(x.shape[1:]), "layers": spec}, "params": values,
        "x": tensor(x), "lengths": lengths, "training": training, "y": tensor(y), "dy": flat(dy),
        "dx": None if ids else flat(x.grad),
        "grads": {n: flat(layout(p.grad)) for n, (p, layout) in params.items()},
        "state": {n: flat(v) for n, v in (state or {}).items()},
    })


same = lambda t: t
turned = lambda t: t.t()


def dense():
    l = randomise(nn.Linear(5, 4))
    params = {"1.dense.W": (l.weight, turned), "1.dense.B": (l.bias, same)}
    case("dense", [{"type": "Dense", "units": 4}], torch.randn(3, 5), l, params)
    for name, f in {"relu": torch.relu, "gelu": nn.GELU(), "tanh": torch.tanh}.items():
        l.zero_grad()
        case("dense " + name, [{"type": "Dense", "units": 4, "activation": name}], torch.randn(3, 5), lambda x: f(l(x)), params)
    for name, f in {"sigmoid": torch.sigmoid, "softmax": lambda x: torch.softmax(x, -1)}.items():
        case(name, [{"type": "Activation", "activation": name}, {"type": "Activation", "activation": "linear"}], torch.randn(3, 5) * 3, f, {})


def embeddings():
    ids = torch.tensor([[1, 4, 2, 0], [3, 0, 0, 0], [2, 2, 6, 1]])
    e = randomise(nn.Embedding(7, 3, padding_idx=0))
    with torch.no_grad():
        e.weight[0] = 0
    case("embedding", [{"type": "Embedding", "input_dim": 7, "output_dim": 3, "mask_zero": True}],
         ids, e, {"1.embedding.table": (e.weight, same)}, ids=True)
    b = randomise(nn.EmbeddingBag(7, 3, mode="mean", padding_idx=0))
    case("bag", [{"type": "EmbeddingBag", "input_dim": 7, "output_dim": 3, "mask_zero": True}],
         ids, b, {"1.bag.table": (b.weight, same)}, ids=True)


def convolutions():
    for stride, padding in [(1, "valid"), (2, "valid"), (1, "same")]:
        extra = {"strides": [stride, stride], "padding": padding}
        c = randomise(nn.Conv2d(3, 4, (3, 2), stride=stride, padding=padding))
        params = {"1.conv.W": (c.weight, lambda t: t.permute(2, 3, 1, 0)), "1.conv.B": (c.bias, same)}
        case(f"conv2d {padding} {stride}", [{"type": "Conv2D", "filters": 4, "kernel": [3, 2], **extra}], torch.randn(2, 7, 6, 3),
             lambda x: c(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), params)
        extra["strides"] = stride
        d = randomise(nn.Conv1d(3, 4, 3, stride=stride, padding=padding))
        params = {"1.conv.W": (d.weight, lambda t: t.permute(2, 1, 0)), "1.conv.B": (d.bias, same)}
        case(f"conv1d {padding} {stride}", [{"type": "Conv1D", "filters": 4, "kernel": 3, **extra}], torch.randn(2, 7, 3),
             lambda x: d(x.permute(0, 2, 1)).permute(0, 2, 1), params)


def pools():
    p = nn.MaxPool2d(3, 2)
    case("maxpool2d", [{"type": "MaxPool2D", "pool": 3, "strides": 2}], torch.randn(2, 7, 8, 3),
         lambda x: p(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), {})
    q = nn.MaxPool1d(2)
    case("maxpool1d", [{"type": "MaxPool1D", "pool": 2}], torch.randn(2, 7, 3), lambda x: q(x.permute(0, 2, 1)).permute(0, 2, 1), {})
    case("global mean", [{"type": "GlobalAvgPool"}], torch.randn(2, 4, 5, 3), lambda x: x.mean((1, 2)), {})
    case("global max", [{"type": "GlobalMaxPool"}], torch.randn(2, 4, 5, 3), lambda x: x.amax((1, 2)), {})
    lengths = [3, 1, 5]
    mask = torch.arange(5)[None, :, None] < torch.tensor(lengths)[:, None, None]
    case("global mean, padded", [{"type": "GlobalAvgPool"}], torch.randn(3, 5, 2),
         lambda x: (x * mask).sum(1) / torch.tensor(lengths)[:, None], {}, lengths)
    case("global max, padded", [{"type": "GlobalMaxPool"}], torch.randn(3, 5, 2), lambda x: x.masked_fill(~mask, -1e9).amax(1), {}, lengths)


def norms():
    n = randomise(nn.LayerNorm(6, eps=1e-3))
    case("layernorm", [{"type": "LayerNorm"}], torch.randn(3, 4, 6), n, {"1.norm.gain": (n.weight, same), "1.norm.shift": (n.bias, same)})
    b = randomise(nn.BatchNorm2d(3, eps=1e-3, momentum=0.2))
    params = {"1.norm.gain": (b.weight, same), "1.norm.shift": (b.bias, same)}
    forward = lambda x: b(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    x = torch.randn(4, 3, 2, 3) * 2 + 1
    rows = x.reshape(-1, 3)
    state = {"1.norm.mean": 0.2 * rows.mean(0), "1.norm.variance": 0.8 + 0.2 * rows.var(0, unbiased=False)}
    case("batchnorm", [{"type": "BatchNorm", "momentum": 0.8}], x, forward, params, training=True, state=state)


def recurrent_params(r, prefix, suffix, kind, units):
    """Ours, from one direction of a torch layer."""
    def gates(t):  # torch's GRU has reset, update, candidate; ours update, reset, candidate
        if kind != "gru":
            return t
        a, b, c = t.split(units, 0)
        return torch.cat([b, a, c])
    w, u = getattr(r, "weight_ih_l0" + suffix), getattr(r, "weight_hh_l0" + suffix)
    bi, bh = getattr(r, "bias_ih_l0" + suffix), getattr(r, "bias_hh_l0" + suffix)
    out = {f"{prefix}{kind}.W": (w, lambda t: gates(t).t()), f"{prefix}{kind}.U": (u, lambda t: gates(t).t())}
    if kind == "gru":
        both = Pair(bi, bh)
        out[f"{prefix}{kind}.B"] = (both, lambda t: torch.stack([gates(t[0]), gates(t[1])]))
    else:
        with torch.no_grad():
            bh.zero_()
        out[f"{prefix}{kind}.B"] = (bi, same)
    return out


class Pair:
    """Two parameters that are one of ours."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __getitem__(self, i):
        return (self.a, self.b)[i]

    @property
    def grad(self):
        return (self.a.grad, self.b.grad)


def recurrents():
    units = 9
    for kind, name, make in [("rnn", "SimpleRNN", nn.RNN), ("lstm", "LSTM", nn.LSTM), ("gru", "GRU", nn.GRU)]:
        for both in (False, True):
            for lengths in (None, [4, 6, 1]):
                for sequences in (False, True):
                    r = randomise(make(5, units, batch_first=True, bidirectional=both))
                    layer = {"type": name, "units": units, "return_sequences": sequences}
                    if both:
                        layer = {"type": "Bidirectional", "layer": layer}
                        params = {**recurrent_params(r, "1.ahead.", "", kind, units), **recurrent_params(r, "1.back.", "_reverse", kind, units)}
                    else:
                        params = recurrent_params(r, "1.", "", kind, units)

                    def forward(x):
                        if lengths is None:
                            y, h = r(x)
                        else:
                            y, h = r(pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False))
                            y, _ = pad_packed_sequence(y, batch_first=True, total_length=6)
                        h = h[0] if kind == "lstm" else h
                        return y if sequences else torch.cat(list(h), -1)
                    case(f"{name} both={both} lengths={lengths} sequences={sequences}", [layer], torch.randn(3, 6, 5), forward, params, lengths)


def attentions():
    for lengths in (None, [4, 6, 1]):
        a = randomise(nn.MultiheadAttention(8, 2, batch_first=True))
        mask = None if lengths is None else torch.arange(6)[None, :] >= torch.tensor(lengths)[:, None]

        def forward(x):
            y = a(x, x, x, key_padding_mask=mask, need_weights=False)[0]
            return y if mask is None else y * ~mask[:, :, None]
        case(f"attention lengths={lengths}", [{"type": "Attention", "units": 8, "heads": 2}], torch.randn(3, 6, 8), forward, {
            "1.attention.In": (a.in_proj_weight, turned), "1.attention.InB": (a.in_proj_bias, same),
            "1.attention.Out": (a.out_proj.weight, turned), "1.attention.OutB": (a.out_proj.bias, same)}, lengths)
        w, v = randomise(nn.Linear(5, 4)), randomise(nn.Linear(4, 1, bias=False))

        def pool(x):
            score = v(torch.tanh(w(x)))
            if mask is not None:
                score = score.masked_fill(mask[:, :, None], -1e9)
            return (torch.softmax(score, 1) * x).sum(1)
        case(f"attention pool lengths={lengths}", [{"type": "AttentionPool", "units": 4}], torch.randn(3, 6, 5), pool, {
            "1.pool.W": (w.weight, turned), "1.pool.B": (w.bias, same), "1.pool.V": (v.weight, turned)}, lengths)


def residual():
    l = randomise(nn.Linear(5, 5))
    case("residual", [{"type": "Residual", "layers": [{"type": "Dense", "units": 5, "activation": "relu"}]}], torch.randn(3, 5),
         lambda x: x + torch.relu(l(x)), {"1.1.dense.W": (l.weight, turned), "1.1.dense.B": (l.bias, same)})


def loss(name, z, y, value, gamma=0, classes=None, ours=None):
    z = z.clone().requires_grad_(True)
    v = value(z)
    v.backward()
    losses.append({"loss": name, "gamma": gamma, "class_weight": None if classes is None else flat(classes),
                   "z": tensor(z), "y": flat(y if ours is None else ours), "value": v.item(), "grad": flat(z.grad)})


def all_losses():
    z, k = torch.randn(6, 4) * 3, torch.tensor([0, 3, 1, 1, 2, 0])
    shares, w = torch.softmax(torch.randn(6, 4), -1), torch.tensor([1.0, 2.0, 0.5, 3.0])
    f = nn.functional
    loss("sparse_categorical_crossentropy", z, k, lambda z: f.cross_entropy(z, k))
    loss("sparse_categorical_crossentropy", z, k, lambda z: f.cross_entropy(z, k, weight=w), classes=w)
    gone = torch.tensor([0, 3, -1, 1, -1, 0])
    loss("sparse_categorical_crossentropy", z, gone, lambda z: f.cross_entropy(z, gone, ignore_index=-1))
    loss("categorical_crossentropy", z, shares, lambda z: f.cross_entropy(z, shares))
    bits = (torch.rand(6, 4) > 0.6).float()
    loss("binary_crossentropy", z, bits, lambda z: f.binary_cross_entropy_with_logits(z, bits))
    loss("binary_crossentropy", z, bits, lambda z: f.binary_cross_entropy_with_logits(z, bits, pos_weight=w), classes=w)
    values = torch.randn(6, 4)
    loss("mse", z, values, lambda z: f.mse_loss(z, values))

    def focal(log_p, gamma):
        return ((1 - log_p.exp()) ** gamma * -log_p).mean()
    loss("sparse_categorical_focal", z, k, lambda z: focal(torch.log_softmax(z, -1).gather(1, k[:, None]), 2.0), gamma=2)
    loss("binary_focal", z, bits, lambda z: focal(torch.where(bits > 0, f.logsigmoid(z), f.logsigmoid(-z)), 1.5), gamma=1.5)


def optimizer(spec, make, clip=0.0):
    p = nn.Parameter(torch.randn(11))
    start, grads, values = flat(p), [], []
    o = make([p])
    for _ in range(5):
        g = torch.randn(11)
        grads.append(flat(g))
        p.grad = g.clone()
        if clip:
            nn.utils.clip_grad_norm_([p], clip)
        o.step()
        values.append(flat(p))
    optimizers.append({"optimizer": spec, "clipnorm": clip, "start": start, "grads": grads, "values": values})


def all_optimizers():
    o = torch.optim
    optimizer({"name": "adam", "learning_rate": 0.1}, lambda p: o.Adam(p, 0.1))
    optimizer({"name": "adam", "learning_rate": 0.1}, lambda p: o.Adam(p, 0.1), clip=2.0)
    optimizer({"name": "adamw", "learning_rate": 0.1, "weight_decay": 0.2, "beta_1": 0.8, "beta_2": 0.95}, lambda p: o.AdamW(p, 0.1, (0.8, 0.95), weight_decay=0.2))
    optimizer({"name": "sgd", "learning_rate": 0.1, "weight_decay": 0.05}, lambda p: o.SGD(p, 0.1, weight_decay=0.05))
    optimizer({"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}, lambda p: o.SGD(p, 0.1, momentum=0.9), clip=2.0)
    optimizer({"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True}, lambda p: o.SGD(p, 0.1, momentum=0.9, nesterov=True))


for part in (dense, embeddings, convolutions, pools, norms, recurrents, attentions, residual, all_losses, all_optimizers):
    part()
with open(OUT, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed, io.TextIOWrapper(packed) as f:
    f.write("{\"torch\": %s,\n" % json.dumps(torch.__version__.split("+")[0]))
    for name, rows in (("layers", cases), ("losses", losses), ("optimizers", optimizers)):
        end = "}\n" if rows is optimizers else ",\n"
        f.write("%s: [\n%s\n]%s" % (json.dumps(name), ",\n".join(json.dumps(r) for r in rows), end))
print(len(cases), "layers,", len(losses), "losses,", len(optimizers), "optimisers")
