#!/usr/bin/env bash
# Measures models as a service on public input and writes docs/quality-models.md.
# What was measured is kept in bin/quality as lines of JSON; a part named (images,
# beats, titles) is measured again. The baseline for titles needs scikit-learn,
# which is fetched into bin/bench-python when it is not there. Its settings are
# those that won on an inner split; TUNE=1 looks for them again, for an hour.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
data=${EMBER_REAL_DATA:-../shared/data}
kept=bin/quality
mkdir -p "$kept"
go build -o bin/bench-aiaas ./bench/aiaas

images() { bin/bench-aiaas images -images "$data/images" -final >"$kept/images.part"; }

beats() { bin/bench-aiaas waves -waveforms "$data/waveforms" >"$kept/beats.part"; }

titles() {
	local python=python3
	if ! python3 -c 'import sklearn' 2>/dev/null; then
		[ -d bin/bench-python ] || python3 -m venv bin/bench-python
		python=bin/bench-python/bin/python
		"$python" -c 'import sklearn' 2>/dev/null || "$python" -m pip install -q scikit-learn
	fi
	: >"$kept/titles.part"
	local split settings
	for split in code category; do
		settings=("words 1-2, chars 2-5" 1)
		[ "$split" = code ] || settings=("words 1" 1)
		[ -z "${TUNE:-}" ] || settings=()
		"$python" bench/aiaas/baseline.py "$data/terminology" "$split" "$kept/baseline-$split.tsv" "${settings[@]}"
		bin/bench-aiaas -terminology "$data/terminology" -split "$split" -baseline "$kept/baseline-$split.tsv" >>"$kept/titles.part"
	done
	bin/bench-aiaas -terminology "$data/terminology" -split category -background -baseline "$kept/baseline-category.tsv" >>"$kept/titles.part"
}

for part in images beats titles; do
	[ $# -eq 0 ] || [ "$1" = "$part" ] || continue
	echo "measuring $part …"
	"$part"
	mv "$kept/$part.part" "$kept/$part.jsonl"
done
for part in images beats titles; do
	[ ! -f "$kept/$part.jsonl" ] || cat "$kept/$part.jsonl"
done | bin/bench-aiaas page "Made on $(date -u +%F) with ember $(git describe --tags --always --dirty), $(nproc) processors ($(sed -n 's/model name.*: //p' /proc/cpuinfo | head -1))" >docs/quality-models.md
echo "docs/quality-models.md is written"
