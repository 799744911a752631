package store

import (
	"encoding/binary"
	"fmt"
	"time"
)

// version is one version of a resource as it lies inside the seal.
type version struct {
	typ, id, patient string
	names            struct{ typ, id, patient []byte } // as they lie
	number           uint64
	seq              uint64
	updated          time.Time
	deleted          bool
	keys             []hash // hashed secondary keys
	listed                  // without the marks
	raw, aside       []byte
}

const (
	metaDeleted = 1
	metaListed  = 2
	stampSize   = 16 // sequence number and time: known only when the writer's turn comes
)

// stamp fills the first stampSize bytes of a version, which are not packed.
func stamp(b []byte, seq uint64, updated time.Time) {
	binary.BigEndian.PutUint64(b, seq)
	binary.BigEndian.PutUint64(b[8:], uint64(updated.UnixNano()))
}

// body appends everything that is packed.
func (v *version) body(dst []byte) []byte {
	var flags byte
	if v.deleted {
		flags |= metaDeleted
	}
	if len(v.lists) > 0 {
		flags |= metaListed
	}
	dst = append(dst, flags)
	for _, s := range []string{v.typ, v.id, v.patient} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(v.keys)))
	for _, k := range v.keys {
		dst = append(dst, k[:]...)
	}
	if len(v.lists) > 0 {
		dst = binary.AppendUvarint(dst, uint64(len(v.lists)))
		for _, l := range v.lists {
			dst = append(dst, l[:]...)
		}
		dst = appendPlace(dst, v.place)
	}
	dst = binary.AppendUvarint(dst, uint64(len(v.aside)))
	dst = append(dst, v.aside...)
	return append(dst, v.raw...)
}

// parse reads what body wrote; the slices point into b.
func (v *version) parse(b []byte) error {
	r := reader{b: b}
	flags := v.head(&r)
	v.typ, v.id, v.patient = string(v.names.typ), string(v.names.id), string(v.names.patient)
	n := r.uvarint()
	if n > uint64(len(r.b))/16 {
		return ErrCorrupt
	}
	if n > 0 {
		v.keys = make([]hash, n)
		for i := range v.keys {
			copy(v.keys[i][:], r.take(16))
		}
	}
	if flags&metaListed != 0 && !v.parseLists(&r) {
		return ErrCorrupt
	}
	return v.content(&r)
}

// parseContent is parse without what finds the resource.
func (v *version) parseContent(b []byte) error {
	r := reader{b: b}
	flags := v.head(&r)
	if n := r.uvarint(); n > uint64(len(r.b))/16 || r.take(16*n) == nil && n > 0 {
		return ErrCorrupt
	}
	if flags&metaListed != 0 {
		if n := r.uvarint(); n > uint64(len(r.b))/12 || r.take(12*n+placeSize) == nil {
			return ErrCorrupt
		}
	}
	return v.content(&r)
}

// head reads what comes first.
func (v *version) head(r *reader) (flags byte) {
	flags = r.byte()
	v.deleted = flags&metaDeleted != 0
	v.names.typ, v.names.id, v.names.patient = r.bytes(), r.bytes(), r.bytes()
	return flags
}

// content reads what comes last.
func (v *version) content(r *reader) error {
	v.aside = r.bytes()
	v.raw = r.b
	if r.bad {
		return ErrCorrupt
	}
	return nil
}

// parseLists reads the lists and the place in them.
func (v *version) parseLists(r *reader) bool {
	n := r.uvarint()
	if n > uint64(len(r.b))/12 {
		return false
	}
	v.lists = make([]listHash, n)
	for i := range v.lists {
		copy(v.lists[i][:], r.take(12))
	}
	b := r.take(placeSize)
	if r.bad {
		return false
	}
	v.place = parsePlace(b)
	return true
}

func (v *version) resource() Resource {
	r := Resource{Type: v.typ, ID: v.id, Patient: v.patient, Version: v.number, Seq: v.seq, Updated: v.updated, Deleted: v.deleted}
	if len(v.raw) > 0 {
		r.Raw = v.raw
	}
	if len(v.aside) > 0 {
		r.Aside = v.aside
	}
	return r
}

// A sealed version: how it is packed, its number, then nonce and ciphertext.
// What is bound to it: patient, reference, number and packing, so that it can be
// moved to the history as it is, and nowhere else.
func sealBound(dst []byte, patient, ref hash, number uint64, how byte) []byte {
	dst = append(dst[:0], tagBlob, how)
	dst = append(dst, patient[:]...)
	dst = append(dst, ref[:]...)
	return binary.BigEndian.AppendUint64(dst, number)
}

// sealVersion appends to dst; packed is the stamp and what codec.pack made of the body.
func (s *Store) sealVersion(dst []byte, patient, ref hash, number uint64, how byte, packed []byte) []byte {
	var room [64]byte
	dst = append(dst, how)
	dst = binary.AppendUvarint(dst, number)
	return s.seal.seal(dst, packed, sealBound(room[:0], patient, ref, number, how))
}

// openVersion reads a sealed version. The result has memory of its own.
func (s *Store) openVersion(sealed []byte, patient, ref hash) (version, error) {
	var v version
	buf := s.buffer()
	defer s.bufs.Put(buf)
	var how byte
	var err error
	*buf, how, err = s.unseal(&v, *buf, sealed, patient, ref)
	if err != nil {
		return v, err
	}
	plain, err := s.codec.unpack(how, (*buf)[stampSize:])
	if err != nil {
		return v, err
	}
	if how == packPlain {
		plain = clone(plain)
	}
	return v, v.parse(plain)
}

// unseal opens the seal into buf and reads number and stamp.
func (s *Store) unseal(v *version, buf, sealed []byte, patient, ref hash) ([]byte, byte, error) {
	r := reader{b: sealed}
	how := r.byte()
	v.number = r.uvarint()
	if r.bad {
		return buf, how, fmt.Errorf("sealed version: %w", ErrCorrupt)
	}
	var room [64]byte
	buf, err := s.seal.open(buf[:0], r.b, sealBound(room[:0], patient, ref, v.number, how))
	if err == nil && len(buf) < stampSize {
		err = fmt.Errorf("sealed version: %w", ErrCorrupt)
	}
	if err != nil {
		return buf, how, err
	}
	v.seq = binary.BigEndian.Uint64(buf)
	v.updated = time.Unix(0, int64(binary.BigEndian.Uint64(buf[8:]))).UTC()
	return buf, how, nil
}

// openInto is openVersion for reading many: buf is scratch, the version's bytes are
// appended to mem, its names lie there too, and what finds it is not read.
func (s *Store) openInto(v *version, buf, mem, sealed []byte, patient, ref hash) (b, m []byte, err error) {
	buf, how, err := s.unseal(v, buf, sealed, patient, ref)
	if err != nil {
		return buf, mem, err
	}
	at := len(mem)
	if mem, err = s.codec.appendUnpacked(mem, how, buf[stampSize:]); err != nil {
		return buf, mem, err
	}
	return buf, mem, v.parseContent(mem[at:len(mem):len(mem)])
}

// reader takes a value apart; after the first shortage everything is zero and
// bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() {
	r.b, r.bad = nil, true
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) bytes() []byte { return r.take(r.uvarint()) }
