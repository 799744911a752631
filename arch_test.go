package ember_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// doors are the imports of our own packages that each room may have. A room
// that is not here may not exist.
var doors = map[string][]string{
	"record": {}, "store": {}, "cache": {}, "learn/nn": {}, "charts": {}, "parquet": {},
	"terms": {"record"}, "timelines": {"record"}, "index": {"record", "learn/nn"}, "synth": {"record"},
	"learn":                {"learn/nn"},
	"fhir":                 {"record", "terms"},
	"embeddings":           {"record", "learn", "learn/nn"},
	"models":               {"learn"},
	"aiaas":                {"record", "learn", "learn/nn", "embeddings", "models", "charts"},
	"recommender/safety":   {"record", "terms"},
	"recommender/feedback": {"record", "learn"},
	"recommender":          {"record", "terms", "embeddings", "learn", "learn/nn", "models", "recommender/safety", "recommender/feedback"},
	"recommender/eval":     {"recommender", "record", "learn", "terms", "charts", "cohort/features"},
	"ingest":               {"record", "terms", "fhir", "store", "timelines", "index", "embeddings", "search"},
	"server":               {"record", "terms", "fhir", "recommender", "recommender/safety", "recommender/feedback", "aiaas", "server/auth", "search", "cohort", "cohort/circe", "cohort/group", "cohort/study", "server/cds", "notify", "fhir/path", "fhir/view", "fhir/validate", "bulk", "parquet"},
	"server/cds":           {"record", "fhir", "recommender", "recommender/safety", "recommender/feedback"},
	"server/auth":          {},
	".":                    {"*"},
	"cmd/ember":            {"*"},
	"bench":                {"*"},
	"bench/datadoc":        {"*"},
	"bench/nn":             {"learn/nn"},
	"bench/aiaas":          {"*"},
	"bench/cohort":         {"*"},
	"search":               {"fhir", "store"},
	"bulk":                 {"fhir", "search", "store"},
	"fhir/deid":            {},
	"cohort":               {"record", "terms", "index"},
	"cohort/features":      {"record"},
	"cohort/circe":         {"cohort"},
	"cohort/group":         {"cohort"},
	"cohort/study":         {"record", "index", "cohort", "charts"},
	"fhir/path":            {},
	"ehr":                  {},
	"notify":               {},
	"bench/ehr":            {"*"},
	"fhir/view":            {"fhir/path", "parquet"},
	"fhir/validate":        {"fhir/path"},
}

// owners are the rooms that may import an outside library, by its prefix.
// Anything not listed may be imported by nobody.
var owners = map[string][]string{
	"github.com/samply/golang-fhir-models": {"fhir"},
	"github.com/goccy/go-json":             {"fhir", "server"},
	"github.com/cockroachdb/pebble":        {"store"},
	"github.com/klauspost/compress":        {"store", "fhir", "server", "parquet"},
	"github.com/blevesearch/":              {"index"},
	"github.com/RoaringBitmap/roaring":     {"index"},
	"github.com/redis/go-redis":            {"cache"},
	"github.com/hashicorp/golang-lru":      {"cache"},
	"github.com/gin-gonic/gin":             {"server"},
	"github.com/prometheus/client_golang":  {"server"},
	"gonum.org/v1/gonum":                   {"learn", "learn/nn", "embeddings", "recommender", "recommender/eval", "cohort/study", "bench"},
	"github.com/suyashkumar/dicom":         {"aiaas"},
	"github.com/spf13/":                    {"cmd/ember"},
	"github.com/knadh/koanf":               {"cmd/ember"},
	"github.com/schollz/progressbar":       {"cmd/ember"},
	"github.com/jedib0t/go-pretty":         {"cmd/ember"},
	"golang.org/x/sys":                     {"store", "learn/nn", "cmd/ember", "."},
	"golang.org/x/sync":                    {"*"},
	"golang.org/x/text":                    {"index", "terms", "fhir"},
	"github.com/google/uuid":               {"ingest", "server", "server/cds"},
	"github.com/go-jose/go-jose":           {"server/auth", "ehr"},
	"github.com/cespare/xxhash":            {"store", "index", "cache", "server"},
}

// testOnly libraries may be imported by tests, of the rooms named.
var testOnly = map[string][]string{
	"github.com/alicebob/miniredis":      {"cache", "."},
	"github.com/getkin/kin-openapi":      {"server"},
	"github.com/prometheus/client_model": {"server"},
	"github.com/go-jose/go-jose":         {"server/auth", "."},
	"github.com/goccy/go-json":           {"*"},
	"github.com/klauspost/compress":      {"*"},
}

type source struct {
	path, room string
	test       bool
	file       *ast.File
	fset       *token.FileSet
}

// sources parses every Go file of the module once.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." {
			switch d.Name() {
			case "testdata", "tools", "docs", "node_modules":
				return filepath.SkipDir
			}
			if strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		room := filepath.ToSlash(filepath.Dir(path))
		all = append(all, source{path, room, strings.HasSuffix(path, "_test.go"), f, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// home is the room a package belongs to: conformance suites (…test) belong to
// the room they test.
func home(room string) string {
	if strings.HasSuffix(room, "test") {
		return filepath.ToSlash(filepath.Dir(room))
	}
	return room
}

func TestDoors(t *testing.T) {
	for _, s := range sources(t) {
		room := home(s.room)
		allowed, known := doors[room]
		if !known {
			t.Errorf("%s: the room %q has no doors: add it to ARCHITECTURE.md and here, or move the file", s.path, room)
			continue
		}
		for _, imp := range s.file.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			own, ours := strings.CutPrefix(path, "ember/")
			switch {
			case path == "ember":
				own, ours = ".", true
			case !ours && strings.Contains(strings.SplitN(path, "/", 2)[0], "."):
				checkOwner(t, s, room, path)
			}
			if !ours || s.test || home(own) == room {
				continue
			}
			if !slices.Contains(allowed, own) && !slices.Contains(allowed, "*") {
				t.Errorf("%s: no door from %s to %s", s.path, room, own)
			}
		}
	}
}

func checkOwner(t *testing.T, s source, room, path string) {
	t.Helper()
	if owns(owners, room, path) || s.test && owns(testOnly, room, path) {
		return
	}
	t.Errorf("%s: %s does not own %s", s.path, room, path)
}

func owns(table map[string][]string, room, path string) bool {
	for prefix, rooms := range table {
		if strings.HasPrefix(path, prefix) && (slices.Contains(rooms, room) || slices.Contains(rooms, "*")) {
			return true
		}
	}
	return false
}

// TestDepth holds the graph of rooms to five steps below the root.
func TestDepth(t *testing.T) {
	var depth func(room string) int
	depth = func(room string) int {
		d := 0
		for _, to := range doors[room] {
			if to != "*" {
				d = max(d, 1+depth(to))
			}
		}
		return d
	}
	for room := range doors {
		if got := depth(room); got > 5 {
			t.Errorf("%s is %d doors above the ground, more than 5", room, got)
		}
	}
}
