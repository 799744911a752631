#!/usr/bin/env bash
# Installs the judges that did not grow up here, starts a synthetic hospital with a trained
# recommender, and has them look at it: bench/judges/run.sh [--quick] [--page FILE]
# Needs a JDK, Maven, Node with npm, Python, and the program in bin/ember. Exit 75 when a
# judge cannot be fetched, which says nothing of Ember.
set -euo pipefail
cd "$(dirname "$0")/../.."
ember=$PWD/bin/ember
cache=${JUDGES_CACHE:-$HOME/.cache/ember-judges}
mkdir -p "$cache"
for tool in java mvn node npm python3 curl; do
	command -v "$tool" >/dev/null || { echo "the judges need $tool" >&2; exit 75; }
done
[ -x "$ember" ] || { echo "make build first" >&2; exit 1; }

fetch() { "$@" || { echo "a judge cannot be fetched: $1" >&2; exit 75; }; }
# Each is made anew when what it is made of changes.
made() { [ -f "$cache/$1.sum" ] && [ "$(cat "$cache/$1.sum")" = "$2" ]; }
sum=$(sha256sum bench/judges/requirements.txt | cut -d' ' -f1)
made venv "$sum" || {
	rm -rf "$cache/venv"
	python3 -m venv "$cache/venv"
	fetch "$cache/venv/bin/pip" install -q --disable-pip-version-check -r bench/judges/requirements.txt
	echo "$sum" >"$cache/venv.sum"
}
made node "fhir-kit-client@2.0.3 fhirclient@2.6.3" || {
	fetch npm install --silent --no-audit --no-fund --prefix "$cache/node" fhir-kit-client@2.0.3 fhirclient@2.6.3
	echo "fhir-kit-client@2.0.3 fhirclient@2.6.3" >"$cache/node.sum"
}
sum=$(sha256sum bench/judges/hapi/pom.xml | cut -d' ' -f1)
made classpath "$sum" && [ -f "$(cut -d: -f1 <"$cache/classpath")" ] || {
	fetch mvn -q -B -f bench/judges/hapi/pom.xml dependency:build-classpath -Dmdep.outputFile="$cache/classpath"
	echo "$sum" >"$cache/classpath.sum"
}

work=$(mktemp -d)
stop() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap stop EXIT
ln -s "$cache/venv" "$cache/node" "$cache/classpath" "$work/"
(
	cd "$work"
	"$ember" synth --quiet --patients 300 --profile lean --seed 4 hospital
	"$ember" --quiet load hospital
	"$ember" --quiet train >/dev/null
)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$ember" --data "$work/ember-data" serve --addr "127.0.0.1:$port" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do curl -sf "http://127.0.0.1:$port/readyz" >/dev/null && break; sleep 0.2; done
"$cache/venv/bin/python" bench/judges/judge.py --base "http://127.0.0.1:$port" --ember "$ember" --hospital "$work/hospital" --work "$work" "$@"
