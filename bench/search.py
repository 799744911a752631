"""Times FHIR searches of a running Ember, one client, one connection.

    ember synth --patients 40000 --profile lean big && ember load big && ember serve
    python bench/search.py HOST:PORT

It prints for each kind of search the median and the 99th percentile in milliseconds.
"""
import http.client
import json
import random
import sys
import time
from collections import Counter
from urllib.parse import quote

connection = http.client.HTTPConnection(sys.argv[1])
random.seed(1)


def get(path):
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    assert answer.status == 200, (answer.status, body[:300])
    return took, json.loads(body)


def entries(path):
    return [e["resource"] for e in get(path)[1].get("entry", [])]


def code(resource):
    coding = resource["code"]["coding"][0]
    return coding["system"] + "|" + coding["code"]


def run(name, path, n):
    times, found = [], 0
    for _ in range(n):
        took, bundle = get(path())
        times.append(took)
        found += len(bundle.get("entry", []))
    times.sort()
    print(f"{name:40} p50 {times[n // 2]:8.2f}  p99 {times[int(n * .99)]:8.2f}  {found / n:.1f} entries")


patients = [r["id"] for r in entries("/fhir/Patient?_count=1000&_elements=id")]
codes = [code(r) for r in entries("/fhir/Observation?_count=1000&_elements=code")]
pairs = [(p, code(r)) for p in random.sample(patients, 300) for r in entries(f"/fhir/Observation?patient={p}&_count=20&_elements=code")]
run("patient and code", lambda: "/fhir/Observation?patient={}&code={}".format(*map(quote, random.choice(pairs))), 1000)
run("code and date, latest 50", lambda: f"/fhir/Observation?code={quote(random.choice(codes))}&date=ge2015&_sort=-date&_count=50", 300)
for often, _ in Counter(codes).most_common(2):
    path, page = f"/fhir/Observation?code={quote(often)}&date=ge1990&_sort=-date&_count=50", 1
    while path and page < 100:
        links = {x["relation"]: x["url"] for x in get(path)[1]["link"]}
        path, page = links.get("next", "").partition("/fhir/")[2], page + 1
        path = path and "/fhir/" + path
    if path:
        run(f"page {page} of the latest", lambda: path, 300)
run("a status of a whole type", lambda: "/fhir/Condition?clinical-status=active&_count=50", 50)
run("the beginning of a name", lambda: "/fhir/Patient?name=smi&_count=20", 50)
