#!/bin/sh
# Measures everything, or the parts named (size load lean ask fhir cds scorer models), and writes
# docs/performance.md. Compared programs in Python (orjson, onnxruntime) are
# fetched into bin/bench-python when they are not there; without them they are
# left out of the page.
set -eu
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
if ! python3 -c 'import orjson, onnxruntime, onnx, numpy' 2>/dev/null; then
	python3 -m venv bin/bench-python 2>/dev/null &&
		bin/bench-python/bin/pip install -q orjson onnxruntime onnx numpy 2>/dev/null || true
	PATH="$PWD/bin/bench-python/bin:$PATH"
fi
[ -x bin/ember ] || make build
go build -o bin/bench-program ./bench
if [ $# -gt 0 ]; then
	exec bin/bench-program "$@" report
fi
exec bin/bench-program
