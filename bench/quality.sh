#!/usr/bin/env bash
# Measures recommendation quality on real and synthetic input and writes
# docs/quality.md. Needs bin/ember (make build); input that is absent is named.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${EMBER_REAL_DATA:-../shared/data}
reps=${REPS:-2000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
page=$work/quality.md

ember() { bin/ember --data "$work/$1" --quiet "${@:2}"; }

section() { # NAME TITLE EVAL-OPTION...
	local name=$1 title=$2
	shift 2
	printf '\n## %s\n\n`ember eval %s`\n\n```text\n' "$title" "$*" >>"$page"
	ember "$name" eval "$@" --bootstrap "$reps" >>"$page"
	printf '```\n' >>"$page"
}

missing() { printf '\n## %s\n\nNot measured: the input is not beside the project.\n' "$1" >>"$page"; }

cat >"$page" <<HEAD
# Recommendation quality

Written by \`make quality\`; no figure is typed by hand. Made on $(date -u +%F) with ember $(git describe --tags --always --dirty), $(nproc) processors ($(sed -n 's/model name.*: //p' /proc/cpuinfo | head -1)), $reps bootstrap repetitions over patients.

A row is one way to rank. *Over baseline* is the difference in average precision to the
best single baseline, which was chosen on training patients only; a win is an interval
that excludes 0. *stack* and *neural* are Ember's rankers, *baseline* is what serves when
the gate refuses them, everything below is a single source. Repeats and new starts are
reported apart (\`-new\`: neither active nor ordered in the last 365 days, 180 for tests).
Orders outside the vocabulary count as misses. *Sets* promise to hold a share of the
orders that follow, over all tasks of a want.
HEAD

if [ -d "$data/eicu-demo-fhir" ]; then
	ember eicu load "$data/eicu-demo-fhir" >/dev/null
	section eicu "Real intensive care (eICU demo, half of the hospitals), folds by hospital" --folds 5 --by-site
	section eicu "The same 24 hours after admission, the protocol's floor" --folds 5 --by-site --landmark 24
	section eicu "The same with folds by patient: the hospital's other stays are known" --folds 5
else
	missing "Real intensive care (eICU demo)"
fi
if [ -d "$data/synthea-ma/ndjson" ]; then
	ember synthea load "$data/synthea-ma/ndjson" >/dev/null
	section synthea "Synthea, 200 patients, folds by patient" --folds 5
else
	missing "Synthea"
fi
bin/ember synth --quiet --patients 2000 --seed 1 "$work/hospital" >/dev/null
ember synth load "$work/hospital" >/dev/null
section synth "ember synth, 2,000 patients, one split 70/10/20"

if [ -f bench/quality/peers.jsonl ]; then
	cat >>"$page" <<PEERS

## Other recommenders on the same decisions

Kept by \`bench/quality/peers.sh\`: each peer is fitted to the decisions that Ember was
fitted to, with settings chosen on a fifth of the first fold's training patients, and
judged on the same ones; differences are paired over patients. What is not in the table
was not measured.

PEERS
	python3 bench/quality/table.py show bench/quality/peers.jsonl >>"$page"
fi

cp "$page" docs/quality.md
echo "docs/quality.md is written"
