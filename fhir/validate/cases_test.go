package validate_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"ember/fhir/validate"
)

const shared = "../../../shared/data/fhir-examples/"

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func validator(t testing.TB) *validate.Validator {
	t.Helper()
	v, err := validate.New()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// errorsOf are the issues that are errors.
func errorsOf(issues []validate.Issue) (bad []validate.Issue) {
	for _, i := range issues {
		if i.Severity != "warning" {
			bad = append(bad, i)
		}
	}
	return bad
}

// wrongExamples are what HL7's examples have wrong, as its own validator says too.
var wrongExamples = map[string]string{
	"ActivityDefinition.text.div": "an empty narrative", "EventDefinition.text.div": "an empty narrative", "Questionnaire.text.div": "an empty narrative",
	"Questionnaire": "items without linkId", "DiagnosticReport.text": "a narrative without text",
}

// TestValidExamples: nothing is wrong with HL7's own examples, of the base specification
// and of US Core, that its validator does not call wrong as well.
func TestValidExamples(t *testing.T) {
	v := validator(t)
	for _, name := range []string{"hl7-r4-examples.ndjson.gz", "us-core-9-examples.ndjson.gz"} {
		f, err := os.Open(shared + name)
		if err != nil {
			t.Skipf("the examples are not there: %v", err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 16<<20)
		n, wrong := 0, 0
		for lines.Scan() {
			n++
			bad := errorsOf(v.Validate(lines.Bytes(), now))
			if len(bad) > 0 {
				wrong++
			}
			for _, i := range bad {
				part, _, _ := strings.Cut(i.Expression, ".item[")
				if wrongExamples[part] == "" {
					t.Errorf("%s, line %d: %s: %s", name, n, i.Expression, i.Text)
				}
			}
		}
		if n < 200 || wrong > 8 {
			t.Errorf("%s: %d of %d wrong", name, wrong, n)
		}
	}
}

// optional are cases that are judged by an option of the validator of the cases.
var optional = map[string]bool{"json-comments-1.json": true}

// TestValidatorCases: of the cases of the base specification none that is right is called
// wrong, and those whose fault is one of structure are found.
func TestValidatorCases(t *testing.T) {
	v := validator(t)
	found, wrong := 0, 0
	for _, c := range cases(t) {
		bad := errorsOf(v.Validate(c.raw, now))
		switch {
		case optional[c.name]:
		case c.errors == 0 && len(bad) > 0:
			t.Errorf("%s is right: %s: %s", c.name, bad[0].Expression, bad[0].Text)
		case c.errors > 0:
			wrong++
			if len(bad) > 0 {
				found++
			}
		}
	}
	if found < 31 { // the others need questionnaires, terminology, profiles or signatures
		t.Errorf("%d of %d wrong ones found", found, wrong)
	}
}

type validatorCase struct {
	name   string
	errors int
	raw    []byte
}

// cases are those of the base specification.
func cases(t *testing.T) (all []validatorCase) {
	t.Helper()
	table, err := os.ReadFile(shared + "validator-cases.tsv")
	if err != nil {
		t.Skipf("the cases are not there: %v", err)
	}
	r := csv.NewReader(bytes.NewReader(table))
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(shared + "validator-cases.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string]*zip.File{}
	for _, f := range z.File {
		files[path.Base(f.Name)] = f
	}
	for _, row := range rows[1:] {
		if row[6] != "base" {
			continue
		}
		f, err := files[row[0]].Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(row[4])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, validatorCase{row[0], n, raw})
	}
	return all
}
