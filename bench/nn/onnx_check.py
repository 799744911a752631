"""Runs every model in a folder in ONNX Runtime and compares with what learn/nn
computed: NAME.onnx beside NAME.json with its inputs and outputs.

    python3 bench/nn/onnx_check.py FOLDER
"""
import glob
import json
import sys

import numpy as np
import onnxruntime as ort

bad = 0
files = sorted(glob.glob(sys.argv[1] + "/*.onnx"))
for file in files:
    with open(file[:-5] + ".json") as f:
        case = json.load(f)
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    kind = {"tensor(int64)": np.int64, "tensor(float)": np.float32}
    inputs = {i.name: i for i in session.get_inputs()}
    feed = {"input": np.array(case["x"], np.float32).reshape(case["shape"]).astype(kind[inputs["input"].type])}
    if "lengths" in inputs:
        feed["lengths"] = np.array(case["lengths"], np.int32)
    y = session.run(None, feed)[0]
    want = np.array(case["y"], np.float32).reshape(case["out"])
    if y.shape != want.shape or not np.allclose(y, want, rtol=1e-4, atol=1e-4):
        bad += 1
        print(case["name"], "differs:", y.shape, want.shape, "by", np.abs(y - want).max() if y.shape == want.shape else "")
print(len(files), "models,", bad, "differ")
sys.exit(bad > 0 or not files)
