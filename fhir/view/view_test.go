package view_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"ember/fhir/path"
	"ember/fhir/view"
)

// suite is a file of cases: resources, and views over them with what they give, or
// with a word that must be in the error.
type suite struct {
	Resources []json.RawMessage `json:"resources"`
	Cases     []struct {
		Title  string          `json:"title"`
		View   json.RawMessage `json:"view"`
		Expect []any           `json:"expect"`
		CSV    string          `json:"csv"`
		Error  string          `json:"error"`
	} `json:"cases"`
}

// run gives a table of all resources.
func run(definition []byte, resources []json.RawMessage, f view.Format) ([]byte, error) {
	v, err := view.Compile(definition)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	table := view.NewTable(&out, v, f, true)
	r := v.NewRunner(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for _, res := range resources {
		if err := r.Rows(res, func(row [][]path.Value) error { return table.Row(row) }); err != nil {
			return nil, err
		}
	}
	err = table.Close()
	return out.Bytes(), err
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s suite
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(file, err)
		}
		for _, c := range s.Cases {
			t.Run(filepath.Base(file)+"/"+c.Title, func(t *testing.T) {
				f := view.JSON
				if c.CSV != "" {
					f = view.CSV
				}
				got, err := run(c.View, s.Resources, f)
				switch {
				case c.Error != "":
					if err == nil || !bytes.Contains([]byte(err.Error()), []byte(c.Error)) {
						t.Fatalf("the error is %v, and %q must be in it", err, c.Error)
					}
				case err != nil:
					t.Fatal(err)
				case c.CSV != "":
					if string(got) != c.CSV {
						t.Fatalf("got  %q\nwant %q", got, c.CSV)
					}
				default:
					var rows []any
					if err := json.Unmarshal(got, &rows); err != nil {
						t.Fatalf("%s: %v", got, err)
					}
					if len(rows) != len(c.Expect) || len(rows) > 0 && !reflect.DeepEqual(rows, c.Expect) {
						want, _ := json.Marshal(c.Expect)
						t.Fatalf("got  %s\nwant %s", got, want)
					}
				}
			})
		}
	}
}
