#!/usr/bin/env bash
# Measures other recommenders on Ember's own decisions and keeps what came of it in
# bench/quality/peers.jsonl, which `make quality` makes a table of. Takes hours; needs
# bin/ember, and Python with what peers.py says (PYTHON=...). Peers that are not
# installed are left out.
#
#   bench/quality/peers.sh [eicu|synthea|synth [TASK [PEER...]]]
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${EMBER_REAL_DATA:-../shared/data}
python=${PYTHON:-python3}
here=bench/quality
kept=$here/peers.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

ember() { bin/ember --data "$work/data-$1" --quiet "${@:2}"; }

decisions() { # INPUT: exports its decisions
	local options=()
	case $1 in
	eicu) ember "$1" load "$data/eicu-demo-fhir" >/dev/null && options=(--folds 5 --by-site --landmark 24) ;;
	synthea) ember "$1" load "$data/synthea-ma/ndjson" >/dev/null && options=(--folds 5) ;;
	synth)
		bin/ember synth --quiet --patients 2000 --seed 1 "$work/hospital" >/dev/null
		ember "$1" load "$work/hospital" >/dev/null
		;;
	esac
	ember "$1" eval "${options[@]}" --bootstrap 100 --export "$work/$1.ndjson" >/dev/null
}

hash=$(cat $here/peers.py $here/sequences.py | sha256sum | cut -c1-12)
for input in eicu synthea synth; do
	[ $# -eq 0 ] || [ "$1" = "$input" ] || continue
	decisions "$input"
	for task in T1 T1-new T2; do
		[ $# -lt 2 ] || [ "$2" = "$task" ] || continue
		"$python" $here/peers.py "$work/$input.ndjson" "$task" "${@:3}" |
			"$python" $here/table.py keep "$kept" "$input" "$hash" "$(git describe --tags --always --dirty)"
	done
done
