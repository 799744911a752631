package store

import "encoding/binary"

// hash is a keyed hash of a name: what stands for it in keys.
type hash [16]byte

// The first byte of every key; the package comment says what each keeps.
const (
	tagBlob    = 'b'
	tagHistory = 'h'
	tagPointer = 'r'
	tagMoved   = 'm'
	tagKey     = 'k'
	tagList    = 'l'
	tagChange  = 'c'
	tagPatient = 'p'
	tagErased  = 'e'
	tagCount   = 'n'
	tagSpace   = 's'
	tagOwner   = 'o'
	tagFormat  = 'f'
)

// key1 is tag and one hash; key2 and key3 append more.
func key1(dst []byte, tag byte, a hash) []byte {
	return append(append(dst[:0], tag), a[:]...)
}

func key2(dst []byte, tag byte, a, b hash) []byte {
	return append(key1(dst, tag, a), b[:]...)
}

func key3(dst []byte, tag byte, a, b, c hash) []byte {
	return append(key2(dst, tag, a, b), c[:]...)
}

// historyKey orders versions upwards within one resource of one patient.
func historyKey(dst []byte, patient, ref hash, version uint64) []byte {
	return binary.BigEndian.AppendUint64(key2(dst, tagHistory, patient, ref), version)
}

// changeKey names a chunk of the log by the last sequence number in it, so that
// the chunk holding n is the first at or after changeKey(n).
func changeKey(dst []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst[:0], tagChange), seq)
}

// after is the smallest key greater than every key with this prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// pointer is what is known of a resource without touching its bytes.
type pointer struct {
	patient hash   // under whom the current version lies
	content hash   // keyed hash of the current content: same hash, nothing to write
	keySum  uint64 // order-free sum over the hashed secondary keys
	version uint64
	flags   byte
}

// Bits of pointer.flags.
const (
	flagDeleted = 1 << iota // the current version is a tombstone
	flagKeyed               // the current version has secondary keys, or stands in lists
	flagMoved               // older versions may lie under other patients
)

const pointerSize = 16 + 16 + 8 + 8 + 1

func (p pointer) append(dst []byte) []byte {
	dst = append(dst[:0], p.patient[:]...)
	dst = append(dst, p.content[:]...)
	dst = binary.BigEndian.AppendUint64(dst, p.keySum)
	dst = binary.BigEndian.AppendUint64(dst, p.version)
	return append(dst, p.flags)
}

func parsePointer(b []byte) (pointer, error) {
	var p pointer
	if len(b) != pointerSize {
		return p, ErrCorrupt
	}
	copy(p.patient[:], b)
	copy(p.content[:], b[16:])
	p.keySum = binary.BigEndian.Uint64(b[32:])
	p.version = binary.BigEndian.Uint64(b[40:])
	p.flags = b[48]
	return p, nil
}

func (p pointer) deleted() bool { return p.flags&flagDeleted != 0 }
