// Package server is Ember's HTTP face: FHIR resources in and out,
// recommendations, search, and the state of the whole. It decodes, limits,
// authenticates, audits, calls the interfaces in [Deps] and encodes; it knows
// nothing about how anything is computed.
//
// Its invariants: no access to patient data is answered before it has been
// recorded by the [auth.Auditor]; every answer outside 2xx and 304 is an
// OperationOutcome, but under /v2 and at /v1/embeddings, which speak the protocols
// of others; logs, metrics and errors hold route patterns and never a
// path, an id or a value of a patient.
package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	opt      Options
	deps     Deps
	engine   *gin.Engine
	overlaps *overlaps
	metrics  *metrics
	slots    [classes]chan struct{}
	callers  sync.Map // principal name → *atomic.Int64, requests in flight
	ids      requestIDs
	spec     []byte // the OpenAPI document
	stop     atomic.Bool

	inferences inferStats
}

// New is a server with the routes in place; it does not listen yet.
func New(opt Options, deps Deps) (*Server, error) {
	opt = opt.withDefaults()
	if err := errors.Join(opt.Validate(), deps.Validate()); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	ids, err := newRequestIDs()
	if err != nil {
		return nil, fmt.Errorf("server: making request ids: %w", err)
	}
	s := &Server{opt: opt, deps: deps, metrics: newMetrics(), ids: ids, spec: openAPI}
	s.slots = [classes]chan struct{}{
		classProbe: make(chan struct{}, opt.Limits.Probes),
		classAsk:   make(chan struct{}, opt.Limits.Asks),
		classData:  make(chan struct{}, opt.Limits.Requests),
		classLoad:  make(chan struct{}, opt.Limits.Loads),
		classWait:  make(chan struct{}, max(1, opt.Limits.Probes/2)),
		classWatch: make(chan struct{}, opt.Limits.Probes),
		classFile:  make(chan struct{}, opt.Limits.Requests),
		classHook:  make(chan struct{}, opt.Limits.Hooks),
	}
	s.overlaps = newOverlaps(s.routes())
	s.engine = s.routesOn(newEngine())
	return s, nil
}

// newEngine is Gin without its logger, its recovery and its guesses.
func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	e.HandleMethodNotAllowed = false // Gin's walk over the other methods can panic; noRoute says 405
	e.ForwardedByClientIP = false
	return e
}

func (s *Server) routesOn(e *gin.Engine) *gin.Engine {
	for _, rt := range s.routes() {
		pattern := ginPattern(rt.pattern)
		e.Handle(rt.method, pattern, s.handler(rt))
		if rt.method == http.MethodGet {
			e.Handle(http.MethodHead, pattern, s.handler(rt))
		}
	}
	e.NoRoute(s.missed())
	return e
}

// missed answers where no route is, and where Gin's tree finds none though there is one:
// /fhir/Group/_history is a /fhir/{type}/_history that it loses in /fhir/Group/{id}/$export.
func (s *Server) missed() gin.HandlerFunc {
	none := s.handler(route{pattern: "none", public: true, class: classProbe, handle: noRoute})
	handlers := map[string]gin.HandlerFunc{}
	for _, rt := range s.routes() {
		handlers[rt.method+" "+rt.pattern] = s.handler(rt)
	}
	return func(g *gin.Context) {
		method := g.Request.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if own := s.overlaps.of(g.Request.URL.Path); own != nil {
			if found := handlers[method+" "+own.text]; found != nil {
				g.Params = own.params(g.Request.URL.Path)
				found(g)
				return
			}
		}
		none(g)
	}
}

// ginPattern turns /fhir/{type} into /fhir/:type.
func ginPattern(pattern string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(pattern)
}

// ServeHTTP answers one request. Clients post Bundles to the base with a slash
// behind it, and without one.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/fhir/" {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/fhir", ""
	}
	if s.pageOrigin(w, r) {
		return
	}
	s.engine.ServeHTTP(w, r)
}

var _ http.Handler = (*Server)(nil)
