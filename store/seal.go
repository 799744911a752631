package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
)

// sealer encrypts with AES-256-GCM. A nonce is 8 random bytes drawn when the
// store is opened (and again when the counter is used up) and a 4-byte counter:
// within an opening none repeats, and two openings share their 8 bytes with a
// chance of 2⁻⁶⁴ per pair, restored copies under the same key included. Safe
// for concurrent use.
type sealer struct {
	aead cipher.AEAD

	mu     sync.Mutex
	prefix [8]byte
	count  uint32
}

const (
	nonceSize = 12
	sealOver  = nonceSize + 16 // what sealing adds: nonce and tag
)

func newSealer(key []byte) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	s := &sealer{aead: aead}
	_, err = rand.Read(s.prefix[:])
	return s, err
}

func (s *sealer) nonce() (n [nonceSize]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count++; s.count == 0 {
		rand.Read(s.prefix[:]) // never fails: crypto/rand ends the program instead
	}
	copy(n[:], s.prefix[:])
	binary.BigEndian.PutUint32(n[8:], s.count)
	return n
}

// seal appends nonce and sealed plain to dst. plain and dst must not overlap.
func (s *sealer) seal(dst, plain, bound []byte) []byte {
	n := s.nonce()
	dst = append(dst, n[:]...)
	return s.aead.Seal(dst, n[:], plain, bound)
}

// open appends the plaintext to dst, or says ErrCorrupt.
func (s *sealer) open(dst, sealed, bound []byte) ([]byte, error) {
	if len(sealed) < sealOver {
		return nil, fmt.Errorf("sealed value of %d bytes: %w", len(sealed), ErrCorrupt)
	}
	out, err := s.aead.Open(dst, sealed[:nonceSize], sealed[nonceSize:], bound)
	if err != nil {
		return nil, fmt.Errorf("seal is broken: %w", ErrCorrupt)
	}
	return out, nil
}
