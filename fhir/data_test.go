package fhir

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

func load(t testing.TB, lim Limits, paths ...string) *store {
	t.Helper()
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
		raw := slices.Clone(e.Raw)
		ref := h.Type + "/" + h.ID
		s.all[ref] = raw
		patient := string(h.Subject.Text)
		if h.Type == "Patient" {
			patient = ref
		}
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

func TestEICU(t *testing.T) {
	start := time.Now()
	s := load(t, Limits{}, sharedData(t, "eicu-demo-fhir"))
	t.Log(s.types, s.issues, time.Since(start))
	t.Log(fmt.Sprint(s.mapAll(newMapper(plainTerms{}), slices.Values[[]Resource])))
}
