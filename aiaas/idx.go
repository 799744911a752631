package aiaas

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
)

// unzipped is r, decompressed where it is gzip, with the limits that hold for
// what comes out.
func unzipped(name string, r io.Reader, l Limits) (io.Reader, error) {
	in := &counter{r: r}
	b := bufio.NewReaderSize(in, 1<<16)
	mark, err := b.Peek(2)
	if err != nil || mark[0] != 0x1f || mark[1] != 0x8b {
		return &bounded{r: b, left: l.Bytes, name: name}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("aiaas: %s: damaged gzip", name)
	}
	return &inflated{bounded: bounded{r: z, left: l.Bytes, name: name}, in: in, ratio: l.Ratio}, nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// inflated fails on content that is far larger than what it came from.
type inflated struct {
	bounded
	in    *counter
	out   int64
	ratio int64
}

func (z *inflated) Read(p []byte) (int, error) {
	n, err := z.bounded.Read(p)
	if z.out += int64(n); z.out > 1<<20 && z.out > z.ratio*z.in.n {
		return 0, fmt.Errorf("aiaas: %s: grows more than %d times on decompression", z.name, z.ratio)
	}
	return n, err
}

// ReadIDX reads images and their labels as MNIST has them, each perhaps under
// gzip. The classes are the numbers of the labels. Without labels (nil) the
// samples are not labelled.
func ReadIDX(ctx context.Context, name string, images, labels io.Reader, l Limits) (*Dataset, error) {
	l = l.filled()
	dims, r, err := idxHeader(name, images, l, 3)
	if err != nil {
		return nil, err
	}
	n, height, width := dims[0], dims[1], dims[2]
	if n > l.Rows || int64(height)*int64(width) > l.Pixels || int64(n)*int64(height)*int64(width) > l.Pixels {
		return nil, fmt.Errorf("aiaas: %s: %d images of %d × %d pixels are more than the limit", name, n, width, height)
	}
	d := &Dataset{Name: name, Task: Images, Columns: []Column{{Name: "image", Kind: Picture}}}
	raw := make([]byte, height*width)
	for i := range n {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p := Place{File: name, Line: i + 1}
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, fmt.Errorf("aiaas: %s: image %d of %d is cut off", name, i+1, n)
		}
		m := Image{Width: width, Height: height, Channels: 1, Pixels: make([]float32, len(raw))}
		for k, v := range raw {
			m.Pixels[k] = float32(v) / 255
		}
		d.Columns[0].Image = append(d.Columns[0].Image, m)
		d.Places, d.Subject = append(d.Places, p), append(d.Subject, p.String())
	}
	if labels == nil {
		return d, d.Check()
	}
	return d, d.idxLabels(name, labels, l)
}

func (d *Dataset) idxLabels(name string, labels io.Reader, l Limits) error {
	dims, r, err := idxHeader(name+" (labels)", labels, l, 1)
	if err != nil {
		return err
	}
	if dims[0] != d.Len() {
		return fmt.Errorf("aiaas: %s: %d labels for %d images", name, dims[0], d.Len())
	}
	raw := make([]byte, d.Len())
	if _, err := io.ReadFull(r, raw); err != nil {
		return fmt.Errorf("aiaas: %s: labels are cut off", name)
	}
	names := make([][]string, len(raw))
	for i, v := range raw {
		names[i] = []string{strconv.Itoa(int(v))}
	}
	d.setClasses(names)
	return d.Check()
}

// idxHeader is the sizes of an IDX file of bytes, and what follows them.
func idxHeader(name string, r io.Reader, l Limits, dimensions int) ([]int, io.Reader, error) {
	r, err := unzipped(name, r, l)
	if err != nil {
		return nil, nil, err
	}
	head := make([]byte, 4+4*dimensions)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, fmt.Errorf("aiaas: %s: cut off in its header", name)
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || int(head[3]) != dimensions {
		return nil, nil, fmt.Errorf("aiaas: %s: not an IDX file of bytes in %d dimensions", name, dimensions)
	}
	dims := make([]int, dimensions)
	for k := range dims {
		dims[k] = int(binary.BigEndian.Uint32(head[4+4*k:]))
	}
	return dims, r, nil
}
