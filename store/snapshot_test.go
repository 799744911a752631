package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSnapshotIsOneMoment writes, deletes and moves after a snapshot was taken: it
// shows what was there, by type, by patient, with and without what is deleted.
func TestSnapshotIsOneMoment(t *testing.T) {
	s := openAt(t, t.TempDir())
	var writes []Write
	for i := range 3000 { // more than a few batches
		p := fmt.Sprint("p", i%7)
		if i%7 == 6 {
			p = ""
		}
		writes = append(writes, Write{Type: []string{"A", "B"}[i%2], ID: fmt.Sprint(i), Patient: p, Raw: []byte(strings.Repeat(fmt.Sprint(i, " "), 100))})
	}
	writes = append(writes, Write{Type: "Large", ID: "l", Patient: "p1", Raw: []byte(strings.Repeat("large ", 1<<20))})
	commit1(t, s, writes...)
	commit1(t, s, Write{Type: "A", ID: "0", Delete: true})
	n := s.Snapshot()
	defer n.Close()
	commit1(t, s, Write{Type: "A", ID: "2", Delete: true}, Write{Type: "B", ID: "1", Patient: "p2", Raw: []byte("new")}, Write{Type: "C", ID: "c", Raw: []byte("new")})

	read := func(what Scan) (ids []string) {
		t.Helper()
		for r, err := range n.Read(t.Context(), what) {
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Repeat(r.ID+" ", 100)
			if r.Type == "Large" {
				want = strings.Repeat("large ", 1<<20)
			}
			if r.Deleted && r.Raw != nil || !r.Deleted && string(r.Raw) != want || r.Updated.Truncate(time.Millisecond).After(n.At()) {
				t.Fatalf("%s/%s: %.40q at %s, snapshot of %s", r.Type, r.ID, r.Raw, r.Updated, n.At())
			}
			ids = append(ids, r.Type+"/"+r.ID)
		}
		if !slices.Equal(ids, slices.Compact(slices.Clone(ids))) {
			t.Error("something came twice")
		}
		return ids
	}
	some := func(list ...string) func(func(string, error) bool) {
		return func(yield func(string, error) bool) {
			for _, p := range list {
				if !yield(p, nil) {
					return
				}
			}
		}
	}
	for _, one := range []struct {
		what Scan
		want int
	}{
		{Scan{}, 3000}, {Scan{Deleted: true}, 3001}, {Scan{Types: []string{"A"}}, 1499}, {Scan{Types: []string{"A", "Large"}}, 1500}, {Scan{Types: []string{"C"}}, 0}, {Scan{Types: []string{}}, 0},
		{Scan{Patients: some("p1", "p5")}, 429 + 428 + 1}, {Scan{Patients: some("")}, 428}, {Scan{Patients: some("none")}, 0}, {Scan{Patients: some()}, 0},
	} {
		if got := read(one.what); len(got) != one.want {
			t.Errorf("%+v: %d, want %d", one.what, len(got), one.want)
		}
	}
	if !slices.Equal(read(Scan{}), read(Scan{})) {
		t.Error("another order the second time")
	}
	failed := errors.New("no more")
	for _, err := range n.Read(t.Context(), Scan{Patients: func(yield func(string, error) bool) { yield("", failed) }}) {
		if err != nil && !errors.Is(err, failed) {
			t.Error(err)
		}
	}
	for range n.Read(t.Context(), Scan{}) { // one who has enough leaves nothing running
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, last := 0, error(nil)
	for _, err := range n.Read(ctx, Scan{}) {
		if seen++; seen == 10 {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) || seen > 2900 {
		t.Errorf("%d after the context ended: %v", seen, last)
	}
}

// TestSnapshotsAndStamps: what is committed after a snapshot is stamped after it, in
// whole milliseconds, also when the clock stands still.
func TestSnapshotsAndStamps(t *testing.T) {
	now := time.Date(2024, 5, 1, 12, 0, 0, 123_456_789, time.UTC)
	s, err := Open(Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 3 {
		id := fmt.Sprint(i)
		commit1(t, s, Write{Type: "A", ID: id, Raw: []byte("a")})
		r, err := s.Get("A", id)
		n := s.Snapshot()
		if err != nil || r.Updated.Truncate(time.Millisecond).After(n.At()) {
			t.Errorf("in the snapshot of %s is %s (%v)", n.At(), r.Updated, err)
		}
		n.Close()
		commit1(t, s, Write{Type: "A", ID: id, Raw: []byte("b")})
		if r, _ := s.Get("A", id); !r.Updated.Truncate(time.Millisecond).After(n.At()) {
			t.Errorf("after the snapshot of %s is %s", n.At(), r.Updated)
		}
	}
}
