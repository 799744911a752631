package store

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Space is a named set of sealed key-values for another room: derived forms,
// positions, audit. Keys lie as keyed hashes, values sealed with the key beside
// them. All methods are safe for concurrent use.
type Space struct {
	s    *Store
	name string
	hash hash
}

// Pair is a key and its value.
type Pair struct {
	Key, Value []byte
	// Patient the pair belongs to: it is erased with the patient. "" stays.
	Patient string
}

// Space gives the space of that name; it needs no making.
func (s *Store) Space(name string) *Space {
	return &Space{s: s, name: name, hash: s.hash.name(domainSpace, name, "")}
}

func (p *Space) key(dst, key []byte) []byte {
	return key2(dst, tagSpace, p.hash, cut(p.s.hash.of(domainSpace, p.hash[:], key)))
}

// Get reads the value of a key into memory of its own; false where there is none.
func (p *Space) Get(key []byte) ([]byte, bool, error) {
	var room [33]byte
	k := p.key(room[:0], key)
	buf := p.s.buffer()
	defer p.s.bufs.Put(buf)
	sealed, found, err := p.s.get(*buf, k)
	if err != nil || !found {
		return nil, false, p.wrap("reading", err)
	}
	*buf = sealed
	_, value, err := p.open(k, sealed)
	return value, err == nil, p.wrap("reading", err)
}

// Put writes the pairs, all or none. With sync it returns when they are on disk;
// without, they survive the death of the process only once something later was
// synced. A later pair of the same key wins.
func (p *Space) Put(pairs []Pair, sync bool) error {
	if err := p.s.writable(); err != nil {
		return p.wrap("writing", err)
	}
	b := p.s.db.NewBatch()
	defer b.Close()
	var room [33]byte
	var key, val, plain, packed, owner []byte
	key = room[:0]
	for _, pair := range pairs {
		key = p.key(key, pair.Key)
		val, plain, packed = p.seal(val, plain, packed, key, pair)
		if err := b.Set(key, val, nil); err != nil {
			return p.wrap("writing", err)
		}
		if pair.Patient == "" {
			continue
		}
		owner = key3(owner, tagOwner, p.s.hash.patient(pair.Patient), p.hash, hash(key[17:]))
		if err := b.Set(owner, nil, nil); err != nil {
			return p.wrap("writing", err)
		}
	}
	return p.wrap("writing", b.Commit(&pebble.WriteOptions{Sync: sync}))
}

// Delete removes keys, all or none; one that is not there is no error.
func (p *Space) Delete(keys [][]byte, sync bool) error {
	if err := p.s.writable(); err != nil {
		return p.wrap("deleting", err)
	}
	b := p.s.db.NewBatch()
	defer b.Close()
	for _, k := range keys {
		if err := b.Delete(p.key(nil, k), nil); err != nil {
			return p.wrap("deleting", err)
		}
	}
	return p.wrap("deleting", b.Commit(&pebble.WriteOptions{Sync: sync}))
}

// Clear removes everything in the space.
func (p *Space) Clear() error {
	if err := p.s.writable(); err != nil {
		return p.wrap("clearing", err)
	}
	start := key1(nil, tagSpace, p.hash)
	return p.wrap("clearing", p.s.db.DeleteRange(start, after(start), pebble.Sync))
}

// All yields every pair, in an order that is the same each time but not that of
// the keys. Patient is not known here. A damaged pair is yielded as an error, and
// the iteration goes on.
func (p *Space) All() iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		it, err := p.s.prefix(key1(nil, tagSpace, p.hash))
		if err != nil {
			yield(Pair{}, p.wrap("reading", err))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			sealed, err := it.ValueAndErr()
			var pair Pair
			if err == nil {
				pair.Key, pair.Value, err = p.open(it.Key(), sealed)
			}
			if !yield(pair, p.wrap("reading", err)) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Pair{}, p.wrap("reading", err))
		}
	}
}

func (p *Space) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %s space %s: %w", doing, p.name, corruptOr(err))
}

// seal reuses the given memory and returns it.
func (p *Space) seal(val, plain, packed, key []byte, pair Pair) (v, pl, pa []byte) {
	plain = binary.AppendUvarint(plain[:0], uint64(len(pair.Key)))
	plain = append(plain, pair.Key...)
	plain = append(plain, pair.Value...)
	how, body := p.s.codec.pack(packed, plain)
	if how != packPlain {
		packed = body
	}
	var room [40]byte
	val = p.s.seal.seal(append(val[:0], how), body, append(append(room[:0], key...), how))
	return val, plain, packed
}

func (p *Space) open(at, sealed []byte) (key, value []byte, err error) {
	if len(sealed) == 0 {
		return nil, nil, ErrCorrupt
	}
	var room [40]byte
	how := sealed[0]
	packed, err := p.s.seal.open(nil, sealed[1:], append(append(room[:0], at...), how))
	if err != nil {
		return nil, nil, err
	}
	plain, err := p.s.codec.unpack(how, packed)
	if err != nil {
		return nil, nil, err
	}
	r := reader{b: plain}
	key = r.bytes()
	if r.bad {
		return nil, nil, ErrCorrupt
	}
	return key, r.b, nil
}
