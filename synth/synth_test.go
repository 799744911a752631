package synth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// generate collects the resources of a run, copied.
func generate(t testing.TB, opt Options) []Resource {
	t.Helper()
	var all []Resource
	err := Generate(context.Background(), opt, func(r Resource) error {
		all = append(all, Resource{r.Type, bytes.Clone(r.JSON)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func digest(all []Resource) string {
	h := sha256.New()
	for _, r := range all {
		fmt.Fprintf(h, "%s %s\n", r.Type, r.JSON)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestSameBytesOnAnyNumberOfCores(t *testing.T) {
	opt := Options{Patients: 150, Seed: 7, Oracle: true}
	want := digest(generate(t, opt))
	for _, cores := range []int{1, 3, 8} {
		old := runtime.GOMAXPROCS(cores)
		got := digest(generate(t, opt))
		runtime.GOMAXPROCS(old)
		if got != want {
			t.Errorf("%d cores give other bytes", cores)
		}
	}
	opt.Seed = 8
	if digest(generate(t, opt)) == want {
		t.Error("another seed gives the same bytes")
	}
}

func TestPatientsAreTheSameInAnySize(t *testing.T) {
	for _, profile := range []string{Full, Lean} {
		small := generate(t, Options{Patients: 33, Seed: 3, Profile: profile})
		large := generate(t, Options{Patients: 130, Seed: 3, Profile: profile})
		if len(large) < len(small) {
			t.Fatalf("%s: %d resources of 130 patients, %d of 33", profile, len(large), len(small))
		}
		if digest(large[:len(small)]) != digest(small) {
			t.Errorf("%s: the first 33 of 130 patients differ from 33 patients", profile)
		}
	}
}

func TestOracleChangesNothingElse(t *testing.T) {
	var fhir []Resource
	for _, r := range generate(t, Options{Patients: 60, Seed: 5, Profile: Lean, Oracle: true}) {
		if r.Type != OracleType {
			fhir = append(fhir, r)
		}
	}
	if digest(fhir) != digest(generate(t, Options{Patients: 60, Seed: 5, Profile: Lean})) {
		t.Error("asking for the oracle changes the resources")
	}
}

func TestResourcesPerPatient(t *testing.T) {
	const n = 300
	shared := len(generate(t, Options{Seed: 1}))
	for _, c := range []struct {
		profile  string
		low, top float64
	}{{Full, 100, 140}, {Lean, 20, 30}} {
		for _, seed := range []uint64{1, 3} {
			got := float64(len(generate(t, Options{Patients: n, Seed: seed, Profile: c.profile}))-shared) / n
			if got < c.low || got > c.top {
				t.Errorf("%s, seed %d: %.1f resources a patient, want %.0f to %.0f", c.profile, seed, got, c.low, c.top)
			}
		}
	}
}

func TestBadOptionsNameTheField(t *testing.T) {
	for _, c := range []struct {
		opt   Options
		field string
	}{
		{Options{Patients: -1}, "Patients"},
		{Options{Profile: "huge"}, "Profile"},
		{Options{Until: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)}, "Until"},
	} {
		err := Generate(context.Background(), c.opt, func(Resource) error { return nil })
		if err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", c.field, err)
		}
	}
	err := Options{Patients: -1, Profile: "huge"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "Patients") || !strings.Contains(err.Error(), "Profile") {
		t.Errorf("two faults: %v", err)
	}
}

func TestGenerateStops(t *testing.T) {
	stop := errors.New("full")
	n := 0
	err := Generate(context.Background(), Options{Patients: 1000, Profile: Lean}, func(Resource) error {
		if n++; n == 500 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 500 {
		t.Errorf("sink's error: %v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n = 0
	err = Generate(ctx, Options{Patients: 100_000, Profile: Lean}, func(Resource) error {
		if n++; n == 500 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n > 100_000 {
		t.Errorf("cancelled: %v after %d", err, n)
	}
}

func TestNothingAfterUntil(t *testing.T) {
	until := time.Date(2015, 7, 1, 0, 0, 0, 0, time.UTC)
	keys := map[string]bool{"authoredOn": true, "issued": true, "effectiveDateTime": true, "recordedDate": true, "onsetDateTime": true, "abatementDateTime": true, "date": true, "started": true, "deceasedDateTime": true, "occurrenceDateTime": true}
	for _, r := range generate(t, Options{Patients: 200, Seed: 11, Until: until}) {
		var v map[string]any
		if err := json.Unmarshal(r.JSON, &v); err != nil {
			t.Fatal(err)
		}
		for k, x := range v {
			if s, ok := x.(string); ok && keys[k] && s > until.Format(time.RFC3339) {
				t.Errorf("%s.%s is after Until: %s", r.Type, k, s)
			}
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	last := -1
	stats, err := Write(context.Background(), dir, Options{Patients: 40, Seed: 2, Oracle: true}, func(done, total int) {
		if done < last || total != 40 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != 40 {
		t.Errorf("progress ends at %d", last)
	}
	want := map[string]int{}
	for _, r := range generate(t, Options{Patients: 40, Seed: 2}) {
		want[r.Type]++
	}
	if !reflect.DeepEqual(stats.Types, want) {
		t.Errorf("types %v, want %v", stats.Types, want)
	}
	for kind, n := range want {
		data, err := os.ReadFile(filepath.Join(dir, kind+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(data, []byte("\n")); got != n {
			t.Errorf("%s: %d lines, want %d", kind, got, n)
		}
	}
	if stats.Oracle == 0 {
		t.Error("no oracle lines")
	}
	// A second, compressed run without the oracle leaves nothing of the first.
	stats, err = Write(context.Background(), dir, Options{Patients: 3, Seed: 2, Profile: Lean, Gzip: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, n := range names {
		found = append(found, n.Name())
	}
	if !reflect.DeepEqual(found, stats.Files) {
		t.Errorf("folder holds %v, want %v", found, stats.Files)
	}
}

func TestWriteLeavesNothingWhenItFails(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, dir, Options{Patients: 10}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("%d files left", len(names))
	}
}

func BenchmarkLean(b *testing.B) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	var n int
	err := Generate(context.Background(), Options{Patients: b.N, Profile: Lean}, func(r Resource) error {
		n += len(r.JSON)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(n / b.N))
}
