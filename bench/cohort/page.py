"""Writes what million.sh measured, in the folder given, as docs/performance-cohorts.md."""

import json
import os
import re
import sys

work, version = sys.argv[1:3]


def text(name):
    path = os.path.join(work, name)
    return open(path).read() if os.path.exists(path) else ""


def measured(name):
    return json.loads(text(name) or "null")


def bench(name):
    """Milliseconds and patients by the question, as Go's benchmarks print them."""
    found = re.findall(r"^Benchmark\w+/(\S+?)(?:-\d+)?\s.*?([\d.]+) p50-ms\s+([\d.]+) patients", text(name), re.M)
    return {q: (float(ms), int(float(n))) for q, ms, n in found}


def lines(name):
    """The same as the scripts of DuckDB and tantivy print them."""
    return [(q.strip(), float(ms), int(n)) for q, ms, n in re.findall(r"^(.+?)\s+([\d.]+) p50-ms\s+(\d+) patients", text(name), re.M)]


def kept(ok):
    return "kept" if ok else "**missed**"


machine = next((l.split(": ")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "")
print(f"""# Performance of cohorts

Written by `bench/cohort/million.sh`; no figure is typed by hand. Ember {version}, {os.cpu_count()} processors,
{machine}. The machine is shared with other work: wall times are its neighbours' as well, and
what is compared ran in the same hour on the same machine. A ratio and processor time say
more than a time of the clock.""")

built = measured("build.json")
if built:
    minutes = built["cpu_s"] / 60
    print(f"""
## Making the index

{built["patients"]:,} patients of the profile `lean`, {built["resources"]:,} resources, mapped to timelines and
applied with notes and vectors, round by round as the follower does, into an empty folder
under GOMEMLIMIT=5GiB. Storing the resources is no part of it ([performance](performance.md) has the whole way in).

| | figure | bar | |
|---|--:|--:|---|
| processor time, minutes | {minutes:.1f} | | |
| the same on two processors, minutes | {minutes / 2:.1f} | 20 | {kept(minutes / 2 <= 20)} |
| peak resident memory, MiB (making the patients included) | {built["peak_bytes"] / 2**20:.0f} | 6144 | {kept(built["peak_bytes"] <= 6 * 2**30)} |
| index on disk, bytes a patient | {built["disk_bytes"] / built["patients"]:.0f} | | |""")

alike = measured("like.json")
if alike:
    own, at = alike["ember"], alike["hnswlib_at_95"]
    print(f"""
## The most similar

{own["patients"]:,.0f} vectors of 128 numbers of `ember synth`'s patients, {alike["queries"]} queries of patients who are not
among them; hnswlib (M 16, ef_construction 100) on the same vectors and one thread, in
turns. Ember takes up all vectors in {own["divide_cpu_s"]:.0f} s of processor time, hnswlib in {alike["hnswlib_built_cpu_s"]:.0f} s.

| the ten nearest of all | recall@10 | queries a second of processor time |
|---|--:|--:|
| **Ember** | {own["recall_10"]:.3f} | {own["queries_per_cpu_s"]:,.0f} |""")
    for g in alike["hnswlib"]:
        print(f"| hnswlib, ef {g['ef']:.0f} | {g['recall_10']:.3f} | {g['queries_per_cpu_s']:,.0f} |")
    if at:
        ratio = own["queries_per_cpu_s"] / at["queries_per_cpu_s"]
        print(f"\nAt a recall of .95 hnswlib needs ef {at['ef']:.0f}: Ember answers {ratio:.1f} times as many (bar: 1 at .95; {kept(ratio >= 1 and own['recall_10'] >= 0.95)}).")
    else:
        print(f"\nhnswlib does not reach a recall of .95 here (bar for Ember: .95; {kept(own['recall_10'] >= 0.95)}).")
    print(f"""
| the 200 most similar of a cohort of {own["members"]:,.0f} | figure | bar | |
|---|--:|--:|---|
| recall | {own["recall_200"]:.4f} | .99 | {kept(own["recall_200"] >= 0.99)} |
| p50 ms | {own["p50_ms"]:.1f} | 5 | {kept(own["p50_ms"] <= 5)} |
| processor time, ms | {own["cpu_ms"]:.1f} | | |""")

ember, duck = bench("cohort.txt"), lines("duck.txt")
if ember and duck:
    bars = {"four-codes": (2, 50), "value-twice": (50, 5), "a-then-b": (50, 5)}
    print("""
## Codes, values and order

The same facts in both, 25 events a patient; DuckDB's table is sorted by code and patient,
two threads. Medians of 60 questions (DuckDB: 20), by the clock.

| question | Ember p50 ms | DuckDB p50 ms | ratio | bar | | patients |
|---|--:|--:|--:|---|---|--:|""")
    for question, ms, n in duck:
        if question not in ember:
            continue
        own, size = ember[question]
        most, ratio = bars.get(question, (0, 0))
        bar = f"{most} ms, {ratio} × | {kept(own <= most and ms / own >= ratio)}" if most else " | "
        same = f"{size:,}" if size == n else f"{size:,} and {n:,}"
        print(f"| {question} | {own:.2f} | {ms:.1f} | {ms / own:.0f} | {bar} | {same} |")

ember, tantivy = list(bench("notes.txt").values()), lines("tantivy.txt")
if ember and tantivy:
    print("""
## Notes

One patient in five has a note of 150 words. tantivy's documents hold the note and the codes
of the last two years, so that the date needs no looking up; it knows no negation.

| question | Ember p50 ms | tantivy p50 ms | bar | | patients, Ember and tantivy |
|---|--:|--:|--:|---|--:|""")
    for (ms, n), (question, other, m) in zip(ember, tantivy):
        question = question.replace("|", " ")
        print(f"| `{question}` | {ms:.2f} | {other:.2f} | 20 ms | {kept(ms <= 20)} | {n:,} and {m:,} |")
