package ember

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"ember/fhir"
	"ember/index"
	"ember/ingest"
	"ember/recommender"
	"ember/recommender/feedback"
	"ember/server"
	"ember/store"
	"ember/timelines"
)

// The adapters give the server the rooms in the shape it asks for.

// translate turns the rooms' errors into those the server has a status for.
func translate(err error) error {
	for _, t := range []struct{ from, to error }{
		{store.ErrNotFound, server.ErrNotFound}, {store.ErrGone, server.ErrGone}, {store.ErrConflict, server.ErrVersion},
		{timelines.ErrNotFound, server.ErrNotFound}, {fhir.ErrTooLarge, server.ErrTooLarge}, {fhir.ErrBomb, server.ErrTooLarge},
	} {
		if errors.Is(err, t.from) {
			return fmt.Errorf("%w (%w)", t.to, err)
		}
	}
	return err
}

type writer struct{ *App }

// Put implements server.Writer.
func (w writer) Put(ctx context.Context, in server.Write) (server.Written, error) {
	on := ingest.Condition{IfVersion: in.IfVersion, IfNoneExist: in.IfNoneExist, Where: in.Where}
	if in.IfAbsent {
		on.IfVersion = store.Absent
	}
	o, err := w.ingest.Put(ctx, in.Type, in.ID, in.Body, on)
	if err != nil {
		return server.Written{}, translate(err)
	}
	if o.Status >= 400 {
		return server.Written{}, &server.Fault{Status: o.Status, Code: "invalid", Issues: o.Issues}
	}
	return written(o), nil
}

// Delete implements server.Writer.
func (w writer) Delete(ctx context.Context, typ, id string, ifVersion uint64) (server.Written, error) {
	o, err := w.ingest.Delete(ctx, typ, id, ifVersion)
	if err != nil {
		return server.Written{}, translate(err)
	}
	return written(o), nil
}

// DeleteWhere implements server.Writer.
func (w writer) DeleteWhere(ctx context.Context, typ, where string) (server.Written, error) {
	o, err := w.ingest.DeleteWhere(ctx, typ, where)
	if err != nil {
		return server.Written{}, translate(err)
	}
	if o.Status >= 400 {
		return server.Written{}, &server.Fault{Status: o.Status, Code: "invalid", Issues: o.Issues}
	}
	return written(o), nil
}

func written(o ingest.Outcome) server.Written {
	return server.Written{ID: o.ID, Version: o.Version, Updated: o.Updated, Patient: o.Patient,
		Created: o.Status == http.StatusCreated, Issues: o.Issues}
}

type resources struct{ *App }

// Read implements server.Resources.
func (r resources) Read(_ context.Context, typ, id string, version uint64, raw bool) (server.Resource, error) {
	var res store.Resource
	var err error
	if version == 0 {
		res, err = r.store.Get(typ, id)
	} else {
		res, err = r.store.Version(typ, id, version)
	}
	if err == nil && res.Deleted {
		err = store.ErrGone
	}
	if err != nil {
		return server.Resource{}, translate(err)
	}
	out := server.Resource{Type: res.Type, ID: res.ID, Patient: res.Patient, Version: res.Version, Updated: res.Updated, Body: res.Raw}
	if !raw {
		out.Body, err = ingest.Served(res)
	}
	return out, err
}

type charts struct{ *App }

// Chart implements server.Charts.
func (c charts) Chart(_ context.Context, patient string) (server.Chart, error) {
	chart, err := c.ingest.Chart(patient)
	if err != nil {
		return server.Chart{}, translate(err)
	}
	return server.Chart{Timeline: chart.Timeline, Version: chart.Version, Key: hex.EncodeToString(c.store.HMAC([]byte(patient)))}, nil
}

type searcher struct{ *App }

// Search implements server.Searcher.
func (s searcher) Search(ctx context.Context, q server.SearchQuery) (server.SearchResults, error) {
	view := s.index.View()
	ask := index.Query{Text: q.Text, Kinds: q.Kinds, Limit: q.Limit, ExcludeOptOut: true}
	if q.Patients != nil { // their own care
		var only []uint32
		for _, id := range q.Patients {
			if ord, ok := view.Ordinal(id); ok {
				only = append(only, ord)
			}
		}
		filter := index.NewSet(only...)
		ask.Filter, ask.ExcludeOptOut = &filter, false
	}
	found, err := view.Search(ctx, ask)
	if err != nil {
		return server.SearchResults{}, err
	}
	out := server.SearchResults{Total: found.Total}
	for _, c := range found.Concepts {
		out.Concepts = append(out.Concepts, server.ConceptHit{Code: c.Code, Kind: c.Kind, Patients: c.Patients})
	}
	for _, p := range found.Patients {
		hit := server.PatientHit{Patient: p.Patient, Score: p.Score}
		for _, w := range p.Why {
			hit.Why = append(hit.Why, wordsOf(w))
		}
		out.Patients = append(out.Patients, hit)
	}
	for _, n := range found.Notes {
		out.Notes = append(out.Notes, server.NoteHit{Source: n.Source, Patient: n.Patient, Score: n.Score, Fragment: n.Fragment})
	}
	return out, nil
}

// wordsOf says in words why a patient was found.
func wordsOf(w index.Why) string {
	switch {
	case w.Source != "":
		return "note: " + w.Source
	case w.Display != "":
		return w.Kind.String() + ": " + w.Display
	}
	return w.Kind.String() + ": " + w.Code.Value
}

type health struct{ *App }

// State implements server.Health.
func (h health) State(context.Context) server.State {
	lag, failure := h.ingest.Lag()
	s := server.State{Open: true, IndexLag: lag, Versions: h.versions(), Degraded: h.degraded()}
	if failure != nil {
		h.config.Log.Error("the index cannot follow", "error", failure)
		s.Degraded = append(s.Degraded, "index")
	}
	return s
}

// WaitIndex implements server.Health.
func (h health) WaitIndex(ctx context.Context) error { return h.ingest.Wait(ctx) }

// answering is the recommender with what is on record of it.
type answering struct{ *App }

// Recommend implements server.Recommender.
func (a answering) Recommend(ctx context.Context, q recommender.Query) (recommender.Answer, error) {
	engine := a.served.engine.Load()
	if engine == nil {
		return recommender.Answer{}, errUntrained()
	}
	if q.Explore != nil {
		q.Explore = a.exploration(&q)
	}
	answer, err := engine.Recommend(ctx, q)
	if err == nil {
		a.shadow.cast(ctx, q, answer)
	}
	return answer, err
}

// Learned implements server.Recommender.
func (a answering) Learned() (feedback.Learned, error) {
	engine := a.served.engine.Load()
	if engine == nil {
		return feedback.Learned{}, errUntrained()
	}
	return engine.Artifact().Learned(), nil
}

// Drift implements server.Recommender.
func (a answering) Drift() []recommender.Drift {
	engine := a.served.engine.Load()
	if engine == nil {
		return nil
	}
	return engine.Drift()
}

// Card implements server.Recommender.
func (a answering) Card() (recommender.Card, error) {
	engine := a.served.engine.Load()
	if engine == nil {
		return recommender.Card{}, errUntrained()
	}
	m, err := a.models.Served(modelName)
	if err != nil {
		return recommender.Card{}, fmt.Errorf("ember: %w", err)
	}
	return engine.Artifact().Card(recommender.Maker{Made: m.Created, Code: m.Code, Gate: m.Gate, Forced: m.Forced}), nil
}
