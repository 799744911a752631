"""The ten most similar of all patients by hnswlib and by Ember, in turns.

    go build -o bin/bench-cohort ./bench/cohort
    bin/bench-cohort -dir DIR build
    python bench/cohort/hnsw.py bin/bench-cohort DIR > like.json

The vectors are those that build wrote, of ember synth's patients; queries are of patients
who are not indexed. hnswlib (M 16, ef_construction 100) answers all queries in one call,
on one thread; Ember answers one after the other. Both are counted in processor time.
Recall is by score, so that patients with the same vector count for each other. What
hnswlib needs for the recall of .95 is read off the turns of growing ef.
"""

import json
import statistics
import subprocess
import sys
import time

import hnswlib
import numpy

DIM, K, TURNS = 128, 10, 3
EFS = (10, 20, 30, 40, 60, 80, 120, 200, 400)
program, folder = sys.argv[1:3]


def rows(name):
    return numpy.fromfile(f"{folder}/index.{name}.f32", dtype="<f4").reshape(-1, DIM)


def unit(v):
    return v / numpy.maximum(numpy.linalg.norm(v, axis=1, keepdims=True), 1e-12)


patients, queries = unit(rows("patients")), unit(rows("queries"))
tenth = numpy.array([numpy.partition(patients @ q, -K)[-K] for q in queries])
index = hnswlib.Index(space="ip", dim=DIM)
index.init_index(max_elements=len(patients), ef_construction=100, M=16)
start = time.process_time()
index.add_items(patients)
built = time.process_time() - start
index.set_num_threads(1)

ember = subprocess.Popen([program, "-dir", folder, "like"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask_ember():
    ember.stdin.write("turn\n")
    ember.stdin.flush()
    return json.loads(ember.stdout.readline())


def ask_hnsw(ef):
    index.set_ef(ef)
    start = time.process_time()
    _, distances = index.knn_query(queries, k=K, num_threads=1)
    took = time.process_time() - start
    recall = (1 - distances >= tenth[:, None] - 1e-5).sum() / K / len(queries)
    return {"ef": ef, "recall_10": float(recall), "queries_per_cpu_s": len(queries) / took}


turns = {"ember": [], "hnswlib": []}
for turn in range(TURNS + 1):
    one = []
    mine = [ask_ember()]
    for ef in EFS:
        one.append(ask_hnsw(ef))
        if one[-1]["recall_10"] >= 0.97:
            break
    mine.append(ask_ember())
    if turn:  # the first warms up
        turns["ember"] += mine
        turns["hnswlib"].append(one)
ember.stdin.close()

middle = lambda key: statistics.median(t[key] for t in turns["ember"])
own = {key: middle(key) for key in turns["ember"][0]}
graph = [{key: statistics.median(t[i][key] for t in turns["hnswlib"]) for key in ("ef", "recall_10", "queries_per_cpu_s")} for i in range(len(turns["hnswlib"][0]))]
good = [g for g in graph if g["recall_10"] >= 0.95]
out = {"queries": len(queries), "ember": own, "hnswlib_built_cpu_s": built, "hnswlib": graph, "hnswlib_at_95": good[0] if good else None}
print(json.dumps(out, indent=1))
