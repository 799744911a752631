"""What Python's orjson needs to parse the NDJSON files named: read, unpacked and
split beforehand, so that only the parsing is timed."""
import gzip
import json
import sys
import time

import orjson

cpu = wall = 0.0
count = 0
for path in sys.argv[1:]:
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as f:
        lines = f.read().splitlines()
    began_cpu, began = time.process_time(), time.perf_counter()
    for line in lines:
        orjson.loads(line)
    cpu += time.process_time() - began_cpu
    wall += time.perf_counter() - began
    count += len(lines)
print(json.dumps({"cpu_us": cpu / count * 1e6, "wall_us": wall / count * 1e6}))
