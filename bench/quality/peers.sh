#!/usr/bin/env bash
# Measures other recommenders on Ember's own decisions and keeps what came of it in
# bench/quality/peers.jsonl, and what an epoch of training takes in epochs.jsonl, which
# `make quality` makes tables of. Takes hours; needs bin/ember, and Python with what
# peers.py says (PYTHON=...). Peers that are not installed are left out. Each row is kept
# when it is measured, in the place of an older one of the same input, task and peer.
#
#   bench/quality/peers.sh [eicu|synthea|synth [TASK,... [PEER...]]]    # SEEDS=1 for one final seed
#   bench/quality/peers.sh epochs [eicu|synthea|synth]
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${EMBER_REAL_DATA:-../shared/data}
python=${PYTHON:-python3}
here=bench/quality
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OPENBLAS_NUM_THREADS=1
version=$(git describe --tags --always --dirty)

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

hash() { (cd $here && cat "$@" | sha256sum | cut -c1-12); }

if [ "${1:-}" = epochs ]; then
	input=${2:-synthea}
	decisions "$input"
	OMP_NUM_THREADS=2 "$python" $here/epochs.py bin/ember "$work/data-$input" "$work/$input.ndjson" |
		"$python" $here/table.py keep $here/epochs.jsonl "$input" "$(hash peers.py sequences.py epochs.py)" "$version"
	exit
fi
for input in eicu synthea synth; do
	[ $# -eq 0 ] || [ "$1" = "$input" ] || continue
	decisions "$input"
	"$python" $here/peers.py --seeds "${SEEDS:-3}" "$work/$input.ndjson" "${2:-T1,T1-new,T2}" "${@:3}" |
		"$python" $here/table.py keep $here/peers.jsonl "$input" "$(hash peers.py sequences.py)" "$version"
done
