#!/usr/bin/env bash
# Runs every fuzz target for a while: bench/fuzz.sh 10s
set -euo pipefail
cd "$(dirname "$0")/.."
for dir in $(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | xargs -n1 dirname | sort -u); do
	for target in $(grep -ho '^func Fuzz[A-Za-z0-9]*' "$dir"/*_test.go | sed 's/func //'); do
		go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10s}"
	done
done
