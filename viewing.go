package ember

import (
	"context"
	"errors"
	"iter"

	"ember/fhir"
	"ember/ingest"
	"ember/server"
	"ember/store"
)

type views struct{ *App }

// rare is how many resources there are for each of a type when it is faster to look
// the type up than to read past the others.
const rare = 24

// OfType implements server.Views, over the store as it is when the iteration begins:
// patient after patient, or, of a rare type, by date.
func (v views) OfType(ctx context.Context, from server.ViewSource) iter.Seq2[server.Resource, error] {
	return func(yield func(server.Resource, error) bool) {
		told := consents{finder(v), "", false}
		if from.Patients == nil && v.isRare(from.Type) {
			v.listed(ctx, from, &told, yield)
			return
		}
		snap := v.store.Snapshot()
		defer snap.Close()
		scan := store.Scan{Types: []string{from.Type}}
		if from.Patients != nil {
			scan.Patients = noErrors(from.Patients)
		}
		for res, err := range snap.Read(ctx, scan) {
			if err == nil && (res.Updated.Before(from.Since) || told.refuse(res)) {
				continue
			}
			if err != nil {
				res = new(store.Resource)
			}
			if out, err := viewed(*res, err); !yield(out, err) || err != nil {
				return
			}
		}
	}
}

// isRare reports whether the type is little of all there is.
func (v views) isRare(typ string) bool {
	var all int64
	counts := v.store.Counts()
	for _, n := range counts {
		all += n
	}
	return counts[typ]*rare < all && v.ingest.Searchable()
}

// listed yields a type by its lists.
func (v views) listed(ctx context.Context, from server.ViewSource, told *consents, yield func(server.Resource, error) bool) {
	spans := []store.Span{{List: fhir.TypeList(from.Type, false), To: store.MaxPlace}, {List: fhir.TypeList(from.Type, true), To: store.MaxPlace}}
	for entry, err := range v.store.Scan(spans, false, nil) {
		var res store.Resource
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			res, err = v.store.At(entry.Position)
		}
		gone := errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone)
		if gone || err == nil && (res.Type != from.Type || res.Updated.Before(from.Since) || told.refuse(&res)) {
			continue
		}
		if out, err := viewed(res, err); !yield(out, err) || err != nil {
			return
		}
	}
}

// consents asks once for patients whose resources follow each other.
type consents struct {
	finder finder
	last   string
	no     bool
}

// refuse reports whether the Consent of whose the resource is keeps it from uses beyond
// their own care.
func (c *consents) refuse(r *store.Resource) bool {
	patient := r.Patient
	if r.Type == "Patient" {
		patient = r.ID
	}
	if patient != c.last {
		c.last, c.no = patient, patient != "" && c.finder.Refuses(patient)
	}
	return c.no
}

func noErrors(list []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// viewed is a stored resource as it is served.
func viewed(res store.Resource, err error) (server.Resource, error) {
	out := server.Resource{Type: res.Type, ID: res.ID, Patient: res.Patient, Version: res.Version, Updated: res.Updated}
	if err == nil {
		out.Body, err = ingest.Served(res)
	}
	return out, translate(err)
}
