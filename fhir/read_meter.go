package fhir

import (
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"
)

// meter counts bytes, and stops a stream that has become too long for the
// compressed bytes it came from.
type meter struct {
	r     io.Reader
	n     int64
	fixed int64  // compressed size, when it is known
	from  *meter // where compressed bytes are counted, else
	ratio int64  // 0 = not compressed
}

// ratioFrom is how many bytes may come out before the ratio is looked at.
const ratioFrom = 8 << 20

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if m.ratio > 0 && m.n > ratioFrom && m.n > m.ratio*max(m.compressed(), 1) {
		return n, ErrBomb
	}
	return n, err
}

// compressed is the size of the outermost bytes that this came from so far.
func (m *meter) compressed() int64 {
	switch {
	case m.fixed > 0:
		return m.fixed
	case m.from != nil:
		return m.from.compressed()
	}
	return m.n
}

// expand is the meter of what m decompresses to.
func (m *meter) expand(r io.Reader, ratio int64) *meter {
	return &meter{r: r, from: m, ratio: ratio}
}

// decompressed makes the end of a damaged compressed stream the end of the text,
// so that it is reported like a truncated document and the entries before it
// are kept.
type decompressed struct{ r io.Reader }

// Read implements io.Reader.
func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err == nil || !damaged(err) {
		return n, err
	}
	return n, errDamaged
}

// errDamaged: the compressed data is corrupt or incomplete.
var errDamaged = errors.New("compressed data is damaged")

func damaged(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) ||
		errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.As(err, &corrupt)
}
