// Package ehrtest is an EHR to try Ember's client against: FHIR R4 over a folder of
// resources, SMART Backend Services, bulk export, topic-based subscriptions, a client of
// CDS Hooks, and every way of misbehaving that was met in the field, to be switched on.
package ehrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options are the settings of a [Server].
type Options struct {
	// Clients are the public keys, as JWK Sets, of who may get tokens, by client id. None:
	// no token is needed.
	Clients map[string][]byte
	// Life is how long a token is good: 5 minutes.
	Life time.Duration
	// FileSize is how many resources a file of an export has: 100.
	FileSize int
	// Polls is how often an export answers 202 before it is there: 1.
	Polls int
	// Now is the clock; nil: the system's.
	Now func() time.Time
	// Client carries what the EHR sends: notifications and calls of hooks.
	Client *http.Client
}

// Server is the EHR. It is safe for concurrent use.
type Server struct {
	opt Options
	mux *http.ServeMux

	mu        sync.Mutex
	faults    Faults
	seen      map[string]int // requests by kind
	resources map[string]*held
	order     []string // keys of resources in the order of their last change
	removed   []deletion
	tokens    map[string]issued
	jti       map[string]bool
	exports   map[string]*export
	subs      map[string]*subscription
	next      int
	base      string // as the last client called it
	signer    Signer
	log       []string
}

// held is a resource with its version and time.
type held struct {
	typ, id string
	raw     []byte // with meta
	version int
	updated time.Time
}

type deletion struct {
	typ, id string
	at      time.Time
}

// New is an EHR without resources.
func New(opt Options) *Server {
	if opt.Life == 0 {
		opt.Life = 5 * time.Minute
	}
	if opt.FileSize == 0 {
		opt.FileSize = 100
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Client == nil {
		opt.Client = &http.Client{Timeout: 10 * time.Second}
	}
	s := &Server{opt: opt, mux: http.NewServeMux(), seen: map[string]int{}, resources: map[string]*held{}, tokens: map[string]issued{},
		jti: map[string]bool{}, exports: map[string]*export{}, subs: map[string]*subscription{}}
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /fhir/.well-known/smart-configuration": s.smart,
		"GET /fhir/metadata":                        s.metadata,
		"GET /jwks":                                 s.keys,
		"POST /token":                               s.token,
		"GET /fhir/$export":                         s.guarded("kick-off", s.kickOff),
		"GET /fhir/Patient/$export":                 s.guarded("kick-off", s.kickOff),
		"GET /fhir/Group/{id}/$export":              s.guarded("kick-off", s.kickOff),
		"GET /bulk/{id}":                            s.guarded("status", s.status),
		"DELETE /bulk/{id}":                         s.guarded("forget", s.forget),
		"GET /bulk/{id}/{file}":                     s.guarded("file", s.file),
		"GET /fhir/{type}":                          s.guarded("search", s.search),
		"POST /fhir/{type}":                         s.guarded("create", s.create),
		"GET /fhir/{type}/{id}":                     s.guarded("read", s.read),
		"PUT /fhir/{type}/{id}":                     s.guarded("update", s.update),
		"DELETE /fhir/{type}/{id}":                  s.guarded("delete", s.remove),
		"GET /fhir/Subscription/{id}/$status":       s.guarded("status of subscription", s.subscriptionStatus),
		"GET /fhir/Subscription/{id}/$events":       s.guarded("events of subscription", s.subscriptionEvents),
	} {
		s.mux.HandleFunc(pattern, h)
	}
	return s
}

// ServeHTTP answers, and misbehaves as told.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.base = "http://" + r.Host
	s.log = append(s.log, r.Method+" "+r.URL.RequestURI())
	f := s.faults
	s.mu.Unlock()
	if s.cors(w, r); r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Date", s.opt.Now().Add(f.Skew).UTC().Format(http.TimeFormat))
	if f.Slow > 0 {
		select {
		case <-time.After(f.Slow):
		case <-r.Context().Done():
			return
		}
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) cors(w http.ResponseWriter, r *http.Request) {
	if s.fault().NoCORS || r.Header.Get("Origin") == "" {
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	w.Header().Set("Access-Control-Allow-Headers", "authorization, content-type")
}

// Hooks signs this EHR's calls of CDS services; its keys are at /jwks.
func (s *Server) Hooks() *Signer { return &s.signer }

// Requests are the requests so far, as "GET /fhir/…".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Seen is how many requests of a kind were let in, such as "kick-off", "file" or "token".
func (s *Server) Seen(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[kind]
}

func (s *Server) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[kind]++
	return s.seen[kind]
}

// Load takes NDJSON, or one resource.
func (s *Server) Load(lines []byte) error {
	for line := range bytes.Lines(lines) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := s.Put(line); err != nil {
			return err
		}
	}
	return nil
}

// Put creates or updates a resource, and notifies who has subscribed.
func (s *Server) Put(raw []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("ehrtest: %w", err)
	}
	var typ, id string
	if json.Unmarshal(m["resourceType"], &typ) != nil || json.Unmarshal(m["id"], &id) != nil || id == "" {
		return fmt.Errorf("ehrtest: a resource needs resourceType and id")
	}
	h, created, err := s.keep(typ, id, m)
	if err != nil {
		return err
	}
	s.notify(h, created)
	return nil
}

func (s *Server) keep(typ, id string, m map[string]json.RawMessage) (*held, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := typ + "/" + id
	old := s.resources[key]
	h := &held{typ: typ, id: id, version: 1, updated: s.opt.Now().UTC()}
	if old != nil {
		h.version = old.version + 1
		s.order = slices.DeleteFunc(s.order, func(k string) bool { return k == key })
	}
	meta := map[string]json.RawMessage{}
	if m["meta"] != nil {
		if err := json.Unmarshal(m["meta"], &meta); err != nil {
			return nil, false, fmt.Errorf("ehrtest: meta: %w", err)
		}
	}
	meta["versionId"] = json.RawMessage(strconv.Quote(strconv.Itoa(h.version)))
	meta["lastUpdated"] = json.RawMessage(strconv.Quote(h.updated.Format(time.RFC3339Nano)))
	b, err := json.Marshal(meta)
	if err != nil {
		return nil, false, err
	}
	m["meta"] = b
	if h.raw, err = json.Marshal(m); err != nil {
		return nil, false, err
	}
	s.resources[key] = h
	s.order = append(s.order, key)
	s.removed = slices.DeleteFunc(s.removed, func(d deletion) bool { return d.typ == typ && d.id == id })
	return h, old == nil, nil
}

// Delete deletes a resource.
func (s *Server) Delete(typ, id string) {
	s.mu.Lock()
	key := typ + "/" + id
	h := s.resources[key]
	delete(s.resources, key)
	s.order = slices.DeleteFunc(s.order, func(k string) bool { return k == key })
	if h != nil {
		s.removed = append(s.removed, deletion{typ, id, s.opt.Now().UTC()})
	}
	s.mu.Unlock()
}

// Resources is how many resources of a type there are.
func (s *Server) Resources(typ string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.resources {
		if h.typ == typ {
			n++
		}
	}
	return n
}

// IDs are the ids of a type, in the order of their last change.
func (s *Server) IDs(typ string) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.order {
		if h := s.resources[key]; h.typ == typ {
			ids = append(ids, h.id)
		}
	}
	return ids
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // the client is gone
	}
}

func outcome(w http.ResponseWriter, status int, code string) {
	send(w, status, map[string]any{"resourceType": "OperationOutcome", "issue": []any{map[string]any{"severity": "error", "code": code, "diagnostics": "a text that may name a patient: Jane Doe"}}})
}

// guarded lets in who has a token, and misbehaves as told for the kind.
func (s *Server) guarded(kind string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.misbehave(kind, w) {
			return
		}
		open := kind == "file" && s.fault().OpenFiles
		if len(s.opt.Clients) > 0 && !open && !s.known(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
			outcome(w, http.StatusUnauthorized, "login")
			return
		}
		if open && r.Header.Get("Authorization") != "" {
			outcome(w, http.StatusBadRequest, "security") // as storage with signed addresses does
			return
		}
		s.count(kind)
		h(w, r)
	}
}
