package ehr

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// download is a file as plain bytes, from its offset on. When the connection breaks it is
// taken up where it broke, as long as something comes.
type download struct {
	w    *pull
	f    *file
	ctx  context.Context
	body io.ReadCloser // of the connection at hand
	halt context.CancelFunc
	raw  int64  // bytes of the file as it is served, read so far
	tag  string // ETag, "" = none
	ask  string // Accept-Encoding of this file
	fail int    // breaks since something came
	out  io.Reader
}

// open begins to read a file where it was left.
func (w *pull) open(ctx context.Context, f *file) (*download, error) {
	d := &download{w: w, f: f, ctx: ctx, ask: "gzip", tag: f.Tag}
	skip := f.Offset
	if f.Offset > 0 && !f.Packed {
		d.ask, d.raw, skip = "identity", f.Offset, 0
	}
	if err := d.connect(); err != nil {
		return nil, err
	}
	if d.raw == 0 { // from the beginning, whatever was asked for
		skip = f.Offset
	}
	buffered := bufio.NewReaderSize(d.counted(), 64<<10)
	d.out = buffered
	head, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		d.close()
		return nil, err
	}
	if bytes.Equal(head, []byte{0x1f, 0x8b}) && f.Offset == skip {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			d.close()
			return nil, oddity{why: "it is not the gzip that it begins as"}
		}
		d.out = z
	}
	w.mu.Lock() // the state is written by others meanwhile
	f.Tag, f.Packed = d.tag, f.Packed || d.out != io.Reader(buffered)
	w.mu.Unlock()
	if skip > 0 {
		if n, err := io.CopyN(io.Discard, d, skip); n < skip {
			d.close()
			if errors.Is(err, io.EOF) {
				return nil, oddity{why: "it is shorter than before"}
			}
			return nil, err
		}
	}
	return d, nil
}

func (d *download) close() {
	if d.body != nil {
		d.body.Close()
		d.halt()
		d.body = nil
	}
}

// Read implements io.Reader over plain bytes.
func (d *download) Read(p []byte) (int, error) {
	n, err := d.out.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && (errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || strings.HasPrefix(err.Error(), "flate:")) {
		err = oddity{why: "its compression is damaged"}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) { // of gzip: the connection ended well, the file did not
		err = oddity{why: "it is cut off"}
	}
	return n, err
}

// connect asks for what is left of the file as it is served. A server that gives the
// whole is read from its beginning.
func (d *download) connect() error {
	ctx, halt := context.WithCancel(d.ctx)
	q := request{doing: "reading a file of the export", method: http.MethodGet, address: d.f.URL, open: !d.w.state.Run.Token,
		header: map[string]string{"Accept": "application/fhir+ndjson", "Accept-Encoding": d.ask},
		final:  func(status int) bool { return status == http.StatusRequestedRangeNotSatisfiable }}
	if d.raw > 0 {
		q.header["Range"] = fmt.Sprintf("bytes=%d-", d.raw)
		if strings.HasPrefix(d.tag, `"`) { // only a strong one may be asked for
			q.header["If-Range"] = d.tag
		}
	}
	resp, err := d.w.Client.ask(ctx, q)
	if err != nil {
		halt()
		return forgotten(err)
	}
	tag := resp.Header.Get("ETag")
	changed := d.tag != "" && tag != "" && tag != d.tag
	switch {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && strings.HasSuffix(resp.Header.Get("Content-Range"), fmt.Sprintf("/%d", d.raw)):
		resp.Body.Close() // everything was read
		resp.Body = http.NoBody
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable, changed:
		resp.Body.Close()
		halt()
		return oddity{why: "it has changed while it was read"}
	case resp.StatusCode == http.StatusPartialContent && !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", d.raw)):
		resp.Body.Close()
		halt()
		return oddity{why: "another part of it came than was asked for"}
	case resp.StatusCode == http.StatusOK && d.raw > 0 && d.body == nil: // a new process, a server without ranges
		d.raw = 0
	case resp.StatusCode == http.StatusOK && d.raw > 0:
		if _, err := io.CopyN(io.Discard, resp.Body, d.raw); err != nil {
			resp.Body.Close()
			halt()
			return &Failure{Doing: q.doing, Why: "the file broke off", cause: err}
		}
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "html") {
		resp.Body.Close()
		halt()
		return oddity{why: "it is a page for people (HTML)"}
	}
	if d.body != nil {
		d.body.Close()
		d.halt()
	}
	d.body, d.halt, d.tag = resp.Body, halt, tag
	return nil
}

// counted is the file as it is served, with connections renewed.
func (d *download) counted() io.Reader { return (*served)(d) }

type served download

// Read implements io.Reader.
func (s *served) Read(p []byte) (int, error) {
	d := (*download)(s)
	for {
		stall := time.AfterFunc(d.w.Client.opt.Timeout, d.halt)
		n, err := d.body.Read(p)
		stall.Stop()
		d.raw += int64(n)
		if n > 0 {
			d.fail = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		if d.ctx.Err() != nil {
			return 0, d.ctx.Err()
		}
		if d.fail++; d.fail > d.w.Client.opt.Attempts {
			return 0, &Failure{Doing: "reading a file of the export", Why: "it broke off again and again", cause: err}
		}
		if err := d.w.Client.opt.Wait(d.ctx, min(firstPause<<(d.fail-1), mostPause)); err != nil {
			return 0, err
		}
		if err := d.connect(); err != nil {
			return 0, err
		}
	}
}
