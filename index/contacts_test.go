package index

import (
	"math/rand/v2"
	"testing"
	"time"

	"ember/record"
)

// TestContacts holds the first and the last day to what is on record, through updates,
// a merge and a restart.
func TestContacts(t *testing.T) {
	day := func(n int) time.Time { return epoch.AddDate(0, 0, n) }
	base := Day(epoch)
	event := func(known, start int, more func(*record.Event)) record.Event {
		e := record.Event{Kind: record.Condition, Concept: record.Code{System: record.SNOMED, Value: "1"}}
		if known != 0 {
			e.Known = day(known)
		}
		if start != 0 {
			e.Start = day(start)
		}
		if more != nil {
			more(&e)
		}
		return e
	}
	docs := map[string]record.Timeline{
		"none":      {},
		"told":      {Events: []record.Event{event(10, -5000, nil), event(20, 0, nil)}},
		"planned":   {Events: []record.Event{event(10, 40, nil)}},
		"undated":   {Undated: []record.Event{event(0, 7, nil)}},
		"cancelled": {Events: []record.Event{event(10, 0, nil), event(90, 0, func(e *record.Event) { e.Cancelled = true })}},
		"ends":      {Events: []record.Event{event(10, 0, func(e *record.Event) { e.End = day(900) })}},
		"visit":     {Events: []record.Event{event(10, 0, nil)}, Encounters: []record.Encounter{{Class: "IMP", Start: day(5), End: day(15)}}},
	}
	want := map[string][2]int32{"none": {NoDay, NoDay}, "told": {base + 10, base + 20}, "planned": {base + 10, base + 40}, "undated": {base + 7, base + 7},
		"cancelled": {base + 10, base + 10}, "ends": {base + 10, base + 10}, "visit": {base + 5, base + 15}}
	opt := Options{Dir: t.TempDir()}
	x := open(t, opt)
	position := uint64(0)
	for id, tl := range docs {
		tl.Person.ID = id
		position++
		if err := x.Apply([]Document{{Timeline: tl}}, nil, position); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		v := x.View()
		for id, w := range want {
			ord, ok := v.Ordinal(id)
			if p := v.Patient(ord); !ok || p.First != w[0] || p.Last != w[1] {
				t.Errorf("%s: %s: %d to %d, want %v", when, id, p.First-base, p.Last-base, w)
			}
		}
	}
	check("applied")
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, opt)
	check("read again")
	later := record.Timeline{Person: record.Person{ID: "told"}, Events: []record.Event{event(10, -5000, nil), event(20, 0, nil), event(33, 0, nil)}}
	if err := x.Apply([]Document{{Timeline: later}}, nil, position+1); err != nil {
		t.Fatal(err)
	}
	want["told"] = [2]int32{base + 10, base + 33}
	check("updated")
}

func TestSetBinary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 50 {
		var ords []uint32
		for range n * n {
			ords = append(ords, rng.Uint32N(100_000))
		}
		s := NewSet(ords...)
		b, err := s.Binary()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadSet(b)
		if err != nil || got.Len() != s.Len() || got.AndLen(s) != s.Len() {
			t.Errorf("%d: %d of %d, %v", n, got.Len(), s.Len(), err)
		}
		if _, err := ReadSet(b[:len(b)/2]); err == nil && n > 0 {
			t.Errorf("%d: half a set is read", n)
		}
	}
}
