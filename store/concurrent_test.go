package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// Many writers on few resources: versions of each are gapless, the log names each
// once, in the order of the versions, and readers see whole resources.
func TestManyAtOnce(t *testing.T) {
	s := openAt(t, t.TempDir())
	const writers, rounds, resources = 6, 40, 5
	type told struct {
		id  string
		res Result
		raw []byte
	}
	results := make([][]told, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				var writes []Write
				for i := range 1 + r%4 {
					o := observation(fmt.Sprint("o", rand.IntN(resources)), "p", w*1_000_000+r*1000+i)
					if rand.IntN(8) == 0 {
						o.Raw, o.Delete = nil, true
					}
					writes = append(writes, o)
				}
				got, err := s.Commit(context.Background(), writes)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range got {
					results[w] = append(results[w], told{writes[i].ID, got[i], writes[i].Raw})
				}
			}
		})
		wg.Go(func() {
			for range rounds * 4 {
				id := fmt.Sprint("o", rand.IntN(resources))
				if v, err := s.Get("Observation", id); err == nil && !bytes.Contains(v.Raw, []byte(`"id":"`+id+`"`)) {
					t.Errorf("%s reads %s", id, v.Raw)
				}
				head := s.Head()
				for c, err := range s.Changes(head) {
					if err != nil || c.Seq <= head {
						t.Errorf("after %d: %+v, %v", head, c, err)
					}
				}
			}
		})
	}
	wg.Wait()

	versions := map[string]map[uint64]uint64{} // resource → version → place in the log
	for _, list := range results {
		for _, r := range list {
			if !r.res.Changed {
				continue
			}
			if versions[r.id] == nil {
				versions[r.id] = map[uint64]uint64{}
			}
			if before, twice := versions[r.id][r.res.Version]; twice {
				t.Errorf("%s version %d given twice, at %d and %d", r.id, r.res.Version, before, r.res.Seq)
			}
			versions[r.id][r.res.Version] = r.res.Seq
			if v, err := s.Version("Observation", r.id, r.res.Version); !v.Deleted && (err != nil || !bytes.Equal(v.Raw, r.raw)) {
				t.Errorf("%s version %d: %v", r.id, r.res.Version, err)
			}
		}
	}
	total := 0
	for id, list := range versions {
		for v := uint64(1); v <= uint64(len(list)); v++ {
			if list[v] == 0 || v > 1 && list[v] < list[v-1] {
				t.Errorf("%s: version %d at %d after %d", id, v, list[v], list[v-1])
			}
		}
		total += len(list)
	}
	n := 0
	for c, err := range s.Changes(0) {
		if n++; err != nil || c.Seq != uint64(n) {
			t.Fatalf("change %d: %+v, %v", n, c, err)
		}
	}
	if n != total || s.Head() != uint64(total) {
		t.Errorf("%d changes in the log, head %d, %d told", n, s.Head(), total)
	}
}

func TestLargeAndOddBytes(t *testing.T) {
	s := openAt(t, t.TempDir())
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for name, raw := range map[string][]byte{
		"one byte": {'x'}, "zero": {0}, "noise": noise, "the dictionary": []byte(dictionaryV1),
		"63": bytes.Repeat([]byte("a"), 63), "64": bytes.Repeat([]byte("b"), 64), "40 MiB": bytes.Repeat([]byte(`{"a":1},`), 5<<20),
	} {
		w := Write{Type: "Binary", ID: name, Patient: "p é\x00/?", Raw: raw, Aside: raw[:min(len(raw), 1000)]}
		commit1(t, s, w)
		got, err := s.Get("Binary", name)
		if err != nil || !bytes.Equal(got.Raw, raw) || !bytes.Equal(got.Aside, w.Aside) || got.Patient != w.Patient {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got.Raw), len(raw), err)
		}
	}
}

// The filter must not hide what an earlier process wrote.
func TestFilterLearnsOldReferences(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	var writes []Write
	for i := range 2000 {
		writes = append(writes, observation(fmt.Sprint("o", i), "p", i))
	}
	commit1(t, s, writes...)
	s.Close()
	s = openAt(t, dir)
	for _, r := range commit1(t, s, writes...) { // large: starts the learning
		if r.Changed {
			t.Fatalf("taken for new: %+v", r)
		}
	}
	s.background.Wait()
	if !s.known.complete.Load() {
		t.Fatal("nothing was learnt")
	}
	for _, r := range commit1(t, s, writes...) {
		if r.Changed {
			t.Fatalf("taken for new after learning: %+v", r)
		}
	}
	wrong := 0
	for i := range 20_000 {
		if s.known.mayHave(s.hash.ref("Observation", fmt.Sprint("never", i))) {
			wrong++
		}
	}
	if wrong > 200 {
		t.Errorf("%d of 20,000 unknown references are taken for known", wrong)
	}
}

func TestCheck(t *testing.T) {
	s := openAt(t, t.TempDir())
	a := observation("a", "p1", 1)
	commit1(t, s, a, observation("b", "p1", 2), observation("b", "p1", 3))
	if err := s.Space("x").Put([]Pair{{Key: []byte("k"), Value: []byte("v")}}, true); err != nil {
		t.Fatal(err)
	}
	c, err := s.Check(t.Context())
	if err != nil || c.Versions != 2 || c.Older != 1 || c.Changes != 3 || c.Pairs != 1 || c.Damaged != nil {
		t.Errorf("%+v, %v", c, err)
	}
	damage(t, s, a)
	if c, err = s.Check(t.Context()); err != nil || fmt.Sprint(c.Damaged) != "[Observation/a]" {
		t.Errorf("after damage %+v, %v", c, err)
	}
}

// Whatever lies under a seal that was made is ours; what the reader makes of
// anything else must be an error, not a panic.
func FuzzParse(f *testing.F) {
	v := version{typ: "Observation", id: "a", patient: "p", keys: []hash{{1}}, raw: []byte("raw"), aside: []byte("aside")}
	f.Add(v.body(nil))
	f.Add([]byte{0, 1})
	f.Add([]byte{0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var v version
		if v.parse(b) == nil && len(v.raw)+len(v.aside)+len(v.typ) > len(b) {
			t.Error("more came out than went in")
		}
		r := reader{b: b}
		for len(r.b) > 0 && !r.bad {
			r.change(r.uvarint())
		}
	})
}
