package server

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// body is the request's body, decompressed, bounded and guarded against
// stalling; close it. It fails with ErrTooLarge past limit bytes.
func (c *call) body(limit int64) (io.ReadCloser, error) {
	if c.r.ContentLength > limit {
		return nil, ErrTooLarge
	}
	wire := newStallReader(c, http.MaxBytesReader(c.plainWriter(), c.r.Body, limit))
	switch encoding := strings.ToLower(strings.TrimSpace(c.r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return wire, nil
	case "gzip", "x-gzip":
		zip, err := gzip.NewReader(wire)
		if err != nil {
			wire.Close()
			return nil, badGzip(err)
		}
		return &gzipBody{zip: zip, wire: wire, left: limit}, nil
	default:
		wire.Close()
		c.w.Header().Set("Accept-Encoding", "gzip")
		return nil, &Fault{Status: http.StatusUnsupportedMediaType, Code: "not-supported", Detail: "this Content-Encoding is not understood",
			Hint: "send the body as it is, or compressed by gzip"}
	}
}

// plainWriter is net/http's own writer, which closes the connection after a
// body that was too large.
func (c *call) plainWriter() http.ResponseWriter {
	if u, ok := c.w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return c.w
}

func badGzip(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is not whole gzip", Hint: "compress it again, or leave Content-Encoding out"}
	}
	return err
}

// gzipBody bounds what comes out, as http.MaxBytesReader bounds what goes in.
type gzipBody struct {
	zip  *gzip.Reader
	wire io.Closer
	left int64
}

func (g *gzipBody) Read(p []byte) (int, error) {
	n, err := g.zip.Read(p)
	if g.left -= int64(n); g.left < 0 {
		return 0, ErrTooLarge
	}
	if err != nil && err != io.EOF {
		err = badGzip(err)
	}
	return n, err
}

func (g *gzipBody) Close() error { return errors.Join(g.zip.Close(), g.wire.Close()) }

// stallReader ends a body that brings nothing for too long.
type stallReader struct {
	io.ReadCloser
	timer *time.Timer
	after time.Duration
}

func newStallReader(c *call, r io.ReadCloser) *stallReader {
	after := c.s.opt.Timeouts.Stall
	control := http.NewResponseController(c.w)
	return &stallReader{ReadCloser: r, after: after,
		timer: time.AfterFunc(after, func() { _ = control.SetReadDeadline(longAgo) })}
}

func (s *stallReader) Read(p []byte) (int, error) {
	s.timer.Reset(s.after)
	return s.ReadCloser.Read(p)
}

func (s *stallReader) Close() error {
	s.timer.Stop()
	return nil // net/http closes the body
}

// readBody is a whole body of one JSON document.
func (c *call) readBody() ([]byte, error) {
	r, err := c.body(c.s.opt.Limits.BodyBytes)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("server: reading the body: %w", err)
	}
	return b, nil
}

// The media types of bodies and answers.
const (
	fhirJSON  = "application/fhir+json"
	plainJSON = "application/json"
)

var (
	jsonTypes = []string{fhirJSON, plainJSON}
	lineTypes = []string{"application/fhir+ndjson", "application/x-ndjson", "application/ndjson"}
)

// form is the form of the body by its Content-Type; a body without one is
// taken for a JSON document.
func (c *call) form(lines bool) (Form, error) {
	header := c.r.Header.Get("Content-Type")
	if header == "" {
		return Document, nil
	}
	media, params, err := mime.ParseMediaType(header)
	charset := strings.ToLower(params["charset"])
	switch {
	case err != nil || charset != "" && charset != "utf-8":
	case slices.Contains(jsonTypes, media):
		return Document, nil
	case lines && slices.Contains(lineTypes, media):
		return Lines, nil
	}
	hint := "send application/fhir+json in UTF-8"
	if lines {
		hint += ", or one resource a line as application/fhir+ndjson"
	}
	return 0, &Fault{Status: http.StatusUnsupportedMediaType, Code: "not-supported", Detail: "this Content-Type is not understood", Hint: hint}
}
