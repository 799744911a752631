package embeddings

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"ember/record"
)

// ErrFormat is wrapped by errors about files that are damaged or no embeddings.
var ErrFormat = errors.New("embeddings: not an embeddings file, or damaged")

// ErrVersion is wrapped by errors about files of a format this program does not
// know.
var ErrVersion = errors.New("embeddings: unknown format version")

const (
	magic   = "emberemb"
	version = 1
)

// MarshalBinary is the whole model: magic, format version, content, SHA-256.
func (m *Model) MarshalBinary() ([]byte, error) {
	e := encoder{b: []byte(magic)}
	e.number(version)
	e.number(m.dim)
	e.float(float32(m.halfLife))
	e.float(m.rare)
	e.number(len(m.codes))
	for _, c := range m.codes {
		e.text(c.System)
		e.text(c.Value)
		e.text(c.Display)
	}
	e.floats(m.idf)
	e.floats(m.vectors)
	e.float(m.words.rare)
	e.number(len(m.words.row))
	for _, h := range slices.Sorted(maps.Keys(m.words.row)) {
		e.number(int(h))
		e.number(int(m.words.row[h]))
	}
	e.floats(m.words.vectors)
	e.number(len(m.words.idf))
	for _, w := range slices.Sorted(maps.Keys(m.words.idf)) {
		e.text(w)
		e.float(m.words.idf[w])
	}
	sum := sha256.Sum256(e.b)
	return append(e.b, sum[:]...), nil
}

// UnmarshalBinary replaces the model by what [Model.MarshalBinary] wrote; data may
// be reused afterwards. On an error the model is as it was.
func (m *Model) UnmarshalBinary(data []byte) error {
	n := len(data) - sha256.Size
	if n < len(magic)+4 || string(data[:len(magic)]) != magic {
		return ErrFormat
	}
	if v := binary.LittleEndian.Uint32(data[len(magic):]); v != version {
		return fmt.Errorf("%w: %d", ErrVersion, v)
	}
	if sum := sha256.Sum256(data[:n]); !bytes.Equal(sum[:], data[n:]) {
		return ErrFormat
	}
	d := decoder{b: data[len(magic)+4 : n]}
	next, err := d.model()
	if err != nil {
		return err
	}
	*m = *next
	return nil
}

func (d *decoder) model() (*Model, error) {
	m := &Model{dim: d.number(), halfLife: float64(d.float()), rare: d.float(), index: make(map[key]uint32)}
	for i := range d.count(12) {
		c := record.Code{System: d.text(), Value: d.text(), Display: d.text()}
		m.codes = append(m.codes, c)
		m.index[keyOf(c)] = uint32(i)
	}
	m.idf, m.vectors = d.floats(), d.floats()
	w := &m.words
	w.rare = d.float()
	w.row, w.idf = make(map[uint32]uint32), make(map[string]float32)
	for range d.count(8) {
		h := uint32(d.number())
		w.row[h] = uint32(d.number())
	}
	w.vectors = d.floats()
	for range d.count(8) {
		t := d.text()
		w.idf[t] = d.float()
	}
	if d.bad || len(d.b) > 0 || !m.whole() {
		return nil, ErrFormat
	}
	return m, nil
}

// whole reports whether all lengths fit together, so that nothing the model does
// can reach outside.
func (m *Model) whole() bool {
	n, w := len(m.codes), &m.words
	if m.dim < 1 || len(m.index) != n || len(m.idf) != n || len(m.vectors) != n*m.dim || len(w.vectors) != len(w.row)*m.dim || !(m.halfLife > 0) {
		return false
	}
	for _, r := range w.row {
		if int(r) >= len(w.row) {
			return false
		}
	}
	return true
}

// WriteTo writes what [Model.MarshalBinary] makes.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	b, err := m.MarshalBinary()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	if err != nil {
		return int64(n), fmt.Errorf("embeddings: writing: %w", err)
	}
	return int64(n), nil
}

// ReadFrom reads all of r as [Model.UnmarshalBinary] does.
func (m *Model) ReadFrom(r io.Reader) (int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return int64(len(b)), fmt.Errorf("embeddings: reading: %w", err)
	}
	return int64(len(b)), m.UnmarshalBinary(b)
}

type encoder struct{ b []byte }

func (e *encoder) number(n int)    { e.b = binary.LittleEndian.AppendUint32(e.b, uint32(n)) }
func (e *encoder) float(f float32) { e.b = binary.LittleEndian.AppendUint32(e.b, math.Float32bits(f)) }

func (e *encoder) text(s string) {
	e.number(len(s))
	e.b = append(e.b, s...)
}

func (e *encoder) floats(f []float32) {
	e.number(len(f))
	for _, v := range f {
		e.float(v)
	}
}

// decoder reads what encoder wrote; bad is set, and zeros come, when it ends
// early.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) number() int {
	b := d.take(4)
	if b == nil {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b))
}

func (d *decoder) float() float32 { return math.Float32frombits(uint32(d.number())) }
func (d *decoder) text() string   { return string(d.take(d.number())) }

// count is a number of things of at least size bytes each that must still be
// there: a wrong one cannot ask for more memory than the file has.
func (d *decoder) count(size int) int {
	n := d.number()
	if n > len(d.b)/size {
		d.bad, d.b = true, nil
		return 0
	}
	return n
}

func (d *decoder) floats() []float32 {
	f := make([]float32, d.count(4))
	for i := range f {
		f[i] = d.float()
	}
	return f
}
