package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ember"
)

// client speaks HTTP to the one process that owns the data directory: to a
// running server through its socket, else to an App opened here for the length
// of the command. So every command has one way to do its work.
type client struct {
	http  *http.Client
	close func() error
}

// dial finds the running server or opens the data directory.
func (p *program) dial(ctx context.Context) (*client, error) {
	socket := filepath.Join(p.config.Data, ember.SocketName)
	conn, err := net.Dial("unix", socket)
	if err == nil {
		conn.Close()
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}}
		return &client{&http.Client{Transport: transport}, func() error { return nil }}, nil
	}
	if errors.Is(err, syscall.EACCES) {
		return nil, failure(exitUnsafe, "the server's socket %s belongs to another user", socket)
	}
	app, err := ember.Open(ctx, p.config)
	if err != nil {
		return nil, openFailure(err)
	}
	return &client{&http.Client{Transport: inProcess{app.Local()}}, app.Close}, nil
}

func openFailure(err error) error {
	if errors.Is(err, ember.ErrKey) {
		return exitError{exitUnsafe, err}
	}
	return exitError{exitFailure, err}
}

// inProcess answers requests by a handler, streaming the body.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.RemoteAddr, r.RequestURI = "local", r.URL.RequestURI()
	pr, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, pipe: pw, ready: make(chan int, 1)}
	go func() {
		t.handler.ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK)
		pw.Close()
	}()
	select {
	case status := <-w.ready:
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: w.header, Body: pr, Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
	case <-r.Context().Done():
		pr.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
}

// pipeWriter is a ResponseWriter whose body is read while it is written.
type pipeWriter struct {
	header http.Header
	pipe   *io.PipeWriter
	ready  chan int
	sent   bool
}

// Header implements http.ResponseWriter.
func (w *pipeWriter) Header() http.Header { return w.header }

// Flush implements http.Flusher; everything is written through at once.
func (w *pipeWriter) Flush() {}

// SetWriteDeadline breaks the answer off: the server sets no deadline but one that
// has passed.
func (w *pipeWriter) SetWriteDeadline(time.Time) error {
	return w.pipe.CloseWithError(io.ErrUnexpectedEOF)
}

// WriteHeader implements http.ResponseWriter.
func (w *pipeWriter) WriteHeader(status int) {
	if !w.sent {
		w.sent = true
		w.ready <- status
	}
}

// Write implements http.ResponseWriter.
func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(b)
}

// call sends a request; a status of 400 and above becomes an error that says
// what the OperationOutcome said.
func (c *client) call(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	media := ""
	if method == http.MethodPost {
		media = "application/json"
	}
	return c.send(ctx, method, path, media, body)
}

// send is call with the body's media type.
func (c *client) send(ctx context.Context, method, path, media string, body io.Reader) (*http.Response, error) {
	return c.sendFor(ctx, method, path, media, "", body)
}

// sendFor is send with a kind of answer that is wanted; "" = any.
func (c *client) sendFor(ctx context.Context, method, path, media, wanted string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://ember"+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if wanted != "" {
		req.Header.Set("Accept", wanted)
	}
	return c.answered(req)
}

// answered sends a request; an answer of a status of 400 and above, but for those that
// are taken, becomes an error.
func (c *client) answered(req *http.Request, taken ...int) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, exitError{exitFailure, err}
	}
	if resp.StatusCode < 400 || slices.Contains(taken, resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, exitError{exitFailure, err}
	}
	code := exitFailure
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		code = exitNotFound
	case http.StatusBadRequest:
		code = exitUsage
	case http.StatusConflict:
		code = conflictCode(b)
	}
	return nil, failure(code, "%s", outcomeText(b))
}

// conflictCode tells a name that is taken from what is refused for safety.
func conflictCode(b []byte) int {
	var o struct{ Issue []struct{ Code string } }
	if json.Unmarshal(b, &o) == nil && len(o.Issue) > 0 && o.Issue[0].Code == "duplicate" {
		return exitFailure
	}
	return exitUnsafe
}

// outcomeText is the first issue of an OperationOutcome, what is wrong and what to do about
// it, else the text itself.
func outcomeText(b []byte) string {
	var o struct {
		Issue []struct {
			Diagnostics string   `json:"diagnostics"`
			Expression  []string `json:"expression"`
			Details     struct {
				Text string `json:"text"`
			} `json:"details"`
		} `json:"issue"`
	}
	if json.Unmarshal(b, &o) == nil && len(o.Issue) > 0 {
		i := o.Issue[0]
		text := strings.Join(slices.DeleteFunc([]string{i.Details.Text, i.Diagnostics}, func(s string) bool { return s == "" }), "; ")
		if len(i.Expression) > 0 {
			text = i.Expression[0] + ": " + text
		}
		return text
	}
	return string(bytes.TrimSpace(b))
}

// ask sends a value as JSON, if there is one, and decodes the answer into out, if
// it is wanted.
func (c *client) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	media := ""
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		body, media = bytes.NewReader(b), "application/json"
	}
	resp, err := c.send(ctx, method, path, media, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return failure(exitFailure, "reading the answer to %s: %w", path, err)
	}
	return nil
}

// with runs a command's work on a client and closes it.
func (p *program) with(ctx context.Context, do func(c *client) error) error {
	c, err := p.dial(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.close())
}

// stream sends a request and hands over each line of the answer.
func (c *client) stream(ctx context.Context, path string, body any, each func(line []byte) error) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	resp, err := c.call(ctx, http.MethodPost, path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachLine(resp.Body, each)
}

func eachLine(r io.Reader, each func(line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := each(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return exitError{exitFailure, err}
	}
	return nil
}
