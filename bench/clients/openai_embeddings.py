"""Asks a running Ember for embeddings by OpenAI's own client.

    python bench/clients/openai_embeddings.py http://HOST:PORT/v1
"""
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
names = {m.id for m in client.models.list()}
assert {"ember-notes", "ember-codes", "ember-patients"} <= names, names
assert client.models.retrieve("ember-notes").id == "ember-notes"
one = client.embeddings.create(model="ember-notes", input="chest pain and shortness of breath")
many = client.embeddings.create(model="ember-notes", input=["chest pain", "angina pectoris", "ankle sprain"], encoding_format="float")
assert len(one.data) == 1 and len(many.data) == 3 and one.usage.total_tokens > 0
assert len(one.data[0].embedding) == len(many.data[0].embedding) > 16
short = client.embeddings.create(model="ember-notes", input="chest pain", dimensions=16)
assert len(short.data[0].embedding) == 16
for bad in (dict(model="nobody", input="x"), dict(model="ember-notes", input=[[1, 2, 3]]), dict(model="ember-notes", input="")):
    try:
        client.embeddings.create(**bad)
        raise SystemExit(f"a bad request was answered: {bad}")
    except (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError) as e:
        assert e.body and e.body.get("message"), e.body
print("openai", openai.__version__, "is content")
