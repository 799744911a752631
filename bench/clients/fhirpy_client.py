"""Asks a running Ember by fhirpy: read, search, page, transact, follow references.

    python bench/clients/fhirpy_client.py http://HOST:PORT/fhir

It stores resources of its own under ids that begin with "fhirpy-", and deletes them.
"""
import sys
from importlib.metadata import version

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

client = SyncFHIRClient(sys.argv[1], authorization=sys.argv[2] if len(sys.argv) > 2 else None)

patient = client.resource("Patient", id="fhirpy-p", name=[{"family": "Fhirpy", "given": ["A"]}],
                          identifier=[{"system": "urn:fhirpy", "value": "1"}], birthDate="1970-01-01")
patient.save()
assert patient["meta"]["versionId"], patient
for n in range(7):
    client.resource("Observation", id=f"fhirpy-o{n}", status="final", subject=patient.to_reference(),
                    code={"coding": [{"system": "http://loinc.org", "code": "fhirpy-1"}]},
                    effectiveDateTime=f"2024-01-0{n + 1}").save()

found = client.resources("Observation").search(patient="fhirpy-p", code="http://loinc.org|fhirpy-1").sort("-date").limit(3)
page = found.fetch()
assert [o["id"] for o in page] == ["fhirpy-o6", "fhirpy-o5", "fhirpy-o4"], page
assert len(found.fetch_all()) == 7, "not all pages"
assert client.resources("Observation").search(code="fhirpy-1", date__ge="2024-01-06").count() == 2
assert client.resources("Observation").search(code="fhirpy-1", date__lt="2024-01-03").count() == 2
with_patient = client.resources("Observation").search(_id="fhirpy-o0").include("Observation", "subject").fetch_raw()
assert {e["resource"]["resourceType"] for e in with_patient.entry} == {"Observation", "Patient"}
back = client.resources("Patient").search(_id="fhirpy-p").revinclude("Observation", "patient").fetch_raw()
assert len(back.entry) == 8, len(back.entry)
assert client.resources("Patient").search(name__contains="HIRP").get()["id"] == "fhirpy-p"
assert client.resources("Observation").search(patient__identifier="urn:fhirpy|1").count() == 7
assert page[0]["subject"].to_resource()["id"] == "fhirpy-p"

again, created = client.resources("Patient").search(identifier="urn:fhirpy|1").get_or_create(
    client.resource("Patient", identifier=[{"system": "urn:fhirpy", "value": "1"}]))
assert not created and again["id"] == "fhirpy-p"
patient["gender"] = "female"
patient.save()
assert client.reference("Patient", "fhirpy-p").to_resource()["gender"] == "female"

bundle = client.resource("Bundle", type="transaction", entry=[
    {"fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
     "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:fhirpy", "value": "2"}]},
     "request": {"method": "POST", "url": "Patient"}},
    {"resource": {"resourceType": "Observation", "id": "fhirpy-t", "status": "final", "code": {"text": "x"},
                  "subject": {"reference": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"}},
     "request": {"method": "PUT", "url": "Observation/fhirpy-t"}}])
bundle.save()
second = client.resources("Patient").search(identifier="urn:fhirpy|2").get()
assert client.resources("Observation").search(patient=second["id"]).get()["id"] == "fhirpy-t"

try:
    client.resources("Patient").search(birthdate="yesterday").fetch()
    raise AssertionError("a date that is none is taken")
except OperationOutcome as e:
    assert e.resource["issue"], e
try:
    client.resources("Observation").search(code="fhirpy-1").get()
    raise AssertionError("seven are one")
except MultipleResourcesFound:
    pass
try:
    client.reference("Patient", "fhirpy-nobody").to_resource()
    raise AssertionError("nobody is there")
except ResourceNotFound:
    pass

for o in client.resources("Observation").search(code="fhirpy-1").fetch_all():
    o.delete()
for ref in ("Observation/fhirpy-t", "Patient/fhirpy-p", f"Patient/{second['id']}"):
    client.reference(reference=ref).delete()
assert client.resources("Observation").search(code="fhirpy-1").count() == 0
print("fhirpy", version("fhirpy"), "is content")
