package aiaas

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Array is numbers in some dimensions, the last one fastest, whatever order the
// file had.
type Array struct {
	Shape  []int
	Values []float64
}

var npyHeader = regexp.MustCompile(`^\{\s*'descr':\s*'([<>|=])([fiu])([1248])',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$`)

// ReadNPY reads an array of numbers of numpy: floats of 4 and 8 bytes, integers
// of 1 to 8, in C and Fortran order. Objects, texts and structures are refused.
func ReadNPY(name string, r io.Reader, l Limits) (*Array, error) {
	l = l.filled()
	head := make([]byte, 10)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:6]) != "\x93NUMPY" {
		return nil, fmt.Errorf("aiaas: %s: not a numpy array", name)
	}
	size := int(binary.LittleEndian.Uint16(head[8:]))
	if head[6] >= 2 {
		more := make([]byte, 2)
		if _, err := io.ReadFull(r, more); err != nil {
			return nil, fmt.Errorf("aiaas: %s: cut off in its header", name)
		}
		size |= int(binary.LittleEndian.Uint16(more)) << 16
	}
	if size > 1<<16 {
		return nil, fmt.Errorf("aiaas: %s: header of %d bytes", name, size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("aiaas: %s: cut off in its header", name)
	}
	m := npyHeader.FindStringSubmatch(string(text))
	if m == nil {
		return nil, fmt.Errorf("aiaas: %s: not an array of plain numbers", name)
	}
	shape, n, err := npyShape(m[5], l.Values)
	if err != nil {
		return nil, fmt.Errorf("aiaas: %s: %w", name, err)
	}
	read := npyNumber(m[1], m[2], m[3])
	if read == nil {
		return nil, fmt.Errorf("aiaas: %s: numbers of type %s%s are not read", name, m[2], m[3])
	}
	return npyValues(name, r, shape, n, int(m[3][0]-'0'), read, m[4] == "True")
}

func npyShape(text string, most int64) (shape []int, n int, err error) {
	n = 1
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		v, err := strconv.Atoi(part)
		if err != nil || v < 0 || v > 0 && int64(n) > most/int64(v) {
			return nil, 0, fmt.Errorf("shape (%s) is more than %d numbers", text, most)
		}
		shape, n = append(shape, v), n*v
	}
	return shape, n, nil
}

// npyNumber reads one number of a type; nil for a type that is not known.
func npyNumber(order, kind, size string) func([]byte) float64 {
	var o binary.ByteOrder = binary.LittleEndian
	if order == ">" {
		o = binary.BigEndian
	}
	switch kind + size {
	case "f4":
		return func(b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }
	case "f8":
		return func(b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }
	case "u1":
		return func(b []byte) float64 { return float64(b[0]) }
	case "i1":
		return func(b []byte) float64 { return float64(int8(b[0])) }
	case "u2":
		return func(b []byte) float64 { return float64(o.Uint16(b)) }
	case "i2":
		return func(b []byte) float64 { return float64(int16(o.Uint16(b))) }
	case "u4":
		return func(b []byte) float64 { return float64(o.Uint32(b)) }
	case "i4":
		return func(b []byte) float64 { return float64(int32(o.Uint32(b))) }
	case "u8":
		return func(b []byte) float64 { return float64(o.Uint64(b)) }
	case "i8":
		return func(b []byte) float64 { return float64(int64(o.Uint64(b))) }
	}
	return nil
}

func npyValues(name string, r io.Reader, shape []int, n, size int, read func([]byte) float64, fortran bool) (*Array, error) {
	a := &Array{Shape: shape}
	raw := make([]byte, 8192*size)
	for len(a.Values) < n { // grown as it comes: a header may promise what is not there
		part := raw[:min(len(raw), (n-len(a.Values))*size)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, fmt.Errorf("aiaas: %s: cut off after %d of %d numbers", name, len(a.Values), n)
		}
		for i := 0; i < len(part); i += size {
			a.Values = append(a.Values, read(part[i:]))
		}
	}
	if fortran && len(shape) > 1 {
		a.Values = rowMajor(a.Values, shape)
	}
	return a, nil
}

// rowMajor turns the first dimension fastest into the last one fastest.
func rowMajor(v []float64, shape []int) []float64 {
	out := make([]float64, len(v))
	at := make([]int, len(shape))
	for _, x := range v {
		k := 0
		for d, n := range shape {
			k = k*n + at[d]
		}
		out[k] = x
		for d := range at {
			if at[d]++; at[d] < shape[d] {
				break
			}
			at[d] = 0
		}
	}
	return out
}

// ReadNPZ reads all arrays of a numpy archive, by name without ".npy".
func ReadNPZ(name string, r io.ReaderAt, size int64, l Limits) (map[string]*Array, error) {
	l = l.filled()
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("aiaas: %s: not an archive", name)
	}
	out := make(map[string]*Array)
	left := l
	a := &archive{name: name, limits: l}
	for _, f := range z.File {
		short, is := strings.CutSuffix(f.Name, ".npy")
		if !is {
			continue
		}
		content, err := a.open(f)
		if err != nil {
			return nil, err
		}
		array, err := ReadNPY(name+"/"+f.Name, bytes.NewReader(content), left)
		if err != nil {
			return nil, err
		}
		if left.Values -= int64(len(array.Values)); left.Values <= 0 {
			return nil, fmt.Errorf("aiaas: %s: more than %d numbers", name, l.Values)
		}
		out[short] = array
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("aiaas: %s: no array in it", name)
	}
	return out, nil
}

// FromArrays makes a dataset of an array of samples and one of labels (nil =
// not labelled). Samples of one number each row are columns; of two dimensions
// are series of one channel a row (Sequence) or grey images (Images); of three
// are images of one or three channels, the channels last.
func FromArrays(name string, task Task, x, y *Array) (*Dataset, error) {
	if len(x.Shape) < 2 || x.Shape[0] == 0 {
		return nil, fmt.Errorf("aiaas: %s: an array of %d dimensions is no list of samples", name, len(x.Shape))
	}
	n := x.Shape[0]
	if y != nil && len(y.Values) != n {
		return nil, fmt.Errorf("aiaas: %s: %d labels for %d samples", name, len(y.Values), n)
	}
	d := &Dataset{Name: name, Task: task}
	labels := make([][]string, n)
	for i := range n {
		p := Place{File: name, Line: i + 1}
		d.Places, d.Subject = append(d.Places, p), append(d.Subject, p.String())
		if y != nil {
			labels[i] = []string{strconv.FormatFloat(y.Values[i], 'g', -1, 64)}
		}
	}
	if y != nil {
		d.setClasses(labels)
	}
	step := len(x.Values) / n
	var err error
	switch inner := x.Shape[1:]; {
	case task == Images:
		err = d.arrayImages(x.Values, step, inner)
	case task == Sequence:
		err = d.arraySeries(x.Values, step, inner)
	case len(inner) == 1:
		for k := range inner[0] {
			c := Column{Name: fmt.Sprintf("x%d", k+1), Kind: Number}
			for i := range n {
				c.Number = append(c.Number, x.Values[i*step+k])
			}
			d.Columns = append(d.Columns, c)
		}
	default:
		err = fmt.Errorf("aiaas: %s: samples of %d dimensions are no table", name, len(inner))
	}
	if err != nil {
		return nil, err
	}
	return d, d.Check()
}

func (d *Dataset) arrayImages(v []float64, step int, shape []int) error {
	if len(shape) != 2 && (len(shape) != 3 || shape[2] != 1 && shape[2] != 3) {
		return fmt.Errorf("aiaas: %s: samples of shape %v are no images", d.Name, shape)
	}
	c := Column{Name: "image", Kind: Picture}
	top := 1.
	for _, x := range v {
		if math.IsNaN(x) || x < 0 {
			return fmt.Errorf("aiaas: %s: a pixel is negative or not a number", d.Name)
		}
		top = max(top, x)
	}
	if top > 1 && top <= 255 {
		top = 255
	}
	for i := range d.Len() {
		m := Image{Height: shape[0], Width: shape[1], Channels: step / max(shape[0]*shape[1], 1)}
		for _, x := range v[i*step : (i+1)*step] {
			m.Pixels = append(m.Pixels, float32(x/top))
		}
		c.Image = append(c.Image, m)
	}
	d.Columns = append(d.Columns, c)
	return nil
}

func (d *Dataset) arraySeries(v []float64, step int, shape []int) error {
	if len(shape) > 2 {
		return fmt.Errorf("aiaas: %s: samples of shape %v are no series", d.Name, shape)
	}
	c := Column{Name: "series", Kind: Waveforms}
	long := shape[len(shape)-1]
	for i := range d.Len() {
		var s Series
		for at := i * step; at < (i+1)*step; at += long {
			ch := make([]float32, long)
			for k := range ch {
				ch[k] = float32(v[at+k])
			}
			s.Channels = append(s.Channels, ch)
		}
		c.Series = append(c.Series, s)
	}
	d.Columns = append(d.Columns, c)
	return nil
}
