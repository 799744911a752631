package fhir

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ember/terms"
)

// sharedData is the folder of real input; tests that need it skip without it.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real input at %s: %v", path, err)
	}
	return path
}

// store is what tests keep of what was read.
type store struct {
	byPatient map[string][]Resource
	all       map[string][]byte
	bytes     int64
	count     int
	types     map[string]int
	issues    map[string]int
}

// load reads everything and keeps it, except under the race detector and -short,
// where all is read but only the resources of the first 40 patients are kept.
func load(t testing.TB, lim Limits, paths ...string) *store {
	t.Helper()
	most := math.MaxInt
	if underRace || testing.Short() {
		most = 40
	}
	s := &store{byPatient: map[string][]Resource{}, all: map[string][]byte{}, types: map[string]int{}, issues: map[string]int{}}
	err := Walk(t.Context(), paths, lim, func(e Entry, issues []Issue) error {
		for _, i := range issues {
			s.issues[i.Severity+" "+i.Code+": "+i.Detail]++
		}
		if e.Raw == nil {
			return nil
		}
		s.count++
		s.types[e.Header.Type]++
		s.bytes += int64(len(e.Raw))
		h := e.Header
		ref := h.Type + "/" + h.ID
		patient := string(h.Subject.Text)
		if h.Type == "Patient" {
			patient = ref
		}
		if _, kept := s.byPatient[patient]; patient != "" && !kept && len(s.byPatient) > most {
			return nil
		}
		raw := slices.Clone(e.Raw)
		s.all[ref] = raw
		s.byPatient[patient] = append(s.byPatient[patient], Resource{ref, raw})
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *store) lookup(ref string) ([]byte, bool) { raw, ok := s.all[ref]; return raw, ok }

// mapAll maps all patients and counts what came out.
func (s *store) mapAll(m *Mapper, shuffle func([]Resource) iter.Seq[Resource]) map[string]int {
	counts := map[string]int{}
	for patient, rs := range s.byPatient {
		id, ok := strings.CutPrefix(patient, "Patient/")
		if !ok {
			continue
		}
		t, notes, issues := m.Timeline(id, shuffle(rs), s.lookup)
		for _, e := range t.Events {
			counts[e.Kind.String()]++
		}
		for _, i := range issues {
			_, where, _ := strings.Cut(i.Path, ": ")
			counts["issue "+where+" "+i.Detail]++
		}
		counts["events"] += len(t.Events)
		counts["undated"] += len(t.Undated)
		counts["encounters"] += len(t.Encounters)
		counts["notes"] += len(notes)
		counts["patients"]++
	}
	return counts
}

// counts is a map as text in order, for comparisons and logs.
func counts(m map[string]int) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s:%d", k, m[k]))
	}
	return strings.Join(out, " ")
}

// mapWithTerms maps everything with the real vocabulary and logs the rates.
func mapWithTerms(t *testing.T, s *store) {
	t.Helper()
	vocabulary, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(counts(s.mapAll(NewMapper(vocabulary), slices.Values[[]Resource])))
}

func TestEICU(t *testing.T) {
	s := load(t, Limits{}, sharedData(t, "eicu-demo-fhir"))
	if got := counts(s.types); got != "AllergyIntolerance:1159 Condition:11675 Encounter:1261 MedicationRequest:37854 Observation:25009 Organization:92 Patient:914 Procedure:18218" {
		t.Errorf("types: %s", got)
	}
	if len(s.issues) > 0 {
		t.Errorf("issues: %v", s.issues)
	}
	mapWithTerms(t, s)
}

func TestSyntheaNDJSON(t *testing.T) {
	if underRace {
		t.Skip("266 MB take minutes under the race detector; the other tests read the same types")
	}
	s := load(t, Limits{}, sharedData(t, "synthea-ma/ndjson"))
	if got := counts(s.types); got != "AllergyIntolerance:167 CarePlan:742 CareTeam:742 Condition:7696 Device:1219 DiagnosticReport:23379 DocumentReference:11702 Encounter:11702 ImagingStudy:813 Immunization:2823 Location:378 Medication:2831 MedicationAdministration:2831 MedicationRequest:9958 Observation:100221 Organization:378 Patient:200 Practitioner:378 PractitionerRole:837 Procedure:33527" {
		t.Errorf("types: %s", got)
	}
	if len(s.issues) > 0 {
		t.Errorf("issues: %v", s.issues)
	}
	mapWithTerms(t, s)
}

// TestLinesAreKept compares what Read gives with the lines of the files.
func TestLinesAreKept(t *testing.T) {
	for _, pattern := range []string{"eicu-demo-fhir/*.ndjson.gz", "fhir-examples/*.ndjson.gz", "synthea-ma/ndjson/[A-EP]*.ndjson.gz"} {
		files, _ := filepath.Glob(sharedData(t, filepath.Dir(pattern)) + "/" + filepath.Base(pattern))
		for _, name := range files {
			lines := bytes.Split(bytes.TrimSpace(unzipped(t, name)), []byte("\n"))
			i := 0
			err := Walk(t.Context(), []string{name}, Limits{}, func(e Entry, issues []Issue) error {
				if Refused(issues) {
					return fmt.Errorf("%s: %v", e.Path, issues)
				}
				if strings.Contains(e.Path, "Bundle.") {
					return nil
				}
				for i < len(lines) && isContainer(lines[i]) {
					i++ // was taken apart
				}
				if i >= len(lines) || !bytes.Equal(e.Raw, bytes.TrimSpace(lines[i])) {
					return fmt.Errorf("%s is not the line", e.Path)
				}
				i++
				return nil
			}, nil)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
			}
		}
	}
}

func unzipped(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestBundlesAreKept compares the entries with a slicing by encoding/json, and
// checks that splices change nothing outside them.
func TestBundlesAreKept(t *testing.T) {
	name := sharedData(t, "synthea-ma/bundles.zip")
	var want [][]byte
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	slices.SortStableFunc(z.File, func(a, b *zip.File) int { return loadingOrder(a.Name, b.Name) })
	var names []string
	got := 0
	for n, f := range z.File {
		if (testing.Short() || underRace) && n > 4 {
			break
		}
		names = append(names, f.Name)
		want = append(want, resourcesOfBundle(t, f)...)
	}
	documents := 0
	err = Walk(t.Context(), []string{name}, Limits{}, func(e Entry, issues []Issue) error {
		if len(issues) > 0 {
			return fmt.Errorf("%s: %v", e.Path, issues)
		}
		if got >= len(want) || !bytes.Equal(e.Raw, want[got]) {
			return fmt.Errorf("%s %s is not the source's", e.Document, e.Path)
		}
		got++
		if e.Method == "" || e.BundleType == "" {
			return fmt.Errorf("%s: method %q in a %q", e.Path, e.Method, e.BundleType)
		}
		return spliced(e)
	}, func(s Summary) error {
		if documents++; documents == len(names) {
			return io.EOF
		}
		return nil
	})
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if got != len(want) || got == 0 {
		t.Errorf("%d of %d entries", got, len(want))
	}
	if !strings.HasPrefix(names[0], "hospitalInformation") || !strings.HasPrefix(names[1], "practitionerInformation") {
		t.Errorf("order %v", names[:2])
	}
}

// spliced puts splices into an entry and takes them out again.
func spliced(e Entry) error {
	var splices []Splice
	for _, r := range e.Header.Refs {
		splices = append(splices, e.Header.SetRef(r, "Type/1"))
	}
	splices = append(splices, e.Header.SetID("x"))
	out := Apply(e.Raw, splices)
	at, shift := 0, 0
	for _, s := range ordered(splices) {
		if !bytes.Equal(e.Raw[at:s.Start], out[at+shift:s.Start+shift]) {
			return fmt.Errorf("%s changed before %d", e.Path, s.Start)
		}
		at, shift = s.End, shift+len(s.With)-(s.End-s.Start)
	}
	if !bytes.Equal(e.Raw[at:], out[at+shift:]) {
		return fmt.Errorf("%s changed after %d", e.Path, at)
	}
	var h Header
	if Refused(Scan(out, &h)) || h.ID != "x" || len(h.Refs) != len(e.Header.Refs) {
		return fmt.Errorf("%s is broken by splices", e.Path)
	}
	return nil
}

func resourcesOfBundle(t *testing.T, f *zip.File) [][]byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.NewDecoder(r).Decode(&b); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, e := range b.Entry {
		out = append(out, e.Resource)
	}
	return out
}

// TestExamples reads the public examples of HL7 and US Core: all are taken.
func TestExamples(t *testing.T) {
	s := load(t, Limits{}, sharedData(t, "fhir-examples/hl7-r4-examples.ndjson.gz"), sharedData(t, "fhir-examples/us-core-9-examples.ndjson.gz"))
	t.Logf("%d resources of %d types", s.count, len(s.types))
	if len(s.issues) > 0 {
		t.Errorf("issues: %v", s.issues)
	}
	mapWithTerms(t, s)
}

// TestValidatorCases reads files broken on purpose: refused is what encoding/json
// refuses too, and what has duplicate keys, invalid ids or no type.
func TestValidatorCases(t *testing.T) {
	z, err := zip.OpenReader(sharedData(t, "fhir-examples/validator-cases.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	refused := map[string]int{}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		raw = bytes.TrimPrefix(raw, []byte("\xEF\xBB\xBF"))
		var h Header
		issues := Scan(raw, &h)
		if !json.Valid(raw) && !Refused(issues) {
			t.Errorf("%s: invalid JSON was taken", f.Name)
		}
		for _, i := range issues {
			refused[i.Detail]++
			if json.Valid(raw) && i.Code == "structure" && i.Detail != "duplicate property" && i.Detail != "invalid UTF-8" {
				t.Errorf("%s: %v", f.Name, i)
			}
		}
	}
	t.Log(counts(refused))
}
