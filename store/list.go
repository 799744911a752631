package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Index is where a resource stands in ordered lists, so that Scan finds it. A
// resource has one place, and that in every list it is in.
type Index struct {
	Lists [][]byte // names of the lists; only keyed hashes of them are stored
	// Place orders a list. It lies in the clear within the key, behind the keyed
	// hash of the list; what is outside of 0 to MaxPlace stands at that end.
	Place int64
	// Marks are what can be tested of an entry without reading the resource: 16
	// bits of any hash. They are stored under a mask.
	Marks []uint16
}

// MaxPlace is the last place of a list.
const MaxPlace = 1<<48 - 1

// AnyMark is the mark of a resource that has too many: it counts as having all.
const AnyMark = 0xffff

// mostMarks is how many marks an entry keeps.
const mostMarks = 62

// Position is where an entry stands: a scan can go on behind it.
type Position struct {
	Place int64
	Ref   [16]byte
}

// Span is a part of a list: the places from From to To, both included.
type Span struct {
	List     []byte
	From, To int64
}

// ListEntry is one resource in a list. It is valid until the next one is asked for.
type ListEntry struct {
	Position
	Updated time.Time // when the version was committed, to the millisecond
	marks   []byte
}

// Marked reports whether the resource was written with the mark, or with AnyMark.
// As marks are short, it may now and then be true of one that was not.
func (e *ListEntry) Marked(mark uint16) bool {
	for b := e.marks; len(b) >= 2; b = b[2:] {
		if m := binary.BigEndian.Uint16(b); m == mark || m == AnyMark {
			return true
		}
	}
	return false
}

// listHash is a keyed hash of a list's name: 96 bits, as there are many entries
// of few lists.
type listHash [12]byte

// listed is an Index ready to be written.
type listed struct {
	lists []listHash
	place uint64
	marks []uint16
}

const (
	placeSize   = 6
	listKeySize = 1 + 12 + placeSize + 16
)

func listKey(dst []byte, list listHash, place uint64, ref hash) []byte {
	dst = append(append(dst[:0], tagList), list[:]...)
	dst = appendPlace(dst, place)
	return append(dst, ref[:]...)
}

func appendPlace(dst []byte, place uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], place)
	return append(dst, b[2:]...)
}

func parsePlace(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
}

func clampPlace(place int64) uint64 { return uint64(min(max(place, 0), MaxPlace)) }

// mask hides what stands beside a key: a stream of its own for each resource.
type mask struct{ block cipher.Block }

func newMask(key []byte) (mask, error) {
	block, err := aes.NewCipher(key)
	return mask{block}, err
}

// apply is its own inverse.
func (m mask) apply(b []byte, ref hash) {
	var in, out [16]byte
	copy(in[:], ref[:])
	for i := 0; len(b) > 0; i++ {
		in[15] = ref[15] ^ byte(i)
		m.block.Encrypt(out[:], in[:])
		n := min(len(b), 16)
		for j := range n {
			b[j] ^= out[j]
		}
		b = b[n:]
	}
}

// listValue is what stands beside each key of a resource.
func (s *Store) listValue(dst []byte, l *listed, updated time.Time, ref hash) []byte {
	dst = appendPlace(dst[:0], clampPlace(updated.UnixMilli()))
	for _, m := range l.marks {
		dst = binary.BigEndian.AppendUint16(dst, m)
	}
	s.mask.apply(dst, ref)
	return dst
}

// listNames remembers hashes of names: types, codes and patients repeat.
type listNames map[string]listHash

func (s *Store) listHash(name []byte, known listNames) listHash {
	if h, ok := known[string(name)]; ok {
		return h
	}
	full := s.hash.of(domainList, name)
	h := listHash(full[:12])
	if len(known) > 4096 {
		clear(known)
	}
	if known != nil {
		known[string(name)] = h
	}
	return h
}

// list prepares an index and returns what it adds to the sum over keys.
func (s *Store) list(in *Index, known listNames) (l listed, sum uint64) {
	if len(in.Lists) == 0 {
		return l, 0
	}
	l.place = clampPlace(in.Place)
	l.lists = make([]listHash, 0, len(in.Lists))
	for _, name := range in.Lists {
		h := s.listHash(name, known)
		if slices.Contains(l.lists, h) {
			continue
		}
		l.lists = append(l.lists, h)
		sum += binary.BigEndian.Uint64(h[:])
	}
	l.marks = in.Marks
	if len(l.marks) > mostMarks {
		l.marks = []uint16{AnyMark}
	}
	for _, m := range l.marks {
		sum = sum*31 + uint64(m)
	}
	return l, sum*1_000_003 + l.place
}

// enlist puts the entries of a version into the batch.
func (c *commit) enlist(ref hash, p *pending) {
	if len(p.lists) == 0 {
		return
	}
	updated := time.Unix(0, int64(binary.BigEndian.Uint64(p.packed[8:])))
	c.val = c.s.listValue(c.val, &p.listed, updated, ref)
	for _, list := range p.lists {
		c.key = listKey(c.key, list, p.place, ref)
		near := uint64(binary.BigEndian.Uint32(list[:]))<<32 | p.place>>16
		c.held.add(&c.held.lists, near, c.key, c.val)
	}
}

// delist removes the entries of a version.
func (c *commit) delist(ref hash, l listed) error {
	for _, list := range l.lists {
		c.key = listKey(c.key, list, l.place, ref)
		if err := c.b.Delete(c.key, nil); err != nil {
			return err
		}
	}
	return nil
}

// RefHash is what stands for a resource in a Position.
func (s *Store) RefHash(typ, id string) [16]byte { return s.hash.ref(typ, id) }

// At reads the current version of the resource at a position, as Get does.
func (s *Store) At(p Position) (Resource, error) {
	v, err := s.current(p.Ref)
	if err == nil && v.deleted {
		err = ErrGone
	}
	if err != nil {
		return v.resource(), fmt.Errorf("store: reading from a list: %w", err)
	}
	return v.resource(), nil
}

// Scan yields the resources in any of the spans, each once, by place and then by
// a fixed order of resources, ascending or descending, as they are at one moment;
// after, if any, is where to go on. After an error nothing more is yielded.
func (s *Store) Scan(spans []Span, descending bool, after *Position) iter.Seq2[*ListEntry, error] {
	return func(yield func(*ListEntry, error) bool) {
		snap := s.db.NewSnapshot()
		defer snap.Close()
		m := merge{s: s, descending: descending}
		defer m.close()
		for _, span := range spans {
			if err := m.open(snap, span, after); err != nil {
				yield(nil, fmt.Errorf("store: scanning: %w", err))
				return
			}
		}
		for e := m.next(); e != nil; e = m.next() {
			if !yield(e, nil) {
				return
			}
		}
		if m.err != nil {
			yield(nil, fmt.Errorf("store: scanning: %w", corruptOr(m.err)))
		}
	}
}

// merge reads several lists as one.
type merge struct {
	s          *Store
	descending bool
	its        []*pebble.Iterator
	entry      ListEntry
	last, val  []byte
	err        error
}

// open adds a span, at its beginning or behind a position.
func (m *merge) open(snap *pebble.Snapshot, span Span, after *Position) error {
	list := m.s.listHash(span.List, nil)
	lower := listKey(nil, list, clampPlace(span.From), hash{})[:listKeySize-16]
	upper := bytes.Repeat([]byte{0xff}, 16)
	upper = append(append(listKey(nil, list, clampPlace(span.To), hash{})[:listKeySize-16], upper...), 0)
	if after != nil {
		at := listKey(nil, list, clampPlace(after.Place), after.Ref)
		if m.descending && bytes.Compare(at, upper) < 0 {
			upper = at
		} else if next := append(at, 0); !m.descending && bytes.Compare(next, lower) > 0 {
			lower = next
		}
	}
	if bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	it, err := snap.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	m.its = append(m.its, it)
	if m.descending {
		it.Last()
	} else {
		it.First()
	}
	return nil
}

// place is what entries are ordered by.
func place(it *pebble.Iterator) []byte { return it.Key()[1+12:] }

// next is the next entry, nil at the end or after an error.
func (m *merge) next() *ListEntry {
	for {
		it := m.first()
		if it == nil || m.err != nil {
			return nil
		}
		fresh := !bytes.Equal(place(it), m.last)
		if fresh {
			m.last = append(m.last[:0], place(it)...)
			m.take(it)
		}
		if m.descending {
			it.Prev()
		} else {
			it.Next()
		}
		if err := it.Error(); err != nil {
			m.err = err
		}
		if fresh && m.err == nil {
			return &m.entry
		}
	}
}

// first is the iterator whose entry comes first.
func (m *merge) first() (best *pebble.Iterator) {
	for _, it := range m.its {
		if !it.Valid() {
			if err := it.Error(); err != nil {
				m.err = err
			}
			continue
		}
		if len(it.Key()) != listKeySize {
			m.err = ErrCorrupt
			return nil
		}
		if best == nil || bytes.Compare(place(it), place(best)) < 0 != m.descending {
			best = it
		}
	}
	return best
}

func (m *merge) take(it *pebble.Iterator) {
	value, err := it.ValueAndErr()
	if err != nil || len(value) < placeSize {
		m.err = ErrCorrupt
		return
	}
	m.entry.Place = int64(parsePlace(m.last))
	copy(m.entry.Ref[:], m.last[placeSize:])
	m.val = append(m.val[:0], value...)
	m.s.mask.apply(m.val, m.entry.Ref)
	m.entry.Updated = time.UnixMilli(int64(parsePlace(m.val))).UTC()
	m.entry.marks = m.val[placeSize:]
}

func (m *merge) close() {
	for _, it := range m.its {
		_ = it.Close() // its errors were seen while reading
	}
}
