package server

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// largeAnswer is from where an answer may not fit into the buffers of the
// connection, so that somebody has to take it.
const largeAnswer = 32 << 10

// send writes the whole answer, compressed where it is worth it and asked for.
func (c *call) send(status int, media string, body []byte) {
	h := c.w.Header()
	if len(body) == 0 {
		c.w.WriteHeader(status)
		c.w.WriteHeaderNow()
		return
	}
	h["Content-Type"] = []string{media}
	if len(body) >= c.s.opt.Limits.CompressFrom {
		h["Vary"] = append(h["Vary"], "Accept-Encoding")
		if acceptsGzip(c.r.Header.Get("Accept-Encoding")) {
			buf := compressed(body)
			defer buffers.Put(buf)
			h["Content-Encoding"] = []string{"gzip"}
			body = buf.Bytes()
		}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if len(body) > largeAnswer {
		control := http.NewResponseController(c.w)
		timer := time.AfterFunc(c.s.opt.Timeouts.Stall, func() { _ = control.SetWriteDeadline(longAgo) })
		defer timer.Stop()
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the client left: there is nobody to tell
}

// buffers and zips are pools; a gzip writer holds about 800 KB.
var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	zips    = sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		return w
	}}
)

// compressed is body in a buffer that goes back to buffers.
func compressed(body []byte) *bytes.Buffer {
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	w := zips.Get().(*gzip.Writer)
	defer zips.Put(w)
	w.Reset(buf)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return buf
}

// acceptsGzip reports whether the header names gzip, or everything, with a
// quality above zero.
func acceptsGzip(header string) bool {
	if header == "" {
		return false
	}
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if name = strings.TrimSpace(name); strings.EqualFold(name, "gzip") || name == "*" {
			return quality(params) > 0
		}
	}
	return false
}

// quality is the q of a header's element, 1 without one, 0 when unreadable.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		if q, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
			v, err := strconv.ParseFloat(q, 64)
			if err != nil {
				return 0
			}
			return v
		}
	}
	return 1
}

// accept refuses a client that would not take the media type, nor plain JSON.
// A _format parameter goes before the header.
func (c *call) accept(media string) error {
	header := c.r.Header.Get("Accept")
	if strings.Contains(c.r.URL.RawQuery, "_format=") {
		if f := c.r.URL.Query().Get("_format"); f == "json" {
			return nil
		} else if header = strings.ReplaceAll(f, " ", "+"); f == "" { // an unescaped + in a query
			header = "nothing"
		}
	}
	if header == "" || header == "*/*" {
		return nil
	}
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "*/*", "application/*", media, plainJSON, fhirJSON:
			if quality(params) > 0 {
				return nil
			}
		}
	}
	return &Fault{Status: http.StatusNotAcceptable, Code: "not-supported", Detail: "none of the types in Accept can be given",
		Hint: "this answers " + media}
}

// notModified reports whether the client's If-None-Match has the tag; weak and
// strong tags are the same here.
func notModified(header, etag string) bool {
	if header == "" {
		return false
	}
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
