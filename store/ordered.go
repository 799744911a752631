package store

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// ordered holds what a batch writes for resources that were not there before, to
// put it into the batch in about the order of the keys: keys are hashes, and the
// database finds its place in a tree of many thousands anew for each key, unless
// it lies near the last one. That was a third of a commit.
type ordered struct {
	blobs, pointers, keys, lists []entry
	bytes                        []byte // keys and values
}

// entry is one key and value; near orders them, roughly.
type entry struct {
	near           uint64
	at, key, value uint32 // in bytes: where the key begins, its length, the value's
}

// add keeps a key and a value, which are copied.
func (o *ordered) add(list *[]entry, near uint64, key, value []byte) {
	*list = append(*list, entry{near, uint32(len(o.bytes)), uint32(len(key)), uint32(len(value))})
	o.bytes = append(append(o.bytes, key...), value...)
}

func near2(a, b hash) uint64 {
	return uint64(binary.BigEndian.Uint32(a[:]))<<32 | uint64(binary.BigEndian.Uint32(b[:]))
}

func near1(a hash) uint64 { return binary.BigEndian.Uint64(a[:]) }

// drain moves what was held into the batch.
func (c *commit) drain() error {
	o := c.held
	for _, list := range []*[]entry{&o.blobs, &o.keys, &o.lists, &o.pointers} {
		slices.SortFunc(*list, func(a, b entry) int { return cmp.Compare(a.near, b.near) })
		for _, e := range *list {
			key := o.bytes[e.at : e.at+e.key]
			value := o.bytes[e.at+e.key : e.at+e.key+e.value]
			if err := c.b.Set(key, value, nil); err != nil {
				return err
			}
		}
	}
	o.reset()
	return nil
}

// mostHeld bounds the memory kept from one batch to the next.
const mostHeld = 16 << 20

func (o *ordered) reset() {
	if cap(o.bytes) > mostHeld {
		*o = ordered{}
	}
	o.blobs, o.pointers, o.keys, o.lists, o.bytes = o.blobs[:0], o.pointers[:0], o.keys[:0], o.lists[:0], o.bytes[:0]
}
