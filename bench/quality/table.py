"""Keeps what peers.py and epochs.py printed, and makes tables of it.

    peers.py ... | table.py keep FILE INPUT HASH EMBER    # replaces rows of the same input, task and peer, at once
    epochs.py ... | table.py keep FILE INPUT HASH EMBER   # the same by input, what and threads
    table.py show FILE                                    # Markdown of peers
    table.py epochs FILE                                  # Markdown of epochs
"""
import fcntl
import json
import os
import sys

NAMES = {"eicu": "eICU demo, 24 h, by hospital", "synthea": "Synthea, 5 folds", "synth": "ember synth, 2,000 patients"}
TASKS = ("T1", "T1-new", "T2")
PEERS = ("PyHealth RETAIN", "PyHealth Transformer", "PyHealth GAMENet", "LightGBM", "EASE / ridge", "implicit item-kNN", "implicit ALS",
         "implicit BPR", "popularity")


def read(path):
    try:
        with open(path) as f:
            return [json.loads(line) for line in f if line.strip()]
    except FileNotFoundError:
        return []


def key(row):
    return tuple(row.get(k) for k in ("input", "task", "peer", "what", "threads"))


def place(row):
    inputs = list(NAMES)
    at = inputs.index(row["input"]) if row["input"] in inputs else len(inputs)
    return at, row["input"], row.get("task", ""), row.get("threads", 0), -row["AP"][0] if "AP" in row else row["cpu"]


def keep(path, name, script, ember):
    """Each line is kept as it comes, so that a run that is stopped loses none; others may keep at the same time."""
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    for line in sys.stdin:
        row = {"input": name, **json.loads(line), "script": script, "version": ember}
        fcntl.flock(folder, fcntl.LOCK_EX)
        rows = sorted([r for r in read(path) if key(r) != key(row)] + [row], key=place)
        with open(path + ".new", "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)
        os.replace(path + ".new", path)
        fcntl.flock(folder, fcntl.LOCK_UN)


def titled(row):
    return NAMES.get(row["input"], row["input"])


def setting(row):
    if row["setting"] is None:
        return ""
    tried = ", of %d tried" % row["tried"] if "tried" in row else ""
    return " / ".join(map(str, row["setting"] if isinstance(row["setting"], list) else [row["setting"]])) + tried


def show(path):
    rows = sorted(read(path), key=place)
    print("| input | task | peer | its AP [95 %] | Ember's AP | Ember over it [95 %] | recall@10, its | Ember's | Ember over it [95 %] | seeds | setting | ember | script |")
    print("|---|---|---|---|--:|---|--:|--:|---|--:|---|---|---|")
    for r in rows:
        print("| %s | %s | %s | %.3f [%.3f, %.3f] | %.3f | %+.3f [%+.3f, %+.3f] | %.3f | %.3f | %+.3f [%+.3f, %+.3f] | %d | %s | %s | %s |" % (
            titled(r), r["task"], r["peer"], *r["AP"], r["ember AP"][0], *r["ember over it, AP"], r["recall@10"][0], r["ember recall@10"][0],
            *r["ember over it, recall@10"], r["seeds"], setting(r), r["version"], r["script"]))
    ahead = [r for r in rows if r["ember over it, AP"][1] > 0]
    behind = [r for r in rows if r["ember over it, AP"][2] < 0]
    print("\nEmber's AP is ahead by an interval above 0 in %d of %d rows, behind by one below 0 in %d%s." % (
        len(ahead), len(rows), len(behind), "".join("; %s %s %s" % (titled(r), r["task"], r["peer"]) for r in behind)))
    for name in dict.fromkeys(r["input"] for r in rows):
        for task in TASKS:
            of = [r for r in rows if (r["input"], r["task"]) == (name, task)]
            deep = [r for r in of if r["peer"].startswith("PyHealth")]
            if deep:
                best = max(deep, key=lambda r: r["AP"][0])
                print("PyHealth's best on %s, %s: %s, %.3f; Ember %.3f, %+.3f [%+.3f, %+.3f]." % (
                    titled(best), task, best["peer"].removeprefix("PyHealth "), best["AP"][0], best["ember AP"][0], *best["ember over it, AP"]))
    print()
    for name in NAMES:
        have = {(r["task"], r["peer"]) for r in rows if r["input"] == name}
        left = ["%s (%s)" % (p, ", ".join(tasks)) for p in PEERS if (tasks := [t for t in TASKS if (t, p) not in have])]
        if left:
            print("Not measured on %s: %s.\n" % (NAMES[name], "; ".join(left)))


def epochs(path):
    rows = sorted(read(path), key=place)
    print("| input | threads | network | decisions | CPU s an epoch | CPU ms a decision | × Ember's |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for r in rows:
        own = next(o for o in rows if o["what"].startswith("Ember") and (o["input"], o["threads"]) == (r["input"], r["threads"]))
        each = 1000 * r["cpu"] / r["decisions"]
        print("| %s | %d | %s | %d | %.2f | %.2f | %.1f |" % (
            titled(r), r["threads"], r["what"], r["decisions"], r["cpu"], each, each / (1000 * own["cpu"] / own["decisions"])))
    for at in dict.fromkeys((r["input"], r["threads"]) for r in rows):
        there = [r["what"] for r in rows if (r["input"], r["threads"]) == at]
        if left := [p for p in PEERS if p.startswith("PyHealth") and p not in there]:
            print("\nNot measured on %s with %d threads: %s." % (NAMES.get(at[0], at[0]), at[1], ", ".join(left)))
    print("\nScripts %s, ember %s." % (", ".join(sorted({r["script"] for r in rows})), ", ".join(sorted({r["version"] for r in rows}))))


if __name__ == "__main__":
    {"keep": keep, "show": show, "epochs": epochs}[sys.argv[1]](*sys.argv[2:])
