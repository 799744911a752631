package nn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// ErrFormat is wrapped by errors about saved parameters that are damaged or not
// ours.
var ErrFormat = errors.New("nn: not a parameter file, or damaged")

const magic = "embernn1"

// Save writes parameters: names, shapes and values, little-endian, with a
// checksum behind.
func Save(w io.Writer, params []*Param) error {
	b := []byte(magic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(params)))
	for _, p := range params {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Name)))
		b = append(b, p.Name...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Shape)))
		for _, d := range p.Shape {
			b = binary.LittleEndian.AppendUint32(b, uint32(d))
		}
		for _, v := range p.Value {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("nn: saving parameters: %w", err)
	}
	return nil
}

// Load reads what [Save] wrote, all of r, into parameters of the same names and
// shapes. On an error nothing is changed.
func Load(r io.Reader, params []*Param) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("nn: loading parameters: %w", err)
	}
	n := len(b) - 4
	if n < len(magic) || string(b[:len(magic)]) != magic || crc32.ChecksumIEEE(b[:n]) != binary.LittleEndian.Uint32(b[n:]) {
		return ErrFormat
	}
	b = b[len(magic):n]
	if len(params) == 0 {
		return errors.New("nn: loading parameters: none to load into")
	}
	// want is what the file must say before the next values.
	want := binary.LittleEndian.AppendUint32(nil, uint32(len(params)))
	values := make([][]byte, len(params))
	for i, p := range params {
		want = binary.LittleEndian.AppendUint32(want, uint32(len(p.Name)))
		want = append(want, p.Name...)
		want = binary.LittleEndian.AppendUint32(want, uint32(len(p.Shape)))
		for _, d := range p.Shape {
			want = binary.LittleEndian.AppendUint32(want, uint32(d))
		}
		if len(b) < len(want)+4*len(p.Value) || !bytes.Equal(b[:len(want)], want) {
			return fmt.Errorf("nn: loading parameters: %q of shape %v is not what the file has there", p.Name, p.Shape)
		}
		b, values[i] = b[len(want)+4*len(p.Value):], b[len(want):len(want)+4*len(p.Value)]
		want = want[:0]
	}
	if len(b) > 0 {
		return fmt.Errorf("nn: loading parameters: the file has more of them")
	}
	for i, p := range params {
		for j := range p.Value {
			p.Value[j] = math.Float32frombits(binary.LittleEndian.Uint32(values[i][4*j:]))
		}
	}
	return nil
}
