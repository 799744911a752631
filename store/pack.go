package store

import (
	"encoding/binary"
	"math/bits"
)

// dictionary finds what a value shares with a dictionary's text and writes an S2
// block that the S2 library unpacks. The library's own encoder clears a table of
// 64 KiB for each value, which is half of its work on a resource of 1 KB; the
// table here fits such values, and longer ones go to the library. Safe for
// concurrent use.
type dictionary struct {
	text  []byte
	table [1 << dictionaryBits]uint16 // by hash of 6 bytes: last place of them in text, plus 1
}

const (
	dictionaryBits = 14
	valueBits      = 12
	maxValue       = 16 << 10 // longest value for which offsets fit 16 bits and the table is dense enough
	minMatch       = 6
	tailMargin     = 8 // a search reads this many bytes
	stride         = 3 // of a search; a match is widened backwards, so little is missed
	skipBits       = 3 // a search goes faster over what is like nothing before: by 1/8 of the bytes since the last match
)

// Kinds of elements in an S2 block.
const (
	elementLiteral = 0
	elementCopy1   = 1 // 11 bits of offset; offset 0 repeats the last one
	elementCopy2   = 2 // 16 bits of offset
)

func newDictionary(text string) *dictionary {
	d := &dictionary{text: []byte(text)}
	for i := 0; i+tailMargin <= len(text); i++ {
		d.table[hash6(binary.LittleEndian.Uint64(d.text[i:]), dictionaryBits)] = uint16(i + 1)
	}
	return d
}

// hash6 is a hash of the first six of the eight bytes in v.
func hash6(v uint64, size uint) uint64 {
	return v << 16 * 227718039650203 >> (64 - size)
}

// fits reports whether encode takes a value of n bytes.
func (d *dictionary) fits(n int) bool { return n <= maxValue && n+len(d.text) < 1<<16 }

// encode appends src as an S2 block to dst.
func (d *dictionary) encode(dst, src []byte) []byte {
	var table [1 << valueBits]uint16
	text := d.text
	e := blockWriter{dst: binary.AppendUvarint(dst, uint64(len(src))), src: src}
	for s := 0; s+tailMargin <= len(src); {
		v := binary.LittleEndian.Uint64(src[s:])
		h := hash6(v, dictionaryBits)
		slot := &table[h>>(dictionaryBits-valueBits)]
		near, far := int(*slot), int(d.table[h&(1<<dictionaryBits-1)])
		*slot = uint16(s + 1)
		// A slot that was never written leads to the first place, which is then
		// compared like any other.
		near, far = max(near-1, 0), max(far-1, 0)
		isNear := (binary.LittleEndian.Uint64(src[near:])^v)<<16 == 0 && near < s
		isFar := (binary.LittleEndian.Uint64(text[far:])^v)<<16 == 0
		if !isNear && !isFar {
			s += stride + (s-e.done)>>skipBits
			continue
		}
		var m match
		if isNear {
			m = e.extend(src, near, s, s-near)
		}
		if isFar {
			if f := e.extend(text, far, s, s-far+len(text)); f.end-f.start > m.end-m.start {
				m = f
			}
		}
		e.copy(m)
		if s = m.end; s+tailMargin <= len(src) {
			table[hash6(binary.LittleEndian.Uint64(src[s-2:]), valueBits)] = uint16(s - 1)
		}
	}
	e.literal(len(src))
	return e.dst
}

// match says that src[start:end] stands offset bytes before as well.
type match struct{ offset, start, end int }

// blockWriter is a block in the making.
type blockWriter struct {
	dst, src []byte
	done     int // src is written up to here
	last     int // offset of the last copy
}

// extend widens a match of minMatch bytes of src at s with text at p.
func (e *blockWriter) extend(text []byte, p, s, offset int) match {
	m := match{offset, s, s + minMatch + equal(text[p+minMatch:], e.src[s+minMatch:])}
	for ; m.start > e.done && p > 0 && text[p-1] == e.src[m.start-1]; p-- {
		m.start--
	}
	return m
}

// equal is the length of the common beginning of a and b.
func equal(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)>>3
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// literal writes what is not written before end, as it is.
func (e *blockWriter) literal(end int) {
	n := end - e.done
	switch {
	case n <= 0:
		return
	case n <= 60:
		e.dst = append(e.dst, byte(n-1)<<2|elementLiteral)
	case n <= 1<<8:
		e.dst = append(e.dst, 60<<2|elementLiteral, byte(n-1))
	default:
		e.dst = append(e.dst, 61<<2|elementLiteral, byte(n-1), byte((n-1)>>8))
	}
	e.dst = append(e.dst, e.src[e.done:end]...)
	e.done = end
}

// copy writes a match, and what is not written before it.
func (e *blockWriter) copy(m match) {
	e.literal(m.start)
	n, offset := m.end-m.start, m.offset
	e.done = m.end
	if offset == e.last {
		e.repeat(n)
		return
	}
	e.last = offset
	if n < 12 && offset < 1<<11 {
		e.dst = append(e.dst, byte(offset>>8)<<5|byte(n-4)<<2|elementCopy1, byte(offset))
		return
	}
	first := n
	if n > 64 {
		first = 60 // leaves at least the four bytes that a repetition needs
	}
	e.dst = append(e.dst, byte(first-1)<<2|elementCopy2, byte(offset), byte(offset>>8))
	if n > first {
		e.repeat(n - first)
	}
}

// repeat goes on copying n bytes, 4 or more, from the last offset.
func (e *blockWriter) repeat(n int) {
	switch {
	case n <= 8:
		e.dst = append(e.dst, byte(n-4)<<2|elementCopy1, 0)
	case n < 1<<8+8:
		e.dst = append(e.dst, 5<<2|elementCopy1, 0, byte(n-8))
	default:
		n -= 1<<8 + 4
		e.dst = append(e.dst, 6<<2|elementCopy1, 0, byte(n), byte(n>>8))
	}
}
