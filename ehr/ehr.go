// Package ehr is Ember as a client of an EHR: it finds out what the EHR's FHIR server
// can do, gets tokens of SMART Backend Services, exports in bulk, subscribes to changes
// and reads what a notification names.
//
// Its invariants: nothing is asked of a host that was not allowed; no error, log or
// progress holds an address with a query, a token or anything of a patient; what a pull
// has loaded is durable before it is ticked off, so that a kill loses nothing.
package ehr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Options say which EHR it is and who asks.
type Options struct {
	// Base is the address of its FHIR server, "https://ehr.example.org/fhir".
	Base string
	// Client is the id under which the EHR knows this system; "" = it is asked without
	// tokens.
	Client string
	// Key signs the assertions that tokens are got with.
	Key *Key
	// Scopes are asked for; none: what the EHR's version of scopes calls reading all.
	Scopes []string
	// Hosts may be asked beside Base's: HOST, or HOST:PORT.
	Hosts []string
	// Now is the clock.
	Now func() time.Time
	// Attempts is how often something is tried that may pass: 5.
	Attempts int
	// Timeout is how long an answer may take to begin, and a body to bring more: 60 s.
	Timeout time.Duration
	// Wait waits, or returns the error of ctx; nil: by a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// Transport carries requests; nil: one of its own.
	Transport http.RoundTripper
}

// Client asks one EHR. It is safe for concurrent use.
type Client struct {
	opt    Options
	base   string
	home   *url.URL
	http   *http.Client
	tokens tokens
}

// Failure is what an EHR did instead of answering. It holds no address, no token and
// nothing of a patient.
type Failure struct {
	Doing  string // what was asked: "kick-off of the export"
	Status int    // HTTP, 0 = there was no answer
	Why    string
	Hint   string // what to change, "" where nobody can say
	cause  error
}

// Error says it in one line.
func (f *Failure) Error() string {
	text := "ehr: " + f.Doing + ": " + f.Why
	if f.Hint != "" {
		text += "; " + f.Hint
	}
	return text
}

// Unwrap is the cause, nil for an answer that was understood.
func (f *Failure) Unwrap() error { return f.cause }

// New is a client; nothing is asked yet.
func New(opt Options) (*Client, error) {
	u, err := checkBase(opt.Base)
	if err != nil {
		return nil, err
	}
	if opt.Now == nil {
		return nil, errors.New("ehr: a clock is needed")
	}
	if opt.Client != "" && opt.Key == nil {
		return nil, errors.New("ehr: a client id needs a key that signs for it")
	}
	if opt.Attempts <= 0 {
		opt.Attempts = 5
	}
	if opt.Timeout <= 0 {
		opt.Timeout = time.Minute
	}
	if opt.Wait == nil {
		opt.Wait = sleep
	}
	if opt.Transport == nil {
		opt.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: opt.Timeout, IdleConnTimeout: time.Minute,
			MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true}
	}
	c := &Client{opt: opt, base: strings.TrimRight(opt.Base, "/"), home: u,
		http: &http.Client{Transport: opt.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	c.tokens.turn = make(chan struct{}, 1)
	return c, nil
}

// Base is the address of the FHIR server, without a slash at its end.
func (c *Client) Base() string { return c.base }

func checkBase(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("ehr: the base of a FHIR server is scheme, host and path, as https://ehr.example.org/fhir")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("ehr: an EHR is asked by https; by http on this machine only")
	}
	return u, nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// allowed refuses an address of a host that nobody has allowed.
func (c *Client) allowed(address string) (*url.URL, error) {
	u, err := c.home.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("no address")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, errors.New("an address that is not https")
	}
	if u.Scheme == c.home.Scheme && strings.EqualFold(u.Host, c.home.Host) {
		return u, nil
	}
	if slices.ContainsFunc(c.opt.Hosts, func(h string) bool { return strings.EqualFold(h, u.Host) || strings.EqualFold(h, u.Hostname()) }) {
		return u, nil
	}
	return nil, fmt.Errorf("the host %s is not allowed; add it to ehr-hosts if it is the EHR's", u.Host)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
