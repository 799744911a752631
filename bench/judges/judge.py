"""Has the judges look at a running Ember and writes what they say.

    python bench/judges/judge.py --base http://HOST:PORT --ember PROGRAM --hospital FOLDER --work FOLDER [--page FILE] [--quick]

Needs what bench/judges/run.sh installs into the work folder. With --quick the parts that CI
runs, in a few minutes. Exit 1 when a judge is not content.
"""
import argparse
import csv
import glob
import json
import os
import re
import subprocess
import sys
import time
import zipfile

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
ask = argparse.ArgumentParser()
for name in ("base", "ember", "hospital", "work"):
    ask.add_argument("--" + name, required=True)
ask.add_argument("--page")
ask.add_argument("--quick", action="store_true")
o = ask.parse_args()
python = os.path.join(o.work, "venv/bin/python")
rows, failed = [], []


def run(name, command, cwd=root, stdin=None):
    begun = time.time()
    done = subprocess.run(command, cwd=cwd, stdin=open(stdin, "rb") if stdin else subprocess.DEVNULL, capture_output=True, text=True)
    out = done.stdout + "\n".join(l for l in done.stderr.splitlines() if not l.startswith(("SLF4J", "Note:")))
    print(f"{name}: {'content' if done.returncode == 0 else 'NOT CONTENT'} ({time.time() - begun:.0f} s)", flush=True)
    if done.returncode != 0:
        failed.append(name)
        print(out[-20000:], flush=True)
    return done.returncode == 0, done.stdout, out


def java(program, *args, stdin=None):
    with open(os.path.join(o.work, "classpath")) as f:
        path = f.read().strip()
    return run("HAPI " + program, ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", path, os.path.join(here, "hapi", program + ".java"), *args], stdin=stdin)


def table(text):
    counts = [line.split("\t") for line in text.splitlines() if line.count("\t") == 2]
    return {kind: (int(n), int(bad)) for kind, n, bad in counts}


def verdict(ok):
    return "yes" if ok else "**no**"


# Every kind of resource that Ember writes.
corpus = os.path.join(o.work, "corpus.ndjson")
with open(corpus, "w", encoding="utf-8") as f:
    subprocess.run([python, os.path.join(here, "corpus.py"), o.base, o.hospital, "200" if o.quick else "1500"], check=True, stdout=f)
valid_ok, valid_out, _ = java("Validate", stdin=corpus)
valid = table(valid_out)
parsed = {}
parsed_ok, parsed_out, _ = run("fhir.resources", [python, os.path.join(here, "parse.py")], stdin=corpus)
parsed = table(parsed_out)
own_ok, own_out, _ = run("ember validate", [o.ember, "validate", "--quiet", corpus])

# Clients.
node = os.path.join(o.work, "node")
clients = [
    ("HAPI FHIR client (Java)", "Client.java", java("Client", o.base + "/fhir")),
    ("fhir-kit-client (JavaScript)", "fhir-kit.mjs", run("fhir-kit-client", ["node", os.path.join(root, "bench/clients/fhir-kit.mjs"), o.base + "/fhir"], cwd=node)),
    ("fhirclient (JavaScript, SMART)", "fhirclient.mjs", run("fhirclient", ["node", os.path.join(here, "fhirclient.mjs"), o.base + "/fhir"], cwd=node)),
    ("fhirpy (Python)", "fhirpy_client.py", run("fhirpy", [python, os.path.join(root, "bench/clients/fhirpy_client.py"), o.base + "/fhir"])),
]

# The cases of HL7's validator, judged by Ember's own.
data = os.path.join(root, "..", "shared", "data", "fhir-examples")
cases = None
if os.path.exists(os.path.join(data, "validator-cases.zip")):
    folder = os.path.join(o.work, "cases")
    with zipfile.ZipFile(os.path.join(data, "validator-cases.zip")) as z:
        z.extractall(folder)
    files = {os.path.basename(p): p for p in glob.glob(folder + "/**/*.json", recursive=True)}
    with open(os.path.join(data, "validator-cases.tsv"), encoding="utf-8") as f:
        wanted = [c for c in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE) if c["needs"] == "base" and c["file"] in files]
    told = json.loads(subprocess.run([o.ember, "validate", "--json", "--quiet", *sorted({files[c["file"]] for c in wanted})], capture_output=True, text=True).stdout)
    wrong = {i["file"] for i in told["issues"] if i["severity"] != "warning"}
    # What is beyond the base specification without terminology and other resources.
    beyond = re.compile(r"Wrong Display|LinkId|Answer value|Selected answer|required item|number of answers|minimum of|compared|mime type|signature|could not be found|not found in questionnaire"
                        r"|filter|expression|resource with reference|Multiple matches|has the wrong type|Hyperlink|measureScore|not valid in the value set|identifies a property|not a valid reference|test/StructureDefinition", re.I)
    structural = [c for c in wanted if int(c["errors"]) > 0 and not beyond.search(c["first_error"])]
    other = [c for c in wanted if int(c["errors"]) > 0 and beyond.search(c["first_error"])]
    # The same file under two options of the validator is no case of one that is right.
    right = [c for c in wanted if int(c["errors"]) == 0 and not any(d["file"] == c["file"] and int(d["errors"]) > 0 for d in wanted)]
    cases = dict(structural=len(structural), found=sum(files[c["file"]] in wrong for c in structural), other=len(other), other_found=sum(files[c["file"]] in wrong for c in other),
                 right=len(right), alarms=sum(files[c["file"]] in wrong for c in right), missed=[c for c in structural if files[c["file"]] not in wrong])
    print(f"validator cases: {cases['found']} of {cases['structural']} found, {cases['alarms']} false alarms on {cases['right']}", flush=True)
    if cases["alarms"]:
        failed.append("validator cases")

# The OpenAPI description.
seconds = 100 if o.quick else 300
fuzz_ok, fuzz_out, _ = run("schemathesis", [os.path.join(o.work, "venv/bin/schemathesis"), "--config-file", os.path.join(here, "schemathesis.toml"), "run", o.base + "/openapi.json",
                                            "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-time", str(seconds), "--seed", "1", "--continue-on-failure", "--no-shrink", "--warnings", "off"], cwd=o.work)
summary = [line.strip(" =") for line in fuzz_out.splitlines() if line.startswith("===")][-1:]
operations = re.search(r"(\d+) selected", fuzz_out)
generated = re.search(r"(\d+) generated", fuzz_out)


def page():
    lines = ["# Conformance", "",
             "What programs that did not grow up here say of Ember. Written by `make judges`, which installs them, starts a synthetic hospital and asks them; no figure is entered by hand.", "",
             "## Every kind of resource that Ember writes", "",
             "HAPI FHIR's validator 8.8.1 (base R4, no terminology server), `fhir.resources` 8 (R4B) and `ember validate` on answers of every kind and a sample of the synthetic hospital.", "",
             "| Type | resources | errors by HAPI | not parsed by fhir.resources |", "|---|---:|---:|---:|"]
    for kind in sorted(valid):
        lines.append(f"| {kind} | {valid[kind][0]} | {valid[kind][1]} | {parsed.get(kind, (0, 0))[1]} |")
    lines += [f"| **all** | {sum(n for n, _ in valid.values())} | {sum(b for _, b in valid.values())} | {sum(b for _, b in parsed.values())} |", "",
              "`ember validate` says of the same: " + (own_out.strip().splitlines() or ["nothing"])[-1] + ".", "",
              "## Clients", "", "Each reads, searches, follows pages and references, writes and deletes; HAPI's and fhir-kit-client's send transactions, HAPI's calls the operations.", "",
              "| Client | content | it says |", "|---|---|---|"]
    for name, _, (ok, out, _) in clients:
        lines.append(f"| {name} | {verdict(ok)} | {(out.strip().splitlines() or [''])[-1]} |")
    lines += ["", "## The OpenAPI description", "",
              f"schemathesis, all checks, {operations.group(1) if operations else '?'} operations"
              + (f", {generated.group(1)} requests" if generated else "") + f": {verdict(fuzz_ok)}, {summary[0] if summary else ''}.",
              "`bench/judges/schemathesis.toml` names the operations whose bodies have rules that JSON Schema cannot say, and are refused by them."]
    if cases:
        lines += ["", "## Ember as a judge", "",
                  "The cases of HL7's validator (FHIR/fhir-test-cases) that the base specification decides, by `ember validate`:", "",
                  "| | cases | called wrong |", "|---|---:|---:|",
                  f"| wrong by structure, format, code or invariant | {cases['structural']} | {cases['found']} |",
                  f"| wrong by terminology, questionnaires, profiles, signatures or other resources, which are not looked at | {cases['other']} | {cases['other_found']} |",
                  f"| right | {cases['right']} | {cases['alarms']} |"]
        if cases["missed"]:
            lines += ["", "Not found:", ""] + [f"- `{c['file']}`: {c['first_error']}" for c in cases["missed"]]
    return "\n".join(lines) + "\n"


if o.page:
    with open(o.page, "w", encoding="utf-8") as f:
        f.write(page())
if failed:
    sys.exit("not content: " + ", ".join(failed))
