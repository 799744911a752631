"""How much of the gap between ridge and the oracle Ember closes, on `ember synth`.

    ember synth --patients 20000 --oracle hospital
    ember load hospital && ember eval --export decisions.ndjson
    python3 bench/quality/oracle.py decisions.ndjson hospital/.oracle.ndjson TASK...

The oracle ranks what may be ordered at an ambulatory visit by the generator's own
probabilities, each of which knows the earlier decisions of the same visit and the
patient's hidden state: no one who sees the record alone can rank as well. Prints a
line of JSON for each task.
"""
import json
import sys

import numpy as np

from peers import COLUMNS, KIND, interval


def main():
    path, oracle, *tasks = sys.argv[1:]
    truth = {}
    with open(oracle) as f:
        for line in f:
            o = json.loads(line)
            truth[o["encounter"]] = {"%s:%s|%s" % (c["kind"], c["system"], c["code"]): c["p"] for c in o["orders"]}
    rows = {t: [] for t in tasks}
    ap = COLUMNS.index("AP")
    with open(path) as f:
        for line in f:
            d = json.loads(line)
            if d["hours"] or d["encounter"] not in truth:
                continue
            for t in tasks:
                m = d.get("metrics", {}).get(t)
                if m:
                    rows[t].append((d["patient"], m["ridge"][ap], m["neural"][ap], best(d, truth[d["encounter"]], t)))
    for t, r in rows.items():
        patient, ridge, neural, top = map(np.array, zip(*r))
        gap = (neural.mean() - ridge.mean()) / (top.mean() - ridge.mean())
        print(json.dumps({"task": t, "decisions": len(r), "patients": len(set(patient)), "ridge": interval(ridge, patient),
                          "ember": interval(neural, patient), "oracle": interval(top, patient), "closed": round(float(gap), 3)}))


def best(d, p, task):
    """Average precision of the oracle's order."""
    standing, kind = set(d["standing"]), KIND[task.removesuffix("-new")] + ":"
    new = task.endswith("-new")
    wanted = [o for o in d["orders"] if o.startswith(kind) and not (new and o in standing)]
    ranked = sorted((c for c in p if c.startswith(kind) and not (new and c in standing)), key=lambda c: -p[c])
    place = {c: k for k, c in enumerate(ranked)}
    hits = sorted(place[o] for o in wanted if o in place)
    return sum((n + 1) / (k + 1) for n, k in enumerate(hits)) / len(wanted)


if __name__ == "__main__":
    main()
