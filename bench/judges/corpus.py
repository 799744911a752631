"""Everything that a running Ember writes into FHIR, one resource a line.

    python bench/judges/corpus.py http://HOST:PORT HOSPITAL_FOLDER MANY > corpus.ndjson

It asks for each kind of answer, with the resources inside of Bundles beside them, and adds
resources of the synthetic hospital until there are about MANY. It stores nothing but what
it deletes again.
"""
import glob
import json
import os
import sys
import urllib.error
import urllib.request

base, hospital, many = sys.argv[1], sys.argv[2], int(sys.argv[3])
JSON = {"Content-Type": "application/fhir+json"}


def ask(path, body=None, method=None, headers=JSON):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
    except urllib.error.HTTPError as refused:
        text = refused.read()
    return json.loads(text) if text else {}


kept, seen = [], {}


def keep(resource):
    kind = resource.get("resourceType")
    if kind:
        kept.append(resource)
        seen[kind] = seen.get(kind, 0) + 1
    return resource


def keep_all(bundle):
    keep(bundle)
    for entry in bundle.get("entry", []):
        if "resource" in entry:
            keep(entry["resource"])
    return bundle


def patients(query, count):
    found = ask(f"/fhir/{query}&_count={count}")
    return [e["resource"] for e in found.get("entry", []) if e.get("search", {}).get("mode") == "match"]


keep(ask("/fhir/metadata"))
for own in ("OperationDefinition/ember-recommend", "PlanDefinition/ember-treatments", "PlanDefinition/ember-tests",
            "Library/ember-recommender", "Library/ember-rules"):
    keep(ask("/fhir/" + own))
keep(ask("/v1/recommender/card?format=fhir"))

# Those with an allergy first: for them there is something that must not be ordered.
ill = [a["patient"]["reference"].split("/")[1] for a in patients("AllergyIntolerance?", max(3, many // 20))]
ill += [p["id"] for p in patients("Patient?", max(3, many // 40))]
for patient in dict.fromkeys(ill):
    for want in ("treatments", "tests"):
        keep_all(ask(f"/fhir/Patient/{patient}/$recommend?want={want}&limit=5"))
        keep(ask(f"/fhir/PlanDefinition/ember-{want}/$apply?subject=Patient/{patient}&limit=5"))
first = ill[0]
keep_all(ask(f"/fhir/Patient/{first}/$recommend", {"resourceType": "Parameters", "parameter": [
    {"name": "want", "valueCode": "treatments"}, {"name": "explain", "valueCoding": {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "723"}}]}))
everything = keep_all(ask(f"/fhir/Patient/{first}/$everything"))
keep_all(ask("/fhir/$recommend?want=tests", {"resourceType": "Bundle", "type": "collection",
                                             "entry": [{"resource": e["resource"]} for e in everything.get("entry", [])]}))
for service in ("treatments", "next-tests"):
    cards = ask(f"/cds-services/{service}", {"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                                             "context": {"userId": "Practitioner/x", "patientId": first}}, headers={"Content-Type": "application/json"})
    for card in cards.get("cards", []):
        for suggestion in card.get("suggestions", []):
            for action in suggestion["actions"]:
                keep(action.get("resource", {}))

# Cohorts as a Group, and what else is authored: what this installation does not offer is an
# OperationOutcome, which is judged as well.
ask("/v1/cohorts", {"name": "judge", "text": "age:>40"}, headers={"Content-Type": "application/json"})
keep(ask("/v1/cohorts/judge/export?format=group"))
ask("/v1/cohorts/judge", method="DELETE")
keep_all(ask("/fhir/Subscription/$status"))
keep_all(ask("/fhir/Subscription"))
keep(ask("/fhir", [{"resourceType": "Patient", "id": "judge-r"}]))
ask("/fhir/Patient/judge-r", method="DELETE")

# Answers to searches, writes and mistakes.
keep(ask("/fhir/Observation?_count=3&_include=Observation:subject&colour=red"))
keep(ask("/fhir/Patient?_summary=count"))
keep(ask(f"/fhir/Observation/$lastn?patient={first}"))
keep(ask("/fhir/Patient/judge-p", {"resourceType": "Patient", "id": "judge-p", "active": True}, "PUT"))
keep(ask("/fhir/Patient/judge-p/_history"))
keep(ask("/fhir", {"resourceType": "Bundle", "type": "batch", "entry": [
    {"request": {"method": "GET", "url": "Patient/judge-p"}}, {"request": {"method": "GET", "url": "Patient/nobody"}},
    {"request": {"method": "GET", "url": "Observation?_count=1"}}]}))
keep(ask("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": [
    {"fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "resource": {"resourceType": "Patient", "id": "judge-q"}, "request": {"method": "PUT", "url": "Patient/judge-q"}},
    {"request": {"method": "DELETE", "url": "Patient/judge-p"}}, {"request": {"method": "DELETE", "url": "Patient/judge-none"}}]}))
keep(ask("/fhir/Patient/judge-p/_history"))
ask("/fhir/Patient/judge-q", method="DELETE")
keep(ask("/fhir/Patient/judge-p"))
keep(ask("/fhir/Patient?birthdate=x"))
keep(ask("/fhir/Patient", b"{", "POST"))
keep(ask("/fhir/Patient/$validate", {"resourceType": "Patient", "gender": 7}))
keep(ask("/fhir/Patient/$validate", {"resourceType": "Patient", "active": True}))
keep(ask("/nothing"))

# The synthetic hospital, of each type as many as there is room for.
files = sorted(glob.glob(os.path.join(hospital, "*.ndjson")))
room = max(2, (many - len(kept)) // max(1, len(files)))
for name in files:
    with open(name, encoding="utf-8") as lines:
        for _, line in zip(range(room), lines):
            keep(json.loads(line))
for resource in kept:
    print(json.dumps(resource, ensure_ascii=False))
