"""Millions of candidates that ONNX Runtime scores in a second of processor time,
on one thread, with an unsplit network: IN HIDDEN1 HIDDEN2 BATCH."""
import json
import sys
import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

inputs, one, two, batch = map(int, sys.argv[1:])
rng = np.random.default_rng(1)
widths = [inputs, one, two, 1]
nodes, weights, name = [], [], "x"
for i, (a, b) in enumerate(zip(widths, widths[1:])):
    weights.append(numpy_helper.from_array(rng.normal(size=(a, b)).astype(np.float32), f"w{i}"))
    weights.append(numpy_helper.from_array(np.zeros(b, np.float32), f"b{i}"))
    nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [f"g{i}"]))
    name = f"g{i}"
    if i < 2:
        nodes.append(helper.make_node("Relu", [name], [f"r{i}"]))
        name = f"r{i}"
graph = helper.make_graph(
    nodes, "scorer",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, inputs])],
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 1])], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
x = {"x": rng.normal(size=(batch, inputs)).astype(np.float32)}
for _ in range(50):
    session.run(None, x)
began, cpu, n = time.perf_counter(), time.process_time(), 0
while time.perf_counter() - began < 1:
    session.run(None, x)
    n += 1
print(json.dumps(n * batch / (time.process_time() - cpu) / 1e6))
