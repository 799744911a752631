package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"ember/search"
	"ember/server/auth"
)

// statusGone is logged when the client left before the answer (as nginx does).
const statusGone = 499

// call is one request on its way through the server.
type call struct {
	s      *Server
	route  *route
	w      gin.ResponseWriter
	r      *http.Request
	params gin.Params
	id     string
	begun  time.Time
	who    auth.Principal
	known  map[partsKey][]part // what scopes allow, as far as it was asked for
	waited time.Duration       // for a place
	// recorded: the audit record has an entry of this request.
	recorded bool
}

// handler is the whole walk of a request on a route.
func (s *Server) handler(rt route) gin.HandlerFunc {
	return func(g *gin.Context) {
		c := &call{s: s, route: &rt, w: g.Writer, r: g.Request, params: g.Params, id: s.ids.next(), begun: s.deps.Clock()}
		defer c.end()
		h := c.w.Header()
		h["X-Request-Id"] = []string{c.id}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		h["Cache-Control"] = []string{"no-store"}
		if onHooks(rt.pattern) {
			c.allowOrigin()
		}
		if err := c.run(); err != nil {
			c.fail(err)
		}
	}
}

// run admits the request, finds it a place, and calls the route's handler
// under the deadline of its class.
func (c *call) run() error {
	if f := c.elsewhere(); f != nil {
		return f
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), c.s.timeout(c.route.class))
	defer cancel()
	if err := c.admit(ctx); err != nil {
		return err
	}
	if c.who.Scoped() {
		ctx = search.WithGuard(ctx, c.guard())
	}
	if c.route.right&auth.Write != 0 {
		ctx = search.WithBase(ctx, c.base())
	}
	leave, err := c.enter(ctx)
	if err != nil && c.route.class == classHook {
		return c.shed(err)
	}
	if err != nil {
		return err
	}
	defer leave()
	if c.route.class == classHook {
		c.waited = c.s.deps.Clock().Sub(c.begun)
	}
	err = c.route.handle(ctx, c)
	if err != nil && !c.recorded && c.route.right&^auth.Admin != 0 {
		// What was not found, or failed, was looked for all the same.
		if aerr := c.auditFailure(context.WithoutCancel(ctx), err); aerr != nil {
			return aerr
		}
	}
	return err
}

// end is deferred: it turns a panic into a 500, counts and logs.
func (c *call) end() {
	if cause := recover(); cause != nil {
		c.s.deps.Log.Error("panic", "request", c.id, "route", c.route.pattern,
			"type", fmt.Sprintf("%T", cause), "stack", stack())
		if !c.w.Written() {
			c.fail(errPanic)
		}
	}
	took := c.s.deps.Clock().Sub(c.begun)
	c.s.metrics.observe(c.r.Method, c.route.pattern, c.w.Status(), took)
	c.s.deps.Log.LogAttrs(c.r.Context(), slog.LevelInfo, "request",
		slog.String("request", c.id), slog.String("method", methodLabel(c.r.Method)), slog.String("route", c.route.pattern),
		slog.Int("status", c.w.Status()), slog.Duration("took", took), slog.Int("bytes", max(c.w.Size(), 0)))
}

var errPanic = errors.New("server: panic")

// stack is where it happened, in functions and lines; unlike debug.Stack it
// holds no arguments and no value.
func stack() []string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	var lines []string
	for {
		f, more := frames.Next()
		lines = append(lines, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return lines
		}
	}
}

// fail answers with the OperationOutcome of the error. What is not the
// client's fault is logged, scrubbed.
func (c *call) fail(err error) {
	f := faultOf(err)
	if f.Status == http.StatusInternalServerError {
		f.Hint = "the server's log says more under request " + c.id
		c.s.deps.Log.Error("internal error", "request", c.id, "route", c.route.pattern, "cause", scrub(err.Error()))
	}
	if c.w.Written() {
		return
	}
	h := c.w.Header()
	for _, name := range [...]string{"ETag", "Last-Modified", "Location"} {
		h.Del(name)
	}
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge(f))
	}
	if text := c.insufficient(f); text != "" {
		h.Set("WWW-Authenticate", text)
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", fmt.Sprint(max(1, int((f.RetryAfter+time.Second-1)/time.Second))))
	}
	media, body := c.faultBody(f)
	c.send(f.Status, media, body)
}

// challenge says in the header too what is wrong with a token, as RFC 6750 has it.
func challenge(f *Fault) string {
	if !f.token {
		return `Bearer realm="ember"`
	}
	return `Bearer realm="ember", error="invalid_token", error_description="` + strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, f.Detail) + `"`
}

// faultBody is the fault in the form of the path's protocol, of which some paths
// may be none of ours.
func (c *call) faultBody(f *Fault) (media string, body []byte) {
	text := f.Detail
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	if f.Hint != "" {
		text += "; " + f.Hint
	}
	switch {
	case c.r.URL.Path == "/v2", strings.HasPrefix(c.r.URL.Path, "/v2/"):
		return plainJSON, append(quote([]byte(`{"error":`), text), '}')
	case c.r.URL.Path == "/v1/embeddings":
		b := quote([]byte(`{"error":{"message":`), text)
		b = quote(append(b, `,"type":`...), openAIType(f.Status))
		if f.Path == "" {
			b = append(b, `,"param":null`...)
		} else {
			b = quote(append(b, `,"param":`...), f.Path)
		}
		return plainJSON, append(quote(append(b, `,"code":`...), f.Code), "}}"...)
	}
	return fhirJSON, outcomeJSON(f.issues())
}

func openAIType(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status < http.StatusInternalServerError:
		return "invalid_request_error"
	}
	return "server_error"
}

// requestIDs numbers requests from a random beginning. Ids of clients are not
// taken over: they may hold anything, and they would be logged.
type requestIDs struct {
	prefix string
	n      *atomic.Uint64
}

func newRequestIDs() (requestIDs, error) {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		return requestIDs{}, err
	}
	return requestIDs{hex.EncodeToString(b[:]) + "-", new(atomic.Uint64)}, nil
}

func (r requestIDs) next() string {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], r.n.Add(1))
	return r.prefix + hex.EncodeToString(n[3:])
}
