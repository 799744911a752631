package timelines_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/record"
	"ember/timelines"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func sample() record.Timeline {
	hba1c := []record.Code{{System: record.LOINC, Value: "4548-4", Display: "Hemoglobin A1c"}}
	t := record.Timeline{
		Person: record.Person{ID: "p1", Sex: record.Female, Born: record.Date{Year: 1961, Month: 4}, Race: "2106-3",
			Dead: true, Died: at("2024-01-01T00:00:00Z"), ReplacedBy: "p2", OptOut: true},
		Encounters: []record.Encounter{
			{ID: "Encounter/6ec20a76-f2c9-8f3b-2d3e-a20b78c985c8", Class: "IMP", Type: record.Code{System: record.SNOMED, Value: "1", Display: "Stay"},
				Start: at("2020-01-01T10:00:00.5Z"), Reason: []record.Code{{System: record.Text, Value: "pain"}}, Site: "Organization/1"},
			{ID: "Encounter/odd", Start: at("1960-01-01T00:00:00Z"), End: at("1960-01-02T00:00:00Z")},
		},
		Events: []record.Event{
			{Kind: record.Test, Mode: record.Done, Concept: hba1c[0], Codes: hba1c, Text: "Hemoglobin A1c", Known: at("2020-01-01T10:00:00.624Z"),
				Start: at("2020-01-01T09:00:00Z"), Value: -0.0000001, HasValue: true, Unit: "%", Encounter: "Encounter/odd", Source: "Observation/8f1d7608-7694-eeec-d4e6-039a259bdc40#1"},
			{Kind: record.Test, Concept: hba1c[0], Codes: hba1c, Text: "HbA1c, in house", Known: at("1969-12-31T23:59:59.999Z"),
				HasValue: true, Answer: record.Code{System: "s", Value: "neg"}, Encounter: "Encounter/unknown", Source: "Observation/8F1D7608-7694-EEEC-D4E6-039A259BDC40"},
			{Kind: record.Medication, Mode: record.Ordered, Concept: record.Code{System: record.RxNorm, Value: "6809", Display: "metformin"},
				Text: "metformin", Known: at("2020-01-01T10:00:00Z"), End: at("2020-03-01T10:00:00Z"), Days: 30, Cancelled: true, Status: record.OnHold, Home: true,
				Reason: []string{"Condition/8f1d7608-7694-eeec-d4e6-039a259bdc40", "Condition/x"}, Source: "MedicationRequest/1",
				Encounter: "Encounter/6ec20a76-f2c9-8f3b-2d3e-a20b78c985c8"},
			{Kind: record.Allergy, Severity: record.High, Status: record.Ended, Concept: record.Code{System: record.Text, Value: "latex"}, Text: "Latex!", Source: "AllergyIntolerance/2"},
		},
	}
	t.Sort()
	return t
}

func TestRoundTrip(t *testing.T) {
	for name, want := range map[string]record.Timeline{"full": sample(), "empty": {Encounters: []record.Encounter{}}} {
		b := timelines.Encode(want)
		got, err := timelines.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
		if !bytes.Equal(b, timelines.Encode(got)) {
			t.Errorf("%s: encoding twice differs", name)
		}
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	b := timelines.Encode(sample())
	for n := range b {
		if _, err := timelines.Decode(b[:n]); !errors.Is(err, timelines.ErrFormat) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if _, err := timelines.Decode(append(slices.Clone(b), 0)); !errors.Is(err, timelines.ErrFormat) {
		t.Errorf("one byte more: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(timelines.Encode(sample()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if tl, err := timelines.Decode(b); err == nil {
			timelines.Encode(tl)
		}
	})
}

// memory is a KV in a map.
type memory map[string][]byte

func (m memory) Get(k []byte) ([]byte, bool, error) { v, ok := m[string(k)]; return v, ok, nil }

func (m memory) Put(pairs []timelines.Pair) error {
	for _, p := range pairs {
		m[string(p.Key)] = p.Value
	}
	return nil
}

func (m memory) Delete(keys [][]byte) error {
	for _, k := range keys {
		delete(m, string(k))
	}
	return nil
}

func (m memory) All() iter.Seq2[timelines.Pair, error] {
	return func(yield func(timelines.Pair, error) bool) {
		for k, v := range m {
			if !yield(timelines.Pair{Key: []byte(k), Value: v}, nil) {
				return
			}
		}
	}
}

func TestPutReplacesAndRemoves(t *testing.T) {
	ts := timelines.New(memory{}, 4)
	one := sample()
	if err := ts.Put([]record.Timeline{one}, nil, 7); err != nil {
		t.Fatal(err)
	}
	before, err := ts.Get("p1")
	if err != nil || before.Version != timelines.ChartOf(one).Version {
		t.Fatalf("got %v, %v", before.Version, err)
	}
	one.Events = one.Events[:1]
	if err := ts.Put([]record.Timeline{one}, nil, 8); err != nil {
		t.Fatal(err)
	}
	after, err := ts.Get("p1")
	if err != nil || len(after.Events) != 1 || after.Version == before.Version {
		t.Fatalf("a replaced timeline is still the old one: %d events, %v", len(after.Events), err)
	}
	if err := ts.Put(nil, []string{"p1"}, 9); err != nil {
		t.Fatal(err)
	}
	if _, err := ts.Get("p1"); !errors.Is(err, timelines.ErrNotFound) {
		t.Errorf("a removed timeline: %v", err)
	}
	if p, err := ts.Position(); p != 9 || err != nil {
		t.Errorf("position %d, %v", p, err)
	}
}

// slowKV answers Get with what was there when it was asked, after a Put came between.
type slowKV struct {
	memory
	between func()
}

func (s *slowKV) Get(k []byte) ([]byte, bool, error) {
	v, ok, err := s.memory.Get(k)
	if f := s.between; f != nil {
		s.between = nil
		f()
	}
	return v, ok, err
}

func TestGetDoesNotKeepWhatAPutReplaced(t *testing.T) {
	kv := &slowKV{memory: memory{}}
	ts := timelines.New(kv, 4)
	old := sample()
	if err := ts.Put([]record.Timeline{old}, nil, 1); err != nil {
		t.Fatal(err)
	}
	young := old
	young.Events = old.Events[:1]
	kv.between = func() {
		if err := ts.Put([]record.Timeline{young}, nil, 2); err != nil {
			t.Error(err)
		}
	}
	if _, err := ts.Get("p1"); err != nil {
		t.Fatal(err)
	}
	if c, err := ts.Get("p1"); err != nil || len(c.Events) != 1 {
		t.Errorf("got the replaced timeline with %d events, %v", len(c.Events), err)
	}
}

func TestAllSkipsThePosition(t *testing.T) {
	ts := timelines.New(memory{}, 4)
	if err := ts.Put([]record.Timeline{sample()}, nil, 1); err != nil {
		t.Fatal(err)
	}
	n := 0
	for tl, err := range ts.All() {
		if err != nil || tl.Person.ID != "p1" {
			t.Fatalf("%q, %v", tl.Person.ID, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d timelines", n)
	}
}

func ExampleEncode() {
	t := record.Timeline{Person: record.Person{ID: "p1", Sex: record.Female}}
	back, err := timelines.Decode(timelines.Encode(t))
	fmt.Println(back.Person.ID, back.Person.Sex, err)
	// Output: p1 female <nil>
}

func BenchmarkDecode(b *testing.B) {
	tl := big()
	enc := timelines.Encode(tl)
	b.SetBytes(int64(len(enc)))
	b.ReportMetric(float64(len(enc))/float64(len(tl.Events)), "B/event")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := timelines.Decode(enc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	tl := big()
	b.ReportAllocs()
	for b.Loop() {
		timelines.Encode(tl)
	}
}

func big() record.Timeline {
	tl := sample()
	for i := range 500 {
		e := tl.Events[i%3]
		e.Known = e.Known.Add(time.Duration(i) * time.Hour)
		e.Source = fmt.Sprintf("Observation/%08x-7694-eeec-d4e6-039a259bdc40%s", i*7919, strings.Repeat("#1", i%2))
		tl.Events = append(tl.Events, e)
	}
	tl.Sort()
	return tl
}
