#!/usr/bin/env bash
# Measures cohorts of a million lean patients beside DuckDB, tantivy and hnswlib, and
# writes docs/performance-cohorts.md. WORK is a folder with 20 GB to spare; what is
# measured there already is not measured again. Python needs duckdb, tantivy, hnswlib and
# numpy.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${WORK:-bin/bench-cohort}
n=${PATIENTS:-1000000}
mkdir -p "$work"
work=$(cd "$work" && pwd)
export CGO_ENABLED=0 GOMEMLIMIT=5GiB TMPDIR=$work EMBER_BENCH_PATIENTS=$n
go build -o "$work/bench" ./bench/cohort
go test -c -o "$work/cohort.test" ./cohort

# keep FILE COMMAND...: the command's output, once it has ended well.
keep() {
	local file=$work/$1
	shift
	[ -s "$file" ] && return
	"$@" >"$file.part" && mv "$file.part" "$file"
}
asked() { (cd cohort && "$work/cohort.test" -test.run XXX -test.bench "$1\$" -test.benchtime "$2"); }

keep build.json "$work/bench" -dir "$work" -patients "$n" build
keep like.json python3 bench/cohort/hnsw.py "$work/bench" "$work"
EMBER_BENCH_CSV=$work/lean keep cohort.txt asked Cohort 60x
keep duck.txt python3 bench/cohort/duck.py "$work/lean"
EMBER_BENCH_NOTES=$work/notes.tsv keep notes.txt asked Notes 50x
keep tantivy.txt python3 bench/cohort/notes.py "$work/notes.tsv" D00 I02
python3 bench/cohort/page.py "$work" "$(git describe --tags --always --dirty)" >docs/performance-cohorts.md
echo "docs/performance-cohorts.md is written"
