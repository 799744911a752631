package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// scanned are the ids of what a scan yields, in its order.
func scanned(t *testing.T, s *Store, spans []Span, descending bool, after *Position) (ids []string) {
	t.Helper()
	for e, err := range s.Scan(spans, descending, after) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.At(e.Position)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

func listedWrite(id string, place int64, lists ...string) Write {
	w := Write{Type: "T", ID: id, Patient: "p", Raw: []byte("{" + id), Index: Index{Place: place, Marks: []uint16{uint16(place), 7}}}
	for _, l := range lists {
		w.Index.Lists = append(w.Index.Lists, []byte(l))
	}
	return w
}

// TestListsAgainstNaive writes, moves and deletes at random and compares scans of
// merged lists, both ways, in pieces, with what should be there.
func TestListsAgainstNaive(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	r := rand.New(rand.NewPCG(1, 2))
	type row struct {
		place int64
		lists []string
	}
	there := map[string]row{}
	for range 400 {
		id := fmt.Sprint("i", r.IntN(80))
		if r.IntN(4) == 0 {
			commit1(t, s, Write{Type: "T", ID: id, Delete: true})
			delete(there, id)
			continue
		}
		w := row{int64(r.IntN(30)), []string{"a", "b", "c"}[:1+r.IntN(3)]}
		there[id] = w
		commit1(t, s, listedWrite(id, w.place, w.lists...))
	}
	for range 200 {
		list, from, to, down := []string{"a", "b", "c"}[r.IntN(3)], int64(r.IntN(30)), int64(r.IntN(30)), r.IntN(2) == 0
		var want []string
		for id, w := range there {
			if (slices.Contains(w.lists, list) && w.place >= from && w.place <= to) || slices.Contains(w.lists, "c") {
				want = append(want, id)
			}
		}
		spans := []Span{{[]byte(list), from, to}, {[]byte("c"), 0, MaxPlace}}
		got := scanned(t, s, spans, down, nil)
		if !slices.IsSortedFunc(got, func(a, b string) int {
			if down {
				a, b = b, a
			}
			return int(there[a].place - there[b].place)
		}) {
			t.Fatalf("not in order: %v", got)
		}
		if n := len(got); n > 2 {
			var at Position
			for e, err := range s.Scan(spans, down, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if at = e.Position; e.Ref == s.RefHash("T", got[n/2]) {
					break
				}
			}
			if rest := scanned(t, s, spans, down, &at); !slices.Equal(rest, got[n/2+1:]) {
				t.Fatalf("behind a position: %v of %v", rest, got)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s %d to %d: %v, want %v", list, from, to, got, want)
		}
	}
}

// TestListEntries: times and marks come back, places outside the range stand at
// its ends, and only keys that changed make no new version.
func TestListEntries(t *testing.T) {
	s := openAt(t, t.TempDir())
	commit1(t, s, listedWrite("x", -5, "a"))
	commit1(t, s, listedWrite("y", 1<<60, "a"))
	span := []Span{{[]byte("a"), 0, MaxPlace}}
	if got := scanned(t, s, span, false, nil); !slices.Equal(got, []string{"x", "y"}) {
		t.Error(got)
	}
	if r := commit1(t, s, Write{Type: "T", ID: "x", Patient: "p", Raw: []byte("{x"), Index: Index{Lists: [][]byte{[]byte("a")}, Place: 9, Marks: []uint16{3}}})[0]; r.Version != 1 || r.Changed {
		t.Errorf("%+v", r)
	}
	for e, err := range s.Scan(span, false, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Ref == s.RefHash("T", "x") && (e.Place != 9 || !e.Marked(3) || e.Marked(7) || e.Updated.IsZero() || time.Since(e.Updated) > 100*365*24*time.Hour) {
			t.Errorf("%+v", e)
		}
	}
	many := listedWrite("z", 1, "b")
	for i := range uint16(200) {
		many.Index.Marks = append(many.Index.Marks, i)
	}
	commit1(t, s, many)
	for e := range s.Scan([]Span{{[]byte("b"), 0, MaxPlace}}, false, nil) {
		if !e.Marked(12345) {
			t.Error("too many marks are not all marks")
		}
	}
}

// TestListsSurvive a reopening, and nothing of them does an erasure.
func TestListsSurvive(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	commit1(t, s, listedWrite("x", 5, "a", "b"))
	commit1(t, s, listedWrite("x", 6, "b"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if got := scanned(t, s, []Span{{[]byte("b"), 0, MaxPlace}}, false, nil); len(got) != 1 {
		t.Error(got)
	}
	if got := scanned(t, s, []Span{{[]byte("a"), 0, MaxPlace}}, false, nil); len(got) != 0 {
		t.Error(got)
	}
	if err := s.Erase(context.Background(), "p"); err != nil {
		t.Fatal(err)
	}
	it, err := s.prefix([]byte{tagList})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	if it.First() {
		t.Error("an entry is left")
	}
}

// TestSealOutside: what was sealed comes back, for the same use only.
func TestSealOutside(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "s"))
	sealed := s.Seal([]byte("plain"), []byte("a"))
	if b, err := s.Unseal(sealed, []byte("a")); err != nil || string(b) != "plain" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := s.Unseal(sealed, []byte("b")); err == nil {
		t.Error("opened for another use")
	}
	if _, err := s.Unseal(nil, nil); err == nil {
		t.Error("nothing is opened")
	}
}
