"""Keeps what peers.py printed, and makes a table of it.

    peers.py ... | table.py keep FILE INPUT HASH EMBER    # replaces rows of the same input, task and peer
    table.py show FILE                                    # Markdown
"""
import json
import sys

NAMES = {"eicu": "eICU demo, 24 h, by hospital", "synthea": "Synthea, 5 folds", "synth": "ember synth, 2,000 patients"}


def read(path):
    try:
        with open(path) as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def keep(path, name, script, ember):
    rows = read(path)
    for line in sys.stdin:
        row = {"input": name, **json.loads(line), "script": script, "version": ember}
        rows = [r for r in rows if (r["input"], r["task"], r["peer"]) != (name, row["task"], row["peer"])] + [row]
    rows.sort(key=lambda r: (list(NAMES).index(r["input"]), r["task"], -r["AP"][0]))
    with open(path, "w") as f:
        for r in rows:
            f.write(json.dumps(r) + "\n")


def show(path):
    rows = read(path)
    print("| input | task | peer | its AP [95 %] | Ember's AP | Ember over it [95 %] | recall@10, its | Ember's | seeds | setting |")
    print("|---|---|---|---|--:|---|--:|--:|--:|---|")
    for r in rows:
        its, mine, over = r["AP"], r["ember AP"], r["ember over it, AP"]
        print("| %s | %s | %s | %.3f [%.3f, %.3f] | %.3f | %+.3f [%+.3f, %+.3f] | %.3f | %.3f | %d | %s |" % (
            NAMES[r["input"]], r["task"], r["peer"], *its, mine[0], *over, r["recall@10"][0], r["ember recall@10"][0], r["seeds"], "" if r["setting"] is None else r["setting"]))
    print("\nScripts %s, ember %s." % (", ".join(sorted({r["script"] for r in rows})), ", ".join(sorted({r["version"] for r in rows}))))


if __name__ == "__main__":
    {"keep": keep, "show": show}[sys.argv[1]](*sys.argv[2:])
