package nn

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// ErrFormat is wrapped by errors about files that are damaged, or not of named
// arrays at all.
var ErrFormat = errors.New("nn: not a safetensors file, or damaged")

// Files of parameters are safetensors: the length of a header in eight bytes,
// little-endian, the header in JSON, then the values. Among the header's metadata
// is a checksum of the whole file with the checksum's digits as zeros.
const (
	checksumKey = "crc32"
	zeroSum     = "00000000"
	longHeader  = 100 << 20 // readers of others take no longer ones
)

// stored says where an array lies among the values.
type stored struct {
	Type    string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// writeTensors writes arrays of unique names and metadata.
func writeTensors(w io.Writer, params []*Param, metadata map[string]string) error {
	header := map[string]any{}
	meta := map[string]string{checksumKey: zeroSum}
	for k, v := range metadata {
		meta[k] = v
	}
	header["__metadata__"] = meta
	at := 0
	for _, p := range params {
		if _, twice := header[p.Name]; twice {
			return fmt.Errorf("nn: saving: two arrays are named %q", p.Name)
		}
		header[p.Name] = stored{"F32", append([]int{}, p.Shape...), [2]int{at, at + 4*len(p.Value)}}
		at += 4 * len(p.Value)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("nn: saving: %w", err)
	}
	for len(text)%8 > 0 { // so that values are aligned
		text = append(text, ' ')
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(text)+at), uint64(len(text)))
	b = append(b, text...)
	for _, p := range params {
		for _, v := range p.Value {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	if i := sumAt(b[:8+len(text)]); i >= 0 {
		copy(b[i:], fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)))
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("nn: saving: %w", err)
	}
	return nil
}

// sumAt is where the checksum's digits stand in the header, or -1.
func sumAt(header []byte) int {
	key := []byte(`"` + checksumKey + `":"`)
	i := bytes.Index(header, key)
	if i < 0 || i+len(key)+len(zeroSum) > len(header) {
		return -1
	}
	return i + len(key)
}

// tensors is a file of arrays that was read and checked.
type tensors struct {
	params   map[string]*Param
	metadata map[string]string
}

// readTensors reads all of r. Files of ours have a checksum; those of others need
// none.
func readTensors(r io.Reader, ours bool) (*tensors, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("nn: loading: %w", err)
	}
	damaged := func(what string, args ...any) (*tensors, error) {
		return nil, fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(what, args...))
	}
	if len(b) < 8 {
		return damaged("%d bytes", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > longHeader || n > uint64(len(b)-8) {
		return damaged("a header of %d bytes in a file of %d", n, len(b))
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+n], &raw); err != nil {
		return damaged("the header is no JSON: %v", err)
	}
	f := &tensors{params: map[string]*Param{}}
	if m, ok := raw["__metadata__"]; ok {
		delete(raw, "__metadata__")
		if err := json.Unmarshal(m, &f.metadata); err != nil {
			return damaged("the metadata: %v", err)
		}
	}
	if _, has := f.metadata[checksumKey]; ours && !has {
		return damaged("it has no checksum")
	}
	if err := f.checkSum(b, int(8+n)); err != nil {
		return nil, err
	}
	if err := f.arrays(raw, b[8+n:]); err != nil {
		return nil, err
	}
	return f, nil
}

// checkSum compares the checksum, if the file has one.
func (f *tensors) checkSum(b []byte, header int) error {
	want, ok := f.metadata[checksumKey]
	if !ok {
		return nil
	}
	i := sumAt(b[:header])
	if i < 0 {
		return fmt.Errorf("%w: its checksum is not where it belongs", ErrFormat)
	}
	got := crc32.ChecksumIEEE(b[:i])
	got = crc32.Update(got, crc32.IEEETable, []byte(zeroSum))
	got = crc32.Update(got, crc32.IEEETable, b[i+len(zeroSum):])
	if fmt.Sprintf("%08x", got) != want {
		return fmt.Errorf("%w: the checksum is %08x, the file says %s", ErrFormat, got, want)
	}
	return nil
}

// arrays reads the values; they must fill the data without a gap.
func (f *tensors) arrays(raw map[string]json.RawMessage, data []byte) error {
	var all []stored
	for name, text := range raw {
		var s stored
		if err := json.Unmarshal(text, &s); err != nil {
			return fmt.Errorf("%w: array %q: %v", ErrFormat, name, err)
		}
		if s.Type != "F32" {
			return fmt.Errorf("%w: array %q has dtype %q; only F32 is read here", ErrFormat, name, s.Type)
		}
		n := 4.0
		for _, d := range s.Shape {
			n *= max(-1, float64(d))
		}
		lo, hi := s.Offsets[0], s.Offsets[1]
		if lo < 0 || hi < lo || hi > len(data) || slices.ContainsFunc(s.Shape, func(d int) bool { return d < 0 }) || float64(hi-lo) != n {
			return fmt.Errorf("%w: array %q of shape %v does not lie at %v of %d bytes", ErrFormat, name, s.Shape, s.Offsets, len(data))
		}
		p := &Param{Name: name, Shape: s.Shape, Value: make([]float32, (hi-lo)/4)}
		for i := range p.Value {
			p.Value[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[lo+4*i:]))
		}
		f.params[name] = p
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b stored) int { return a.Offsets[0]*2 + a.Offsets[1] - b.Offsets[0]*2 - b.Offsets[1] })
	at := 0
	for _, s := range all {
		if s.Offsets[0] != at {
			return fmt.Errorf("%w: arrays overlap or leave a gap at byte %d", ErrFormat, at)
		}
		at = s.Offsets[1]
	}
	if at != len(data) {
		return fmt.Errorf("%w: %d bytes of data, the header knows %d", ErrFormat, len(data), at)
	}
	return nil
}

// into copies values to parameters of the same names and shapes, all of them or
// none.
func (f *tensors) into(params []*Param) error {
	for _, p := range params {
		from, ok := f.params[p.Name]
		if !ok {
			return fmt.Errorf("nn: loading: the file has no array %q", p.Name)
		}
		if !slices.Equal(from.Shape, p.Shape) {
			return fmt.Errorf("nn: loading: %q has shape %v in the file, %v in the model", p.Name, from.Shape, p.Shape)
		}
	}
	for _, p := range params {
		copy(p.Value, f.params[p.Name].Value)
	}
	return nil
}
