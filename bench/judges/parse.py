"""Parses resources by fhir.resources (R4B), one a line on standard input, and prints a line
a type: how many there were, and how many could not be parsed.

    python bench/judges/parse.py < answers.ndjson
"""
import json
import sys
from collections import Counter

from fhir.resources.R4B import get_fhir_model_class

whole, broken = Counter(), Counter()
for line in sys.stdin:
    if not line.strip():
        continue
    resource = json.loads(line)
    kind = resource.get("resourceType", "?")
    whole[kind] += 1
    try:
        get_fhir_model_class(kind).model_validate(resource)
    except Exception as e:  # every kind of fault is a finding
        broken[kind] += 1
        print(f"{kind} {resource.get('id')}: {str(e)[:600]}", file=sys.stderr)
for kind in sorted(whole):
    print(f"{kind}\t{whole[kind]}\t{broken[kind]}")
sys.exit(1 if broken else 0)
