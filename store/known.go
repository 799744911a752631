package store

import (
	"encoding/binary"
	"sync/atomic"
)

// known remembers which references were ever written, so that the first write of
// a resource, which is what a load consists of, need not search the database for
// a pointer that is not there (5 of the 20 µs such a write took). It is a Bloom
// filter in blocks of one cache line, growing by layers: it may take an unknown
// reference for a known one (under 1 %), never the other way. It answers only
// once it is complete: at once in a new store, in an older one after reading all
// pointers, which the first large batch starts. test may run beside add; add
// itself is called by one writer at a time.
type known struct {
	complete atomic.Bool
	layers   atomic.Pointer[[]layer]
	room     int // references the last layer still takes
}

// layer is 2ⁿ blocks of 512 bits.
type layer []atomic.Uint64

const (
	blockWords     = 8
	bitsPerKnown   = 12
	firstLayerSize = 1 << 14 // blocks: 1 MiB, 700,000 references
	knownBits      = 6
)

// mayHave is false only if the reference was certainly never written.
func (k *known) mayHave(ref hash) bool {
	if !k.complete.Load() {
		return true
	}
	layers := k.layers.Load()
	if layers == nil {
		return false
	}
	for _, l := range *layers {
		if l.has(ref) {
			return true
		}
	}
	return false
}

func (k *known) add(ref hash) {
	var layers []layer
	if p := k.layers.Load(); p != nil {
		layers = *p
	}
	if k.room == 0 {
		blocks := firstLayerSize << len(layers)
		layers = append(layers[:len(layers):len(layers)], make(layer, blocks*blockWords))
		k.room = blocks * blockWords * 64 / bitsPerKnown
		k.layers.Store(&layers)
	}
	layers[len(layers)-1].set(ref)
	k.room--
}

// place gives the block and the bits within it; a keyed hash is as good as random.
func (l layer) place(ref hash) (block []atomic.Uint64, bits uint64) {
	n := uint64(len(l) / blockWords)
	at := binary.LittleEndian.Uint64(ref[:]) & (n - 1)
	return l[at*blockWords : (at+1)*blockWords], binary.LittleEndian.Uint64(ref[8:])
}

func (l layer) has(ref hash) bool {
	block, bits := l.place(ref)
	for range knownBits {
		if block[bits>>6&7].Load()&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}

func (l layer) set(ref hash) {
	block, bits := l.place(ref)
	for range knownBits {
		block[bits>>6&7].Or(1 << (bits & 63))
		bits >>= 9
	}
}

// learn makes known complete by reading every pointer. One caller at a time wins;
// Close waits for it. What is written meanwhile is added twice, which does no harm.
func (s *Store) learn() {
	if s.known.complete.Load() || !s.learning.CompareAndSwap(false, true) {
		return
	}
	s.background.Go(func() {
		it, err := s.prefix([]byte{tagPointer})
		if err != nil {
			return // pointers are searched as before
		}
		defer it.Close()
		for ok := it.First(); ok; {
			s.mu.Lock()
			for n := 0; ok && n < 4096; n++ {
				s.known.add(hash(it.Key()[1:]))
				ok = it.Next()
			}
			stop := s.closed
			s.mu.Unlock()
			if stop {
				return
			}
		}
		s.known.complete.Store(it.Error() == nil)
	})
}
