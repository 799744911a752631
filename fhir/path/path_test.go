package path_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ember/fhir/path"
)

// cases are lines: expression => values joined by "; ", or "error".
func TestCases(t *testing.T) {
	resource, err := os.ReadFile("testdata/patient.json")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var doc path.Document
	if err := doc.Read(resource); err != nil {
		t.Fatal(err)
	}
	e := path.Evaluator{Now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	passed, all := 0, 0
	for line := range strings.Lines(string(table)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		src, want, ok := strings.Cut(line, " => ")
		if !ok {
			src, want = strings.TrimSuffix(line, " =>"), ""
		}
		all++
		if got := evaluate(&e, doc.Root(), src); got != want {
			t.Errorf("%s\n got  %s\n want %s", src, got, want)
			continue
		}
		passed++
	}
	t.Logf("%d of %d FHIRPath cases pass", passed, all)
}

func evaluate(e *path.Evaluator, root path.Value, src string) string {
	x, err := path.Compile(src, path.Options{})
	if err != nil {
		return "error"
	}
	e.Begin(root)
	out, err := x.Eval(e, root)
	if err != nil {
		return "error"
	}
	words := make([]string, len(out))
	for i, v := range out {
		words[i] = v.String()
	}
	return strings.Join(words, "; ")
}

func TestErrorsNameThePlace(t *testing.T) {
	for src, at := range map[string]int{"name.": 5, "name.where(": 11, "1 + ": 4, "a.nothing()": 2, "'open": 0, "@2015-13": 0, "%unknown": 0} {
		_, err := path.Compile(src, path.Options{})
		var fault *path.Error
		if !errors.As(err, &fault) || fault.At != at {
			t.Errorf("%s: %v, want position %d", src, err, at+1)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"name.given.first()", "1 + 2 * 3 > 4 and true", "@2015-02-04T14:30:00Z + 3 days", "iif(a, b | c, {})", "`x`.where($this = 'y')[0]"} {
		f.Add(s)
	}
	var doc path.Document
	if err := doc.Read([]byte(`{"resourceType":"Patient","id":"p","name":[{"given":["a","b"]}],"valueQuantity":{"value":1.5,"unit":"mg"}}`)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src string) {
		x, err := path.Compile(src, path.Options{})
		if err != nil {
			return
		}
		e := path.Evaluator{}
		e.Begin(doc.Root())
		if out, err := x.Eval(&e, doc.Root()); err == nil {
			for _, v := range out {
				_ = v.String()
			}
		}
	})
}

// FuzzDocument: what is read as a document is JSON, and can be walked.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{`{"a":[1,null,{"b":"\u00e9\ud83d\ude00"}]}`, `{"a":-1.5e3,"_a":[null,{"extension":[]}]}`, `{`, `{"a":01}`} {
		f.Add([]byte(s))
	}
	x, err := path.Compile("descendants().select($this.toString()) | a.extension('x') | a.b.lowBoundary()", path.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var doc path.Document
		if err := doc.Read(src); err != nil {
			return
		}
		if !utf8.Valid(src) {
			return
		}
		var any map[string]json.RawMessage
		if err := json.Unmarshal(src, &any); err != nil {
			t.Fatalf("%q is read and is no JSON: %v", src, err)
		}
		e := path.Evaluator{}
		e.Begin(doc.Root())
		_, _ = x.Eval(&e, doc.Root())
	})
}
