package server

import (
	"context"
	"net/http"
	"time"

	"ember/search"
	"ember/server/auth"
)

// fhirRoutes are the FHIR REST interface, beside the reads and writes by id.
func (s *Server) fhirRoutes() []route {
	return []route{
		{http.MethodGet, "/fhir/metadata", 0, true, classProbe, s.capabilities},
		{http.MethodGet, "/fhir/{type}", auth.Read, false, classAsk, s.finding(s.findByURL)},
		{http.MethodPost, "/fhir/{type}/_search", auth.Read, false, classAsk, s.finding(s.findByForm)},
		{http.MethodPut, "/fhir/{type}", auth.Write, false, classData, s.finding(s.updateWhere)},
		{http.MethodDelete, "/fhir/{type}", auth.Write, false, classData, s.finding(s.removeWhere)},
		{http.MethodGet, "/fhir/_history", auth.Search, false, classAsk, s.finding(s.historyOfAll)},
		{http.MethodGet, "/fhir/{type}/_history", auth.Search, false, classAsk, s.finding(s.historyOfType)},
		{http.MethodGet, "/fhir/{type}/{id}/_history", auth.Read, false, classData, s.finding(s.history)},
		{http.MethodGet, "/fhir/{type}/{id}/$everything", auth.Read, false, classAsk, s.finding(s.everything)},
		{http.MethodPost, "/fhir/{type}/{id}/$everything", auth.Read, false, classAsk, s.finding(s.everything)},
		{http.MethodPost, "/fhir/{type}/$lastn", auth.Read, false, classAsk, s.finding(s.lastN)},
		{http.MethodGet, "/fhir/{type}/$lastn", auth.Read, false, classAsk, s.finding(s.lastN)},
	}
}

// finding is a handler that needs the finder; without one nothing is there.
func (s *Server) finding(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.Finder == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}

// Finder finds stored resources.
type Finder interface {
	// Resume reads the cursor of a page that was given before.
	Resume(typ, cursor string) (*search.Query, *search.Cursor, error)
	// Find is one page; it returns ErrUnready while not everything can be found.
	Find(ctx context.Context, q *search.Query, scope *search.Scope, from *search.Cursor) (Found, error)
	// History is every version of a resource, newest first.
	History(ctx context.Context, typ, id string) ([]Resource, error)
	// Changes are versions of a type's resources, "" for all types, before a change, 0 for
	// the latest, newest first, until yield returns false. next is where to go on, 0 at the
	// end: a reading goes only so far at once.
	Changes(ctx context.Context, typ string, before uint64, yield func(Resource) bool) (next uint64, err error)
	// Everything is a part of what is in a patient's compartment, and of what that
	// refers to.
	Everything(ctx context.Context, patient string, ask search.Everything) (Found, error)
	// Refuses reports whether a patient's Consent keeps them out of searches across
	// patients.
	Refuses(patient string) bool
	// Sees reports whether a scope sees a resource, whose Body is as answers show it.
	Sees(scope *search.Scope, r *Resource) bool
	// Meets reports whether a resource that is not stored meets a query.
	Meets(ctx context.Context, q *search.Query, r *Resource) (bool, error)
}

// Found is one page of resources.
type Found struct {
	Matches, Included []Resource
	Total             int    // -1: not known
	First, Next       string // cursors, "" for none
	Cut               bool   // not everything that belongs to the matches is included
}

// sinceParam is a parameter that holds an instant or a date, zero for none.
func sinceParam(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	first, _, ok := interval(text)
	return time.UnixMilli(first).UTC(), ok
}
