"""Times learn/nn against PyTorch (training) and ONNX Runtime (inference): the
same networks, batches and threads, taking turns in one run. Prints the medians
of the turns' ratios; above 1 Ember is faster.

    go build -o /tmp/ember-nn ./bench/nn
    pip install torch onnxruntime numpy
    python3 bench/nn/compare.py /tmp/ember-nn [rounds]
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

THREADS = int(os.environ.get("THREADS", "1"))
os.environ["OMP_NUM_THREADS"] = str(THREADS)
import numpy as np
import onnxruntime as ort
import torch
from torch import nn

torch.set_num_threads(THREADS)
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
ember = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         env={**os.environ, "GOMAXPROCS": str(THREADS)})


def ask(**command):
    ember.stdin.write(json.dumps(command) + "\n")
    ember.stdin.flush()
    return json.loads(ember.stdout.readline())


def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


def timed(f, warm, count):
    for _ in range(warm):
        f()
    wall, used = time.perf_counter(), cpu()
    for _ in range(count):
        f()
    return {"Wall": time.perf_counter() - wall, "CPU": cpu() - used}


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.r, self.d = nn.Embedding(10000, 128), nn.LSTM(128, 128, batch_first=True), nn.Linear(128, 10)

    def forward(self, x):
        return self.d(self.r(self.e(x))[1][0][0])


def image():
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(1600, 10))


def sample(net, steps, n):
    if net == "cnn":
        return torch.rand(n, 1, 28, 28)
    return torch.randint(0, 10000, (n, steps))


def torch_train(net, steps, batch, count, fused, last=False):
    model = image() if net == "cnn" else Text()
    data, labels = sample(net, steps, batch * 8), torch.randint(0, 10, (batch * 8,))
    if last:  # the layout that learn/nn has, too
        model, data = model.to(memory_format=torch.channels_last), data.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=fused)

    def step():
        picks = torch.randint(0, batch * 8, (batch,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data[picks]), labels[picks]).backward()
        optimizer.step()
    return lambda: timed(step, 2, count)


def onnx_predict(net, steps, batch, count):
    with tempfile.TemporaryDirectory() as d:
        file = os.path.join(d, "model.onnx")
        ask(do="export", net=net, steps=steps, file=file)
        options = ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    x = {"input": (np.random.rand(batch, 28, 28, 1).astype(np.float32) if net == "cnn" else np.random.randint(0, 10000, (batch, steps)))}
    return lambda: timed(lambda: session.run(None, x), 3, count)


def versus(name, ours, theirs, samples):
    turns = [(ours(), theirs()) for _ in range(ROUNDS)]
    ratio = lambda k: statistics.median(t[k] / o[k] for o, t in turns)
    speed = lambda i: samples / statistics.median(t[i]["Wall"] for t in turns)
    print(f"{name:44} Ember {speed(0):9.0f}/s  other {speed(1):9.0f}/s  wall ×{ratio('Wall'):.2f}  CPU ×{ratio('CPU'):.2f}", flush=True)


print(f"{THREADS} thread(s), torch {torch.__version__}, onnxruntime {ort.__version__}, median of {ROUNDS} turns")
for net, steps in (("lstm", 20), ("lstm", 50), ("cnn", 0)):
    count = 20
    for fused, last in ((False, False), (True, False)) + (((True, True),) if net == "cnn" else ()):
        versus(f"train {net} T={steps} batch 64, Adam{' fused' if fused else ''}{', channels last' if last else ''}", lambda: ask(do="train", net=net, steps=steps, batch=64, threads=THREADS, count=count),
               torch_train(net, steps, 64, count, fused, last), 64 * count)
if THREADS == 1:
    for net, steps in (("lstm", 20), ("lstm", 50), ("cnn", 0)):
        for batch in (1, 64):
            count = 300 if batch == 1 else 10
            versus(f"predict {net} T={steps} batch {batch}", lambda: ask(do="predict", net=net, steps=steps, batch=batch, threads=1, count=count),
                   onnx_predict(net, steps, batch, count), batch * count)
