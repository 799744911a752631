package ember

import (
	"context"
	"fmt"

	"ember/ingest"
	"ember/search"
	"ember/server"
	"ember/store"
)

// finder searches resources.
type finder struct{ *App }

// engine searches what is stored.
func (a *App) engine() *search.Engine {
	return &search.Engine{Store: a.store, Now: a.config.Now, Terms: a.terms,
		Units: func(v float64, from, to string) (float64, bool) { return a.terms.Convert(v, from, to, "") }}
}

// Resume implements server.Finder.
func (f finder) Resume(typ, cursor string) (*search.Query, *search.Cursor, error) {
	return f.search.Resume(typ, cursor)
}

// Find implements server.Finder.
func (f finder) Find(ctx context.Context, q *search.Query, scope *search.Scope, from *search.Cursor) (server.Found, error) {
	if !f.ingest.Searchable() {
		return server.Found{}, fmt.Errorf("ember: what is stored gets its search keys: %w", server.ErrUnready)
	}
	page, err := f.search.Search(ctx, q, scope, from)
	if err != nil {
		return server.Found{}, err
	}
	return foundOf(page)
}

func foundOf(page *search.Page) (out server.Found, err error) {
	out = server.Found{Total: page.Total, First: page.First, Next: page.Next, Cut: page.Cut}
	if out.Matches, err = servedAll(page.Matches); err != nil {
		return out, err
	}
	out.Included, err = servedAll(page.Included)
	return out, err
}

func servedAll(list []store.Resource) ([]server.Resource, error) {
	out := make([]server.Resource, len(list))
	for i := range list {
		var err error
		if out[i], err = servedOne(list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func servedOne(r store.Resource) (server.Resource, error) {
	out := server.Resource{Type: r.Type, ID: r.ID, Patient: r.Patient, Version: r.Version, Updated: r.Updated, Deleted: r.Deleted}
	if r.Deleted {
		return out, nil
	}
	var err error
	out.Body, err = ingest.Served(r)
	return out, err
}

// History implements server.Finder.
func (f finder) History(_ context.Context, typ, id string) ([]server.Resource, error) {
	versions, err := f.store.History(typ, id)
	if err != nil {
		return nil, translate(err)
	}
	return servedAll(versions)
}

// Everything implements server.Finder.
func (f finder) Everything(ctx context.Context, patient string, ask search.Everything) (server.Found, error) {
	page, err := f.search.Everything(ctx, patient, ask)
	if err != nil {
		return server.Found{}, translate(err)
	}
	return foundOf(page)
}

// Refuses implements server.Finder.
func (f finder) Refuses(patient string) bool {
	if !f.ingest.Settled(patient) { // the index does not know the latest yet
		chart, err := f.ingest.Chart(patient)
		return err == nil && chart.Timeline.Person.OptOut
	}
	view := f.index.View()
	at, ok := view.Ordinal(patient)
	return ok && view.Patient(at).OptOut
}

// Sees implements server.Finder.
func (f finder) Sees(scope *search.Scope, r *server.Resource) bool {
	return f.search.Sees(scope, &store.Resource{Type: r.Type, ID: r.ID, Patient: r.Patient, Version: r.Version, Updated: r.Updated}, r.Body)
}

// Meets implements server.Finder.
func (f finder) Meets(ctx context.Context, q *search.Query, r *server.Resource) (bool, error) {
	return f.search.Filter(q, nil).Match(ctx, &store.Resource{Type: r.Type, ID: r.ID}, r.Body)
}
