package fhir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

var errSyntax = errors.New("malformed JSON")

// window is a part of a stream. What stands between keep and end stays in
// memory, everything before keep is forgotten when room is needed.
type window struct {
	r        io.Reader
	buf      []byte
	keep, at int
	end      int
	base     int64 // stream offset of buf[0]
	max      int64 // how much may be kept
	eof      bool
	err      error // of r, other than io.EOF
}

func newWindow(r io.Reader, limit int64) *window {
	return &window{r: r, max: limit, buf: make([]byte, 64<<10)}
}

// offset is how many bytes of the stream have been consumed.
func (w *window) offset() int64 { return w.base + int64(w.at) }

// release forgets everything before the current position.
func (w *window) release() { w.keep = w.at }

// fill reads until the buffer is full, and reports whether there is more. The
// buffer grows only when what is kept leaves no room.
func (w *window) fill() bool {
	if w.eof {
		return false
	}
	if w.keep > 0 && w.end == len(w.buf) {
		copy(w.buf, w.buf[w.keep:w.end])
		w.base += int64(w.keep)
		w.at -= w.keep
		w.end -= w.keep
		w.keep = 0
	}
	if w.end > len(w.buf)*3/4 {
		if int64(w.end) > w.max {
			w.eof, w.err = true, ErrTooLarge
			return false
		}
		w.buf = append(w.buf, make([]byte, len(w.buf))...)
	}
	n, err := io.ReadFull(w.r, w.buf[w.end:])
	w.end += n
	if err != nil {
		w.eof = true
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			w.err = err
		}
	}
	return n > 0
}

// cause is the error that stands for a text that ended too early.
func (w *window) cause() error {
	if w.err != nil {
		return w.err
	}
	return io.ErrUnexpectedEOF
}

// peek is the next byte that is not white space; ok is false at the end.
func (w *window) peek() (c byte, ok bool) {
	for {
		w.at = skipSpace(w.buf[:w.end], w.at)
		if w.at < w.end {
			return w.buf[w.at], true
		}
		if !w.fill() {
			return 0, false
		}
	}
}

// value goes over the JSON value at the position and returns its text, which
// lives until the next fill.
func (w *window) value() ([]byte, error) {
	c, ok := w.peek()
	if !ok {
		return nil, w.cause()
	}
	if c == ',' || c == ':' || c == '}' || c == ']' {
		return nil, errSyntax
	}
	start, n, depth, done := w.at-w.keep, w.at-w.keep, 0, false
	for {
		n, depth, done = balance(w.buf[w.keep:w.end], n, depth)
		if done {
			w.at = w.keep + n
			return w.buf[w.keep+start : w.at], nil
		}
		if w.fill() {
			continue
		}
		w.at = w.end
		if depth == 0 && w.buf[w.keep+n] != '"' && w.err == nil {
			return w.buf[w.keep+start : w.at], nil
		}
		return nil, w.cause()
	}
}

// balance goes on from n until a value is complete or b ends. A string or a
// number that may go on beyond b leaves n at its beginning.
func balance(b []byte, n, depth int) (at, open int, done bool) {
	for n < len(b) {
		switch b[n] {
		case '"':
			end := skipString(b, n)
			if end < 0 {
				return n, depth, false
			}
			n = end
		case '{', '[':
			depth++
			n++
		case '}', ']':
			depth--
			n++
		default:
			if depth > 0 {
				n++
				continue
			}
			for end := n; end < len(b); end++ {
				if delimiter(b[end]) {
					return end, 0, true
				}
			}
			return n, 0, false
		}
		if depth <= 0 {
			return n, 0, true
		}
	}
	return n, depth, false
}

// line is the next line without white space around it; io.EOF at the end.
func (w *window) line() ([]byte, error) {
	w.release()
	for from := 0; ; {
		b := w.buf[w.keep:w.end]
		if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
			w.at = w.keep + from + i + 1
			if int64(from+i) > w.max {
				return nil, fmt.Errorf("line: %w", ErrTooLarge)
			}
			return bytes.TrimSpace(b[:from+i]), nil
		}
		from = len(b)
		if !w.fill() {
			w.at = w.end
			switch {
			case w.err != nil:
				return nil, w.err
			case len(b) == 0:
				return nil, io.EOF
			}
			return bytes.TrimSpace(b), nil
		}
	}
}

// skipBOM goes over a byte order mark at the beginning of the stream.
func (w *window) skipBOM() {
	w.fill()
	if bytes.HasPrefix(w.buf[:w.end], []byte("\xEF\xBB\xBF")) {
		w.at, w.keep = 3, 3
	}
}

// looksLikeLines reports whether the first line of what is in memory is a whole
// object and another object begins after it.
func (w *window) looksLikeLines() bool {
	b := w.buf[w.at:w.end]
	b = b[skipSpace(b, 0):]
	if len(b) == 0 || b[0] != '{' {
		return false
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return false
	}
	value := skipValue(b, 0)
	if value < 0 || value > end {
		return false
	}
	next := skipSpace(b, value)
	return next > end && next < len(b) && b[next] == '{'
}
