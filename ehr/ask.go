package ehr

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is read into memory.
const (
	mostAnswer = 32 << 20 // of one answer
	mostWait   = 10 * time.Minute
	firstPause = 500 * time.Millisecond
	mostPause  = 30 * time.Second
)

// request is one thing to ask.
type request struct {
	doing   string // for errors
	method  string
	address string // may be relative to the host
	header  map[string]string
	body    []byte
	open    bool // without a token
	once    bool // not tried again when it may have been taken
	final   func(status int) bool
}

// ask sends a request until it is answered: what may pass is tried again, after the time
// that the server names or one that grows; a 401 gets a new token once. The caller closes
// the body. An answer of 400 and above is a [*Failure], but where final says otherwise.
func (c *Client) ask(ctx context.Context, q request) (*http.Response, error) {
	u, err := c.allowed(q.address)
	if err != nil {
		return nil, &Failure{Doing: q.doing, Why: err.Error()}
	}
	renewed := false
	for attempt := 1; ; attempt++ {
		resp, failure := c.try(ctx, q, u.String())
		if failure == nil {
			return resp, nil
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case failure.Status == http.StatusUnauthorized && !q.open && c.opt.Client != "" && !renewed:
			renewed = true
			continue
		case !passing(failure, q.once) || attempt >= c.opt.Attempts:
			return nil, failure
		}
		if err := c.opt.Wait(ctx, pause(failure, attempt)); err != nil {
			return nil, err
		}
	}
}

// passing reports whether it makes sense to ask again.
func passing(f *Failure, once bool) bool {
	switch f.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case 0:
		var stop *Failure // of getting a token
		return !once && !errors.As(f.cause, &stop)
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusInternalServerError:
		return !once
	}
	return false
}

type waited struct{ after time.Duration }

func (w waited) Error() string { return "told to wait" }

// pause is how long to wait before the next attempt.
func pause(f *Failure, attempt int) time.Duration {
	var w waited
	if errors.As(f.cause, &w) {
		return w.after
	}
	return min(firstPause<<(attempt-1), mostPause)
}

// try asks once.
func (c *Client) try(ctx context.Context, q request, address string) (*http.Response, *Failure) {
	req, err := http.NewRequestWithContext(ctx, q.method, address, bytes.NewReader(q.body))
	if err != nil {
		return nil, &Failure{Doing: q.doing, Why: "no address"}
	}
	req.Header.Set("Accept", "application/fhir+json")
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	var token string
	if !q.open && c.opt.Client != "" {
		if token, err = c.Token(ctx); err != nil {
			return nil, &Failure{Doing: q.doing, Why: "there is no token: " + strings.TrimPrefix(err.Error(), "ehr: "), cause: err}
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &Failure{Doing: q.doing, Why: "there was no answer: " + plain(err), cause: err}
	}
	if resp.StatusCode < 300 || q.final != nil && q.final(resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		c.tokens.drop(token)
	}
	return nil, c.refusal(q, resp)
}

// plain is an error of the network without the address that was asked.
func plain(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return "it took too long"
		}
		err = u.Err
	}
	return err.Error()
}

// refusal says in words what a status means.
func (c *Client) refusal(q request, resp *http.Response) *Failure {
	f := &Failure{Doing: q.doing, Status: resp.StatusCode}
	f.Why = fmt.Sprintf("the EHR answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if code := outcomeCode(resp); code != "" {
		f.Why += " (" + code + ")"
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		f.Why += ": redirects are not followed"
		f.Hint = "name the address that it leads to"
	case resp.StatusCode == http.StatusUnauthorized:
		f.Hint = "see that the client id, the key and the scopes are those registered at the EHR"
	case resp.StatusCode == http.StatusForbidden:
		f.Hint = "have the EHR grant the scopes that this needs"
	}
	if after, ok := retryAfter(resp.Header, c.opt.Now()); ok {
		f.cause = waited{after}
	}
	return f
}

// outcomeCode is the code of the first issue: a word of FHIR's list, never a text.
func outcomeCode(resp *http.Response) string {
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return ""
	}
	var o struct {
		ResourceType string
		Issue        []struct{ Code string }
	}
	if json.Unmarshal(b, &o) != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		return ""
	}
	code := o.Issue[0].Code
	if len(code) > 32 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	return code
}

// retryAfter reads seconds or a date; it is bounded, so that nobody waits for ever.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 {
		return time.Duration(min(n, mostWait.Seconds()) * float64(time.Second)), true
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(0, t.Sub(now)), mostWait), true
	}
	return 0, false
}

// document reads an answer that must be JSON, and closes it.
func (c *Client) document(q request, resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, &Failure{Doing: q.doing, Status: resp.StatusCode, Why: "the answer is not the gzip that it says it is"}
		}
		body = z
	}
	b, err := io.ReadAll(io.LimitReader(body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, &Failure{Doing: q.doing, Status: resp.StatusCode, Why: "the answer broke off: " + plain(err), cause: err}
	case len(b) > mostAnswer:
		return nil, &Failure{Doing: q.doing, Status: resp.StatusCode, Why: fmt.Sprintf("the answer has more than %d MiB", mostAnswer>>20)}
	case len(bytes.TrimSpace(b)) > 0 && !json.Valid(b):
		why := "the answer is no JSON"
		if strings.Contains(resp.Header.Get("Content-Type"), "html") || bytes.HasPrefix(bytes.TrimSpace(b), []byte("<")) {
			why = "the answer is a page for people (HTML)"
		}
		return nil, &Failure{Doing: q.doing, Status: resp.StatusCode, Why: why, Hint: "see that the address is that of the FHIR server, and that no login page or proxy stands before it"}
	}
	return b, nil
}

// get asks for a document.
func (c *Client) get(ctx context.Context, q request) ([]byte, http.Header, error) {
	if q.method == "" {
		q.method = http.MethodGet
	}
	resp, err := c.ask(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	b, err := c.document(q, resp)
	return b, resp.Header, err
}
