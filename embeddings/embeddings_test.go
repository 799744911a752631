package embeddings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"ember/record"
)

var day0 = time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)

// subjects are the planted groups: codes of one group come together, and their
// displays share words.
var subjects = []string{"diabetes glucose insulin", "cardiac coronary artery", "asthma bronchial airway", "renal kidney dialysis"}

func code(group, i int) record.Code {
	words := []string{"type", "acute", "chronic", "severe", "mild", "primary", "history"}
	return record.Code{System: record.SNOMED, Value: fmt.Sprintf("%d-%d", group, i),
		Display: fmt.Sprintf("%s %s", subjects[group], words[i%len(words)])}
}

// hospital makes patients who each have visits about one group, and noise.
func hospital(n int, seed uint64) []record.Timeline {
	rng := rand.New(rand.NewPCG(seed, 1))
	var all []record.Timeline
	for p := range n {
		t := record.Timeline{Person: record.Person{ID: fmt.Sprint("p", p)}}
		for v := range 3 {
			group, at := rng.IntN(len(subjects)), day0.AddDate(0, 0, 200*v+rng.IntN(50))
			for range 5 {
				g := group
				if rng.Float64() < .1 {
					g = rng.IntN(len(subjects))
				}
				t.Events = append(t.Events, record.Event{Kind: record.Condition, Concept: code(g, rng.IntN(8)), Known: at.AddDate(0, 0, rng.IntN(10))})
			}
		}
		t.Sort()
		all = append(all, t)
	}
	return all
}

func fitted(t testing.TB, all []record.Timeline, opt Options) *Model {
	t.Helper()
	m, err := Fit(context.Background(), slices.Values(all), opt)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var small = Options{Dim: 8, Seed: 1}

func TestPlantedGroupsAreRecovered(t *testing.T) {
	m := fitted(t, hospital(400, 1), small)
	if m.Len() != 32 || m.Dim() != 8 {
		t.Fatalf("%d codes of %d dimensions", m.Len(), m.Dim())
	}
	for g := range subjects {
		for i := range 8 {
			a, ok := m.Code(code(g, i))
			if !ok {
				t.Fatalf("%v has no vector", code(g, i))
			}
			if n := Similarity(a, a); math.Abs(float64(n)-1) > 1e-5 {
				t.Errorf("length² %g", n)
			}
			within, across := float32(1), float32(-1)
			for h := range subjects {
				for j := range 8 {
					b, _ := m.Code(code(h, j))
					if g == h {
						within = min(within, Similarity(a, b))
					} else {
						across = max(across, Similarity(a, b))
					}
				}
			}
			if within < across+.15 {
				t.Errorf("%v: at least %g from its own group, up to %g from others", code(g, i), within, across)
			}
		}
	}
}

// meanTo is the mean similarity of v to the codes of a group.
func meanTo(m *Model, v []float32, group int) float32 {
	var s float32
	for i := range 8 {
		c, _ := m.Code(code(group, i))
		s += Similarity(v, c) / 8
	}
	return s
}

func TestWordsPlaceWhatHasNoVector(t *testing.T) {
	m := fitted(t, hospital(400, 1), small)
	unseen, ok := m.Concept(record.Condition, record.Code{System: "urn:local", Value: "x", Display: "Insulin-dependent DIABETES, juvenile"})
	if !ok {
		t.Fatal("words known, no vector")
	}
	text := m.Text("coronary arteries") // a plural that no display has
	note := m.Note("The patient is known for kidney failure. On dialysis; dialysis was tolerated.")
	named, ok := m.Concept(record.Medication, record.Code{System: record.Text, Value: "bronchial airway spray"})
	if !ok {
		t.Fatal("a code of words has no vector")
	}
	for want, v := range [][]float32{unseen, text, named, note} {
		for g := range subjects {
			s := meanTo(m, v, g)
			if g == want && s < .6 || g != want && s > .4 {
				t.Errorf("vector %d is %g from %s", want, s, subjects[g])
			}
		}
	}
	for name, v := range map[string][]float32{"empty": m.Text(""), "stop words": m.Note("of the and"), "other letters": m.Text("ⵣⵣⵣⵣⵣ")} {
		if len(v) != 8 || slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			t.Errorf("%s: %v is not zero", name, v)
		}
	}
	if v, ok := m.Concept(record.Test, record.Code{System: "urn:local", Value: "99"}); ok || len(v) != 8 {
		t.Error("a code without words says it is known")
	}
}

func TestPatientIsAmidWhatHeHas(t *testing.T) {
	m := fitted(t, hospital(400, 1), small)
	tl := record.Timeline{Events: []record.Event{
		{Kind: record.Condition, Concept: code(0, 1), Known: day0.AddDate(-9, 0, 0)},
		{Kind: record.Condition, Concept: code(0, 2), Known: day0.AddDate(-9, 0, 0)},
		{Kind: record.Condition, Concept: code(1, 1), Known: day0},
		{Kind: record.Condition, Concept: code(1, 2), Known: day0},
		{Kind: record.Finding, Concept: record.Code{System: "urn:local", Value: "?"}, Known: day0},
	}}
	tl.Sort()
	now := m.Patient(tl.Before(day0.AddDate(0, 0, 1)))
	if old, recent := meanTo(m, now, 0), meanTo(m, now, 1); recent < .6 || recent < old+.3 {
		t.Errorf("what is recent weighs %g, what is nine years old %g", recent, old)
	}
	then := m.Patient(tl.Before(day0.AddDate(-8, 0, 0)))
	if s := meanTo(m, then, 0); s < .6 {
		t.Errorf("the past sees what was then: %g", s)
	}
	if known, all := m.Coverage(tl.Before(day0.AddDate(0, 0, 1))); known != 4 || all != 5 {
		t.Errorf("coverage %d of %d", known, all)
	}
}

func TestPatientWithoutKnownCodesIsZeroAndSaysSo(t *testing.T) {
	m := fitted(t, hospital(100, 1), small)
	tl := record.Timeline{Events: []record.Event{{Kind: record.Test, Concept: record.Code{System: "urn:local", Value: "1"}, Known: day0}}}
	past := tl.Before(day0.AddDate(1, 0, 0))
	if v := m.Patient(past); len(v) != 8 || Similarity(v, v) != 0 {
		t.Errorf("%v", v)
	}
	if known, all := m.Coverage(past); known != 0 || all != 1 {
		t.Errorf("coverage %d of %d", known, all)
	}
	if v := m.Patient(record.Timeline{}.Before(day0)); Similarity(v, v) != 0 {
		t.Errorf("nobody: %v", v)
	}
}

func encoded(t testing.TB, m *Model) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFitIsDeterministic(t *testing.T) {
	all := hospital(300, 2)
	opt := Options{Dim: 12, Seed: 5}
	want := encoded(t, fitted(t, all, opt))
	for _, procs := range []int{1, 3, 8} {
		old := runtime.GOMAXPROCS(procs)
		got := encoded(t, fitted(t, all, opt))
		runtime.GOMAXPROCS(old)
		if !bytes.Equal(got, want) {
			t.Errorf("another model on %d processors", procs)
		}
	}
	opt.Seed = 6
	if bytes.Equal(encoded(t, fitted(t, all, opt)), want) {
		t.Error("the seed does not matter")
	}
}

func TestFitLeavesAsideWhatItMust(t *testing.T) {
	all := hospital(100, 3)
	secret := record.Code{System: "urn:local", Value: "secret"}
	for i := range all {
		tl := &all[i]
		e := record.Event{Kind: record.Condition, Concept: secret, Known: day0}
		switch {
		case i%10 == 0:
			tl.Person.OptOut = true
			tl.Events = append(tl.Events, e)
		case i%10 == 1:
			e.Cancelled = true
			tl.Events = append(tl.Events, e)
		}
		tl.Sort()
	}
	m := fitted(t, all, small)
	if _, ok := m.Code(secret); ok {
		t.Error("learned from who opted out, or from what was cancelled")
	}
	opt := small
	opt.Vocabulary = 10
	if n := fitted(t, all, opt).Len(); n != 10 {
		t.Errorf("vocabulary of 10 has %d", n)
	}
}

func TestFitFails(t *testing.T) {
	all := hospital(50, 4)
	if _, err := Fit(context.Background(), slices.Values(all), Options{Least: 1000}); !errors.Is(err, ErrNoCodes) {
		t.Errorf("no code often enough: %v", err)
	}
	if _, err := Fit(context.Background(), slices.Values(all[:0]), Options{}); !errors.Is(err, ErrNoCodes) {
		t.Errorf("no patients: %v", err)
	}
	if _, err := Fit(context.Background(), slices.Values(all), Options{Dim: -1, Window: -2}); err == nil {
		t.Error("negative options: no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Fit(ctx, slices.Values(all), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOneCodeAlone(t *testing.T) {
	var all []record.Timeline
	for range 5 {
		all = append(all, record.Timeline{Events: []record.Event{{Kind: record.Condition, Concept: code(0, 0), Known: day0}}})
	}
	m := fitted(t, all, Options{})
	if v, ok := m.Code(code(0, 0)); !ok || len(v) != 128 || Similarity(v, v) != 0 {
		t.Errorf("a code that goes with nothing: known %v, %d dimensions", ok, len(v))
	}
}

func TestACodeThatGoesWithNothingHasItsWords(t *testing.T) {
	all := hospital(300, 8)
	alone := record.Code{System: "urn:local", Value: "alone", Display: "renal dialysis catheter"}
	for range 5 {
		all = append(all, record.Timeline{Events: []record.Event{{Kind: record.Procedure, Concept: alone, Known: day0}}})
	}
	m := fitted(t, all, small)
	v, ok := m.Code(alone)
	if !ok || meanTo(m, v, 3) < .6 {
		t.Errorf("known %v, %g from its subject", ok, meanTo(m, v, 3))
	}
}

func TestRoundTrip(t *testing.T) {
	m := fitted(t, hospital(200, 5), small)
	var file bytes.Buffer
	if _, err := m.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	var back Model
	if _, err := back.ReadFrom(bytes.NewReader(file.Bytes())); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded(t, &back), file.Bytes()) {
		t.Error("written again, it differs")
	}
	past := hospital(10, 6)[3].Before(day0.AddDate(5, 0, 0))
	if !slices.Equal(m.Patient(past), back.Patient(past)) || !slices.Equal(m.Text("renal glucose"), back.Text("renal glucose")) {
		t.Error("read back, it says otherwise")
	}
}

func TestDamagedFiles(t *testing.T) {
	file := encoded(t, fitted(t, hospital(60, 7), Options{Dim: 2}))
	for i := range file {
		bad := slices.Clone(file)
		bad[i] ^= 1
		if err := new(Model).UnmarshalBinary(bad); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrVersion) {
			t.Fatalf("byte %d damaged: %v", i, err)
		}
	}
	for _, n := range []int{0, 5, 40, len(file) / 2, len(file) - 1} {
		if err := new(Model).UnmarshalBinary(file[:n]); !errors.Is(err, ErrFormat) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
}

// Content that lies about its lengths must not reach outside or ask for memory,
// even behind a good checksum.
func FuzzDecode(f *testing.F) {
	file := encoded(f, fitted(f, hospital(60, 7), Options{Dim: 2}))
	f.Add(file[len(magic)+4 : len(file)-32])
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{b: b}
		m, err := d.model()
		if err != nil {
			return
		}
		m.Note("acute diabetes of the kidney")
		for _, c := range m.Codes() {
			m.Concept(record.Condition, c)
		}
	})
}

func ExampleModel_Concept() {
	m, err := Fit(context.Background(), slices.Values(hospital(300, 1)), Options{Dim: 8, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	local := record.Code{System: "urn:example:local", Value: "D17", Display: "Diabetes, insulin pump"}
	v, ok := m.Concept(record.Condition, local)
	near, _ := m.Code(code(0, 0))
	far, _ := m.Code(code(1, 0))
	fmt.Println(ok, Similarity(v, near) > .5, Similarity(v, far) > .5)
	// Output: true true false
}
