#!/usr/bin/env bash
# Draws data sets of cohorts from real input, trains on them, and writes
# docs/quality-cohorts.md: in-hospital death at 24 hours (eICU demo), and a new diagnosis
# within a year (Synthea). EMBER_REAL_DATA is the folder that they lie in.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(cd "${EMBER_REAL_DATA:-../shared/data}" && pwd)
page=$PWD/docs/quality-cohorts.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ember" ./cmd/ember
made="Made on $(date -u +%F) with ember $(git describe --tags --always --dirty), $(nproc) processors ($(sed -n 's/model name.*: //p' /proc/cpuinfo | head -1))."

measure() { # TITLE FOLDER SAMPLING-FLAGS...
	local title=$1 folder=$2
	shift 2
	local ember="$work/ember --quiet --data $work/$folder"
	local files=("$data/$folder"/*.ndjson.gz)
	[ -e "${files[0]}" ] || files=("$data/$folder"/ndjson/*.ndjson.gz)
	$ember load "${files[@]}" >/dev/null
	printf '\n## %s\n\n`ember dataset from-cohort' "$title"
	printf " %q" "$@"
	printf '`\n\n'
	$ember dataset from-cohort case "$@" | sed -n 1p
	$ember model train --model case --dataset case --families prior,linear --best --hold --seconds 400 >/dev/null
	printf '\n| measure | value | 95 %% interval |\n|---|---|---|\n'
	$ember model show case 1 --json | jq -r '.measures | to_entries[] | select(.key | IN("auroc", "prauc", "brier", "logloss")) | "| \(.key) | \(.value.value * 1000 | round / 1000) | \(.value.low * 1000 | round / 1000) to \(.value.high * 1000 | round / 1000) |"'
	$ember model show case 1 --json | jq -r '"\nChosen: \(.family); out of fold, by subject."'
}

{
	printf '# Quality of models of cohorts\n\n%s Written by `bench/cohort/real.sh`. prauc is the average precision; a model that knows\nnothing has an auroc of 0.5 and a prauc of the share of outcomes.\n' "$made"
	measure "In-hospital death, from the first 24 hours in intensive care (eICU demo)" eicu-demo-fhir --index 'encounter:*' --which every --after 24h --label life:dead --horizon stay
	measure "A new diagnosis within a year (Synthea)" synthea-ma --day 2023-12-31 --label 'condition:*' --horizon 1y
} >"$work/page.md"
mv "$work/page.md" "$page"
echo "docs/quality-cohorts.md is written"
