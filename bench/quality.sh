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
orders that follow, over all tasks of a want. *Noise* is what the calibration error
beside it would be if every probability were true: too few samples explain that much.
*T3* is what comes of a decision: diagnoses that are new within a year, readmission
within 30 days, death in the stay; *risk model* is what a site would make of its own
moments (\`ember dataset from-cohort\`). What was tried and not kept stands in
docs/decisions/030.
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
fitted to, with settings chosen on a fifth of the first fold's training patients by one
seed, and judged on the same ones with the mean of as many seeds as the row says;
differences are paired over patients with Ember as it was at the version in the row.
PyHealth is 1.1.6, fitted for at least 20 epochs and until the average precision of a
tenth of the training patients has not risen for 5; it reads at most ten visits, of which
the first holds all that is older. *of N tried* is how many settings were compared.

PEERS
	python3 bench/quality/table.py show bench/quality/peers.jsonl >>"$page"
fi
if [ -f bench/quality/epochs.jsonl ]; then
	cat >>"$page" <<EPOCHS

## An epoch of training beside PyHealth's

Kept by \`bench/quality/peers.sh epochs\`: Ember's network for treatments (medications and
procedures) and PyHealth's models for medications (T1) on the decisions of the same
patients, one after the other in one run; processor seconds of the process, all threads.
Ember's hold making the pairs, ranking for the out-of-fold scores and keeping the parts,
none of which PyHealth's do. Batches are of 32 decisions in PyHealth's, of 256 candidates in
Ember's. Decisions without an order are trained on by Ember alone.

EPOCHS
	python3 bench/quality/table.py epochs bench/quality/epochs.jsonl >>"$page"
fi

cp "$page" docs/quality.md
echo "docs/quality.md is written"
