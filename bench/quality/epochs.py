"""Processor seconds that an epoch takes: Ember's network and PyHealth's models on the
same decisions and processors, one after the other in one run.

    ember --data DIR load ... && ember --data DIR eval --export decisions.ndjson
    python3 bench/quality/epochs.py bin/ember DIR decisions.ndjson

Ember is watched from outside while it trains, from where it says that it trains the
network for treatments until the last part of it is kept: two passes' worth of decisions
(once all, once each half) for four epochs, with making the pairs, ranking each half and
keeping the parts. PyHealth learns T1, drugs alone, at its smallest. Prints a line of JSON for each.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import threading
import time

PARTS, EPOCHS = 3, 2 * 4  # recommender/network_train.go: netGroups+1, and netEpochs of all decisions twice
DIM = 64  # of PyHealth's embeddings and layers: the smallest that peers.py tries
TICK = os.sysconf("SC_CLK_TCK")


def spent(pid):
    """Processor seconds of a process and its threads."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def child_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        own = f.read().split()
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as f:
            own += f.read().split()
    return int(own[0])


def ember(program, data, threads):
    """Processor and wall seconds of an epoch of the network for treatments."""
    parts = os.path.join(data, "parts")
    shutil.rmtree(parts, ignore_errors=True)
    p = subprocess.Popen([program, "--data", data, "train"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                         env={**os.environ, "GOMAXPROCS": str(threads)})
    for line in p.stderr:
        if line.startswith("training network for treatments"):
            break
    threading.Thread(target=p.stderr.read, daemon=True).start()
    child = child_of(p.pid)
    cpu, wall = spent(child), time.monotonic()
    while len(glob.glob(os.path.join(parts, "network-*"))) < PARTS:
        if p.poll() is not None:
            raise RuntimeError("ember train ended before its network")
        time.sleep(.01)
    out = (spent(child) - cpu) / EPOCHS, (time.monotonic() - wall) / EPOCHS
    if p.wait():
        raise RuntimeError("ember train failed")
    return out


def pyhealth(task, make, dim, threads):
    """The same of a model of PyHealth: the second and third epoch."""
    import numpy as np
    import torch

    import peers
    import sequences

    torch.set_num_threads(threads)
    samples = sequences.Samples(peers.Part(task, np.arange(len(task.decisions)), np.arange(0)))
    all_of = samples.own + samples.stop
    model = make(samples.dataset(), dim)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    sequences.epoch_of(model, all_of, optimiser)
    cpu, wall = time.process_time(), time.monotonic()
    for _ in range(2):
        sequences.epoch_of(model, all_of, optimiser)
    return len(all_of), (time.process_time() - cpu) / 2, (time.monotonic() - wall) / 2


def main():
    program, data, path = sys.argv[1:]
    import peers
    import sequences

    with open(path) as f:
        task = peers.Task([json.loads(line) for line in f], "T1")
    for threads in (1, 2):
        cpu, wall = ember(program, data, threads)
        print(json.dumps({"what": "Ember's network", "threads": threads, "decisions": len(task.decisions), "cpu": cpu, "wall": wall}), flush=True)
        for name, make in sequences.MAKERS.items():
            n, cpu, wall = pyhealth(task, make, DIM, threads)
            print(json.dumps({"what": name, "threads": threads, "decisions": n, "cpu": cpu, "wall": wall}), flush=True)


if __name__ == "__main__":
    main()
