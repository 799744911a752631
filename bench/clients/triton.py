"""Asks a running Ember by NVIDIA's own client of the Open Inference Protocol.

    python bench/clients/triton.py HOST:PORT MODEL

MODEL is a tabular model with the inputs age (a number) and ward (a word).
"""
import sys
from importlib.metadata import version

import numpy as np
import tritonclient.http as http

client = http.InferenceServerClient(url=sys.argv[1])
model = sys.argv[2]
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
assert not client.is_model_ready("nobody")
meta = client.get_model_metadata(model)
assert {i["name"] for i in meta["inputs"]} == {"age", "ward"}, meta
config = client.get_model_config(model)
assert config["max_batch_size"] > 1, config
assert any(m["name"] == model and m["state"] == "READY" for m in client.get_model_repository_index())


def ask(binary, **how):
    age = http.InferInput("age", [3], "FP64")
    age.set_data_from_numpy(np.array([85.0, 25.0, np.nan]), binary_data=binary)  # NaN = not known, in JSON too
    ward = http.InferInput("ward", [3, 1], "BYTES")
    ward.set_data_from_numpy(np.array([["medical"], ["surgical"], ["medical"]], dtype=object), binary_data=binary)
    outputs = [http.InferRequestedOutput(n, binary_data=binary) for n in ("label", "probabilities")]
    return client.infer(model, [age, ward], outputs=outputs, request_id="7", **how)


for binary in (False, True):
    for how in ({}, {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"},
                {"request_compression_algorithm": "deflate", "response_compression_algorithm": "deflate"},
                {"model_version": meta["versions"][-1]}):
        r = ask(binary, **how)
        p, label = r.as_numpy("probabilities"), r.as_numpy("label")
        assert r.get_response()["id"] == "7" and p.shape == (3, 2) and p.dtype == np.float32
        assert np.allclose(p.sum(axis=1), 1, atol=1e-5) and p[0, 1] > .8 > p[1, 1] + .5, p
        first = label[0].decode() if isinstance(label[0], bytes) else label[0]
        assert first == "yes", label

top = http.InferRequestedOutput("probabilities", binary_data=True, class_count=1)
age = http.InferInput("age", [1, 1], "INT64")
age.set_data_from_numpy(np.array([[85]]))
ward = http.InferInput("ward", [1], "BYTES")
ward.set_data_from_numpy(np.array([b"medical"], dtype=object))
said = client.infer(model, [age, ward], outputs=[top]).as_numpy("probabilities")
assert said.shape == (1, 1) and said[0, 0].decode().endswith(":1:yes"), said

waiting = [client.async_infer(model, [age, ward]) for _ in range(16)]
assert all(w.get_result().as_numpy("label")[0] == b"yes" for w in waiting)

for bad, says in (([age], "ward"), ([ward, http.InferInput("age", [2], "FP32").set_data_from_numpy(np.zeros(2, np.float32))], "samples")):
    try:
        client.infer(model, bad)
        raise SystemExit("a bad request was answered")
    except http.InferenceServerException as e:
        assert says in str(e), e
try:
    client.get_trace_settings(model)
    raise SystemExit("an extension that is none of Ember's was answered")
except http.InferenceServerException as e:
    assert "nothing at this path" in e.message(), e

(stats,) = client.get_inference_statistics(model, meta["versions"][-1])["model_stats"]
assert stats["inference_count"] >= 3 * 8 + 17 and stats["last_inference"] > 0, stats
assert stats["inference_stats"]["success"]["count"] == stats["execution_count"] >= 25, stats
assert stats["inference_stats"]["fail"]["count"] == 2 and stats["inference_stats"]["compute_infer"]["ns"] > 0, stats
assert len(client.get_inference_statistics()["model_stats"]) >= 1
print("tritonclient", version("tritonclient"), "is content")
