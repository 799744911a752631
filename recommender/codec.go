package recommender

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"ember/learn"
)

// encoder writes little-endian values; the first error stays.
type encoder struct {
	w   *bufio.Writer
	err error
	tmp [8]byte
}

func newEncoder(w io.Writer) *encoder { return &encoder{w: bufio.NewWriterSize(w, 1<<16)} }

func (e *encoder) write(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}

func (e *encoder) u8(v uint8)   { e.write([]byte{v}) }
func (e *encoder) u32(v uint32) { e.write(binary.LittleEndian.AppendUint32(e.tmp[:0], v)) }
func (e *encoder) u64(v uint64) { e.write(binary.LittleEndian.AppendUint64(e.tmp[:0], v)) }
func (e *encoder) num(v int)    { e.u64(uint64(int64(v))) }
func (e *encoder) f32(v float32) {
	e.u32(math.Float32bits(v))
}
func (e *encoder) f64(v float64) { e.u64(math.Float64bits(v)) }

func (e *encoder) bool(v bool) {
	if v {
		e.u8(1)
	} else {
		e.u8(0)
	}
}

func (e *encoder) str(s string) {
	e.u32(uint32(len(s)))
	e.write([]byte(s))
}

func (e *encoder) f32s(v []float32) {
	e.u32(uint32(len(v)))
	for _, x := range v {
		e.f32(x)
	}
}

func (e *encoder) u32s(v []uint32) {
	e.u32(uint32(len(v)))
	for _, x := range v {
		e.u32(x)
	}
}

func (e *encoder) estimate(v learn.Estimate) {
	e.f64(v.Value)
	e.f64(v.Low)
	e.f64(v.High)
	e.num(v.N)
}

// errFormat is returned for bytes that are no artifact, or a damaged one.
var errFormat = errors.New("recommender: not an artifact, or damaged")

// decoder reads what encoder wrote; the first error stays and everything after
// it reads as zero. Lengths are checked against the bytes that are left.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b) {
		d.err = errFormat
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) u8() uint8 {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) num() int     { return int(int64(d.u64())) }
func (d *decoder) f32() float32 { return math.Float32frombits(d.u32()) }
func (d *decoder) f64() float64 { return math.Float64frombits(d.u64()) }
func (d *decoder) bool() bool   { return d.u8() != 0 }
func (d *decoder) str() string  { return string(d.take(int(d.u32()))) }

// length is a count of things of at least size bytes each.
func (d *decoder) length(size int) int {
	n := int(d.u32())
	if d.err == nil && n > len(d.b)/size {
		d.err = errFormat
	}
	if d.err != nil {
		return 0
	}
	return n
}

func (d *decoder) f32s() []float32 {
	out := make([]float32, d.length(4))
	for i := range out {
		out[i] = d.f32()
	}
	return out
}

func (d *decoder) u32s() []uint32 {
	out := make([]uint32, d.length(4))
	for i := range out {
		out[i] = d.u32()
	}
	return out
}

func (d *decoder) estimate() learn.Estimate {
	return learn.Estimate{Value: d.f64(), Low: d.f64(), High: d.f64(), N: d.num()}
}

// ask records a failed check of what was read.
func (d *decoder) ask(ok bool) {
	if !ok && d.err == nil {
		d.err = errFormat
	}
}
