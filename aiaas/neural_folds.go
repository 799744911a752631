package aiaas

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
)

// keyOf is a hash of all that a fold's predictions depend on besides the family:
// the data, how it is dealt, and the seed.
func (c *chooser) keyOf() string {
	if c.o.Folder == "" {
		return ""
	}
	h := sha256.New()
	hashInt(h, int(c.o.Seed))
	hashInt(h, c.o.Folds)
	hashDataset(h, c.all)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func hashDataset(h hash.Hash, d *Dataset) {
	text := func(s string) {
		hashInt(h, len(s))
		io.WriteString(h, s) // a hash returns no error
	}
	numbers := func(v []float64) {
		hashInt(h, len(v))
		for _, x := range v {
			hashInt(h, int(math.Float64bits(x)))
		}
	}
	for _, names := range [][]string{d.Classes, d.Subject} {
		hashInt(h, len(names))
		for _, s := range names {
			text(s)
		}
	}
	numbers(d.Target)
	for _, of := range d.Labels {
		hashInt(h, len(of))
		if of == nil {
			hashInt(h, -1)
		}
		for _, c := range of {
			hashInt(h, c)
		}
	}
	for k := range d.Columns {
		c := &d.Columns[k]
		text(c.Name)
		hashInt(h, int(c.Kind))
		numbers(c.Number)
		for _, s := range c.Text {
			text(s)
		}
		for _, m := range c.Image {
			hashInt(h, m.Width)
			hashFloats(h, m.Pixels)
		}
		for _, s := range c.Series {
			hashInt(h, int(math.Float64bits(s.Rate)))
			for _, v := range s.Channels {
				hashFloats(h, v)
			}
		}
		for i := range c.Missing {
			if c.Missing[i] {
				hashInt(h, i)
			}
		}
	}
}

// scratch is the folder of one fit, made when it is not there; "" without one.
func (c *chooser) scratch(f Family, part string) (string, error) {
	if c.key == "" {
		return "", nil
	}
	dir := filepath.Join(c.o.Folder, c.key+"-"+f.Name+"-"+part)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("aiaas: keeping a fit: %w", err)
	}
	return dir, nil
}

// foldKept is a fold's predictions: those kept by a choice that was cut off, or
// new ones, which are kept then.
func (c *chooser) foldKept(f Family, k, n int, predict func(folder string) ([]float32, error)) ([]float32, error) {
	dir, err := c.scratch(f, fmt.Sprint(k))
	if err != nil || dir == "" {
		if err != nil {
			return nil, err
		}
		return predict("")
	}
	path := dir + ".fold"
	if p, ok := readFold(path, n); ok {
		return p, nil
	}
	p, err := predict(dir)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	hashFloats(&b, p)
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	if err := replaceFile(path, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err }); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("aiaas: keeping a fit: %w", err)
	}
	return p, nil
}

// readFold reads n predictions; a file that is not there or damaged is none.
func readFold(path string, n int) ([]float32, bool) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || len(content) != 8+4*n+sha256.Size {
		return nil, false
	}
	body, sum := content[:8+4*n], content[8+4*n:]
	if is := sha256.Sum256(body); !bytes.Equal(is[:], sum) || binary.LittleEndian.Uint64(body) != uint64(n) {
		return nil, false
	}
	p := make([]float32, n)
	for i := range p {
		p[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[8+4*i:]))
	}
	return p, true
}
