package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// errFetch is wrapped by what is wrong with an input; its text names its number.
var errFetch = errors.New("bulk: an input cannot be read")

// Allowed reports whether an address may be read: scheme, host and port must be those
// of one of the sources, and its path must begin with the source's.
func (s *Service) Allowed(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || strings.Contains(u.Path, "..") || u.Scheme != "https" && u.Scheme != "http" {
		return false
	}
	for _, source := range s.opt.Sources {
		b, err := url.Parse(source)
		if err == nil && strings.EqualFold(b.Scheme, u.Scheme) && strings.EqualFold(b.Host, u.Host) &&
			strings.HasPrefix(u.Path, strings.TrimRight(b.Path, "/")+"/") {
			return true
		}
	}
	return false
}

// CheckSource refuses a setting that is no address.
func CheckSource(source string) error {
	u, err := url.Parse(source)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("bulk: %q is not the beginning of addresses, as https://files.example.org/dump/", source)
	}
	return nil
}

// stall is how long an input may bring nothing.
const stall = time.Minute

// newFetcher follows no redirects: they could lead anywhere.
func newFetcher() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, TLSHandshakeTimeout: 10 * time.Second,
			ResponseHeaderTimeout: stall, MaxResponseHeaderBytes: 64 << 10},
	}
}

// importAll reads one input after the other. What one line says wrong is reported; an
// input that cannot be read ends the job. Storing again what is stored does nothing, so
// a job may begin again.
func (s *Service) importAll(ctx context.Context, j *Job) error {
	client := newFetcher()
	defer client.CloseIdleConnections()
	j.At = s.opt.Now().UTC().Truncate(time.Millisecond)
	for i, in := range j.Import.Inputs {
		good := s.series(j.ID, "done"+strconv.Itoa(i+1), "OperationOutcome")
		bad := s.series(j.ID, "error"+strconv.Itoa(i+1), "OperationOutcome")
		good.input, bad.input = in.URL, in.URL
		t := &intake{j: j, bad: bad, s: s}
		err := s.importOne(ctx, client, in, t)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.opt.Log.Error("an input of an import cannot be read", "job", j.ID, "input", i+1, "cause", reason(err))
			t.write(outcome("error", "incomplete", "input "+strconv.Itoa(i+1)+" could not be read to its end: "+reason(err)))
		}
		sum := fmt.Sprintf("%d lines: %d stored, %d refused", t.stored+t.refused, t.stored, t.refused)
		err = errors.Join(t.err, good.write(outcome("information", "informational", sum), 1), good.close(), bad.close())
		if err != nil {
			return err
		}
		for k := range good.files {
			good.files[k].Count = t.stored
		}
		j.Output = append(j.Output, good.files...)
		j.Errors = append(j.Errors, bad.files...)
		s.progress(j.ID, int64(i+1), int64(len(j.Import.Inputs)))
	}
	return nil
}

// reason is what of a failure may be told: not what a server answered.
func reason(err error) string {
	var status statusError
	switch {
	case errors.As(err, &status):
		return status.Error()
	case errors.Is(err, errFetch):
		return "its address is not one that this site allows"
	}
	return "the transfer broke off"
}

// statusError is the status another server answered with.
type statusError int

func (e statusError) Error() string { return "the answer has the status " + strconv.Itoa(int(e)) }

// intake counts what becomes of lines.
type intake struct {
	s               *Service
	j               *Job
	bad             *series
	stored, refused int64
	err             error
}

func (t *intake) line(l Line) {
	if l.Status < 400 {
		t.stored++
		t.j.Resources++
	} else {
		t.refused++
	}
	if l.Outcome != nil {
		t.write(append(l.Outcome, '\n'))
	}
}

func (t *intake) write(line []byte) {
	if t.err == nil {
		t.err = t.bad.write(line, 1)
	}
}

func (s *Service) importOne(ctx context.Context, client *http.Client, in Input, t *intake) error {
	if !s.Allowed(in.URL) { // the setting may have changed since
		return errFetch
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, in.URL, nil)
	if err != nil {
		return fmt.Errorf("bulk: reading an input: %w", err)
	}
	r.Header.Set("Accept", "application/fhir+ndjson, application/ndjson")
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("bulk: reading an input: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return statusError(resp.StatusCode)
	}
	timer := time.AfterFunc(stall, cancel)
	defer timer.Stop()
	return s.opt.Load(ctx, watched{resp.Body, timer}, t.line)
}

// watched ends a transfer that brings nothing.
type watched struct {
	r     io.Reader
	timer *time.Timer
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.timer.Reset(stall)
	return n, err
}
