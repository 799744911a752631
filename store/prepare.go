package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// prepared is a write with everything that can be done before its turn comes:
// hashes, the pointer as it was, and the packed body unless nothing seems to change.
type prepared struct {
	*Write
	ref, owner hash
	content    hash
	keys       []hash
	listed
	keySum uint64
	old    pointer
	found  bool
	how    byte
	packed []byte // stampSize free bytes, then the packed body; nil: not packed yet
}

const (
	prepareAlone = 256 // below this many writes one goroutine does all
	prepareChunk = 128
)

// prepare works on all writes, on as many processors as there are.
func (s *Store) prepare(ctx context.Context, writes []Write) ([]prepared, error) {
	out := make([]prepared, len(writes))
	if len(writes) < prepareAlone {
		return out, s.prepareRange(ctx, writes, out)
	}
	s.learn()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		next int
		fail error
	)
	take := func(err error) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if fail == nil {
			fail = err
		}
		at := next
		next += prepareChunk
		return at, fail == nil && at < len(writes)
	}
	for range min(runtime.GOMAXPROCS(0), len(writes)/prepareChunk) {
		wg.Go(func() {
			var err error
			for at, ok := take(nil); ok; at, ok = take(err) {
				end := min(at+prepareChunk, len(writes))
				err = s.prepareRange(ctx, writes[at:end], out[at:end])
			}
		})
	}
	wg.Wait()
	return out, fail
}

func (s *Store) prepareRange(ctx context.Context, writes []Write, out []prepared) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var (
		p      packer
		person string
		owner  = s.hash.patient("")
		names  = listNames{}
	)
	for i := range writes {
		w := &writes[i]
		if err := w.check(); err != nil {
			return err
		}
		if w.Patient != person {
			person, owner = w.Patient, s.hash.patient(w.Patient)
		}
		if err := s.prepareOne(w, owner, &out[i], &p, names); err != nil {
			return fmt.Errorf("%s/%s: %w", w.Type, w.ID, err)
		}
	}
	return nil
}

func (s *Store) prepareOne(w *Write, owner hash, out *prepared, p *packer, names listNames) error {
	*out = prepared{Write: w, ref: s.hash.ref(w.Type, w.ID), owner: owner}
	for _, k := range w.Keys {
		h := cut(s.hash.of(domainKey, k))
		if slices.Contains(out.keys, h) {
			continue
		}
		out.keys = append(out.keys, h)
		out.keySum += binary.BigEndian.Uint64(h[:])
	}
	if !w.Delete {
		var sum uint64
		out.listed, sum = s.list(&w.Index, names)
		out.keySum += sum
		out.content = cut(s.hash.of(domainContent, out.ref[:], w.Raw, w.Aside))
	}
	var err error
	if out.old, out.found, err = s.pointer(out.ref); err != nil {
		return err
	}
	if !w.Delete && !out.same(out.old, out.found) {
		s.pack(out, p)
	}
	return nil
}

// same: the current version holds these bytes for this patient already.
func (p *prepared) same(cur pointer, found bool) bool {
	return found && !cur.deleted() && cur.content == p.content && cur.patient == p.owner
}

// packer is scratch and arena of one goroutine.
type packer struct{ body, out, arena []byte }

func (s *Store) pack(w *prepared, p *packer) {
	v := version{typ: w.Type, id: w.ID, patient: w.Patient, deleted: w.Delete, keys: w.keys, listed: listed{lists: w.lists, place: w.place}}
	if !w.Delete {
		v.raw, v.aside = w.Raw, w.Aside
	}
	p.body = v.body(p.body[:0])
	how, packed := s.codec.pack(p.out, p.body)
	if how != packPlain {
		p.out = packed
	}
	need := stampSize + len(packed)
	if cap(p.arena)-len(p.arena) < need {
		p.arena = make([]byte, 0, max(need, 64<<10))
	}
	at := len(p.arena)
	p.arena = append(p.arena[:at+stampSize], packed...)
	w.how, w.packed = how, p.arena[at:len(p.arena):len(p.arena)]
}

func (w *Write) check() error {
	switch {
	case w.Type == "" || w.ID == "" || strings.Contains(w.Type, "/"):
		return fmt.Errorf("a write needs type and id, this one has %q and an id of %d bytes", w.Type, len(w.ID))
	case len(w.Raw) == 0 && !w.Delete:
		return fmt.Errorf("%s/%s: a write without bytes", w.Type, w.ID)
	}
	return nil
}
