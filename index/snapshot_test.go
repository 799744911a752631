package index

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ember/record"
)

// filled makes an index of 50 patients in dir, saves it at position 50 and
// closes it.
func filled(t *testing.T, opt Options) hospital {
	t.Helper()
	x := open(t, opt)
	rng := rand.New(rand.NewPCG(9, 9))
	h := hospital{}
	for i := range 50 {
		d := randomDocument(rng, fmt.Sprint("p", i), true)
		h[d.Timeline.Person.ID] = d
		if err := x.Apply([]Document{d}, nil, uint64(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestDamage opens an index whose files were harmed in every way: it comes
// empty, says why, and is whole after being fed again.
func TestDamage(t *testing.T) {
	edit := func(change func([]byte) []byte) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, snapshotFile)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, change(data), 0o600)
		}
	}
	cases := []struct {
		name, reason string
		opt          Options
		harm         func(dir string) error
	}{
		{"absent", "no index", Options{}, func(dir string) error { return os.Remove(filepath.Join(dir, snapshotFile)) }},
		{"empty", "damaged", Options{}, edit(func(b []byte) []byte { return nil })},
		{"truncated", "checksum", Options{}, edit(func(b []byte) []byte { return b[:len(b)/2] })},
		{"a bit", "checksum", Options{}, edit(func(b []byte) []byte { b[len(b)/2] ^= 4; return b })},
		{"grown", "checksum", Options{}, edit(func(b []byte) []byte { return append(b, 0) })},
		{"other format", "format 0", Options{}, edit(func(b []byte) []byte { b[len(magic)-1] = 0; return b })},
		{"not ours", "does not begin", Options{}, edit(func(b []byte) []byte { return bytes.Repeat([]byte("no"), 50) })},
		{"fingerprint", "another version", Options{Fingerprint: "other"}, func(string) error { return nil }},
		{"notes lost", "notes cannot be opened", Options{}, func(dir string) error { return os.RemoveAll(filepath.Join(dir, "notes-1")) }},
		{"notes damaged", "notes", Options{}, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "notes-1", "store", "root.bolt"), []byte("nothing"), 0o600)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			opt := Options{Dir: t.TempDir(), Notes: true}
			h := filled(t, opt)
			if err := c.harm(opt.Dir); err != nil {
				t.Fatal(err)
			}
			opt.Fingerprint = c.opt.Fingerprint
			x := open(t, opt)
			if !strings.Contains(x.Rebuilt(), c.reason) || x.Position() != 0 || x.Stats().Patients != 0 {
				t.Fatalf("rebuilt %q, position %d, %d patients", x.Rebuilt(), x.Position(), x.Stats().Patients)
			}
			h.feed(t, x, 60)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			x = open(t, opt)
			if x.Rebuilt() != "" || x.Position() != 60 {
				t.Fatalf("opened again: %q, position %d", x.Rebuilt(), x.Position())
			}
			h.check(t, x.View())
			h.checkNotes(t, x)
			if folders := x.noteFolders(); len(folders) != 1 {
				t.Errorf("folders of notes: %v", folders)
			}
		})
	}
}

func (h hospital) feed(t *testing.T, x *Index, position uint64) {
	t.Helper()
	var docs []Document
	for _, d := range h {
		docs = append(docs, d)
	}
	if err := x.Apply(docs, nil, position); err != nil {
		t.Fatal(err)
	}
}

// TestTruncatedSections cuts the body at every length: decoding must say so and
// never panic.
func TestTruncatedSections(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Notes: true}
	filled(t, opt)
	data, err := os.ReadFile(filepath.Join(opt.Dir, snapshotFile))
	if err != nil {
		t.Fatal(err)
	}
	body := data[len(magic) : len(data)-4]
	if _, _, err := decode(body); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(body); n += 1 + n/200 {
		if _, _, err := decode(body[:n]); err == nil {
			t.Fatalf("%d of %d bytes are taken for the whole", n, len(body))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, _, err := decode(data); err == nil && s == nil {
			t.Fatal("neither a state nor an error")
		}
	})
}

// TestNotesAhead loses what was applied since the snapshot while the notes,
// which are durable at once, have it: both agree again after opening, and
// feeding from the position makes the index whole.
func TestNotesAhead(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Notes: true}
	h := filled(t, opt)
	snapshot, err := os.ReadFile(filepath.Join(opt.Dir, snapshotFile))
	if err != nil {
		t.Fatal(err)
	}
	x := open(t, opt)
	rng := rand.New(rand.NewPCG(10, 10))
	for i := range 30 {
		d := randomDocument(rng, fmt.Sprint("p", i+40), true)
		h[d.Timeline.Person.ID] = d
		if err := x.Apply([]Document{d}, []string{fmt.Sprint("p", i)}, uint64(51+i)); err != nil {
			t.Fatal(err)
		}
		delete(h, fmt.Sprint("p", i))
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(opt.Dir, snapshotFile), snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	x = open(t, opt)
	if x.Rebuilt() != "" || x.Position() != 50 {
		t.Fatalf("opened: %q, position %d", x.Rebuilt(), x.Position())
	}
	for _, n := range search(t, x, Query{Text: "word1", Limit: 1000}).Notes {
		if n.Patient == "" {
			t.Fatal("a note of nobody")
		}
	}
	var removed []string
	for i := range 30 {
		removed = append(removed, fmt.Sprint("p", i))
	}
	if err := x.Apply(nil, removed, 60); err != nil {
		t.Fatal(err)
	}
	h.feed(t, x, 80)
	h.check(t, x.View())
	h.checkNotes(t, x)
}

// TestSamePosition loses a change of notes that was applied under the position
// of the snapshot.
func TestSamePosition(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Notes: true}
	x := open(t, opt)
	first, second := patient("a"), patient("a")
	first.Notes = []record.Note{{Source: "DocumentReference/1", Text: "before"}}
	second.Notes = []record.Note{{Source: "DocumentReference/1", Text: "after"}}
	if err := errors.Join(x.Apply([]Document{first}, nil, 1), x.Flush()); err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(opt.Dir, snapshotFile)
	data, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Apply([]Document{second}, nil, 1); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(snapshot, data, 0o600); err != nil {
		t.Fatal(err)
	}
	x = open(t, opt)
	if err := x.Apply([]Document{first}, nil, 1); err != nil {
		t.Fatal(err)
	}
	if res := search(t, x, Query{Text: "before"}); len(res.Notes) != 1 {
		t.Errorf("notes %v", res.Notes)
	}
	if res := search(t, x, Query{Text: "after"}); len(res.Notes) != 0 {
		t.Errorf("notes %v", res.Notes)
	}
}

func TestResetAndClose(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		opt := Options{Dir: dir, Notes: true}
		x := open(t, opt)
		h := hospital{"a": randomDocument(rand.New(rand.NewPCG(1, 1)), "a", true)}
		h.feed(t, x, 5)
		view := x.View()
		if err := x.Reset(); err != nil {
			t.Fatal(err)
		}
		if x.Position() != 0 || x.Stats().Patients != 0 || view.Everybody().Len() != 1 {
			t.Errorf("after Reset: %+v", x.Stats())
		}
		h.feed(t, x, 7)
		h.check(t, x.View())
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if err := x.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		if err := x.Apply(nil, nil, 9); err != ErrClosed {
			t.Errorf("apply after close: %v", err)
		}
	}
}

// TestPurge looks for the words of a removed patient in all files.
func TestPurge(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Notes: true}
	x := open(t, opt)
	secret := patient("secret-id", event(record.Condition, "1", "Asthma"), record.Event{Kind: record.Condition, Concept: record.Code{System: record.Text, Value: "secretconcept"}, Known: epoch})
	secret.Timeline.Events[0].Text = "secrettext"
	secret.Notes = []record.Note{{Source: "DocumentReference/secretsource", Text: "A note about secretword."}}
	other := patient("b", event(record.Condition, "1", "Asthma"))
	other.Notes = []record.Note{{Source: "DocumentReference/2", Text: "Another note."}}
	if err := x.Apply([]Document{secret, other}, nil, 1); err != nil {
		t.Fatal(err)
	}
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, opt.Dir, "secret"); len(found) == 0 {
		t.Fatal("the search for words in files finds nothing at all")
	}
	if err := x.Apply(nil, []string{"secret-id"}, 2); err != nil {
		t.Fatal(err)
	}
	before := x.View()
	if err := x.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := before.Search(t.Context(), Query{Text: "note"}); err != nil {
		t.Errorf("a view from before: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, opt.Dir, "secret"); len(found) > 0 {
		t.Errorf("still in %v", found)
	}
	x = open(t, opt)
	if res := search(t, x, Query{Text: "note"}); len(res.Notes) != 1 {
		t.Errorf("notes after purging: %v", res.Notes)
	}
}

func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
