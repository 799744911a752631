"""The ten most similar of all patients by hnswlib, on the very vectors of BenchmarkLike.

    EMBER_BENCH_VECTORS=/tmp/lean go test ./cohort -run XXX -bench Like -benchtime 1x
    python bench/cohort/hnsw.py /tmp/lean

Prints, for each ef, recall@10 against an exact scan and queries per second of processor
time, on one thread: to be read beside the benchmark's 10-of-all.
"""

import sys
import time

import hnswlib
import numpy

DIM, K = 128, 10
base = sys.argv[1]


def rows(name: str) -> numpy.ndarray:
    v = numpy.fromfile(base + name, dtype="<f4").reshape(-1, DIM)
    return v / numpy.maximum(numpy.linalg.norm(v, axis=1, keepdims=True), 1e-12)


patients, queries = rows(".patients.f32"), rows(".queries.f32")
exact = [set(numpy.argpartition(-(patients @ q), K)[:K]) for q in queries]

index = hnswlib.Index(space="ip", dim=DIM)
index.init_index(max_elements=len(patients), ef_construction=100, M=16)
start = time.process_time()
index.add_items(patients)
print(f"built in {time.process_time() - start:.1f} s of processor time, {len(patients)} patients")
index.set_num_threads(1)
for ef in (10, 20, 40, 80, 160, 320):
    index.set_ef(ef)
    start = time.process_time()
    found = [index.knn_query(q, k=K)[0][0] for q in queries for _ in range(5)]
    took = time.process_time() - start
    hits = sum(len(exact[i] & set(map(int, found[5 * i]))) for i in range(len(queries)))
    print(f"ef {ef:4d}  recall@{K} {hits / K / len(queries):.4f}  {len(found) / took:8.0f} queries/cpu-s")
