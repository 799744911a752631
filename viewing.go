package ember

import (
	"context"
	"errors"
	"iter"

	"ember/ingest"
	"ember/server"
	"ember/store"
	"ember/timelines"
)

type views struct{ *App }

// OfType implements server.Views: what belongs to nobody first, then patient after
// patient.
func (v views) OfType(ctx context.Context, from server.ViewSource) iter.Seq2[server.Resource, error] {
	return func(yield func(server.Resource, error) bool) {
		if from.Patients != nil {
			for _, patient := range from.Patients {
				if !v.ofPatient(ctx, patient, from, yield) {
					return
				}
			}
			return
		}
		if !v.resources("", from, yield) {
			return
		}
		for patient, err := range v.store.Patients() {
			if err != nil {
				yield(server.Resource{}, translate(err))
				return
			}
			if patient != "" && !v.ofPatient(ctx, patient, from, yield) {
				return
			}
		}
	}
}

// ofPatient yields one patient's resources, unless their Consent refuses; false ends
// the iteration.
func (v views) ofPatient(ctx context.Context, patient string, from server.ViewSource, yield func(server.Resource, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(server.Resource{}, err)
		return false
	}
	chart, err := v.ingest.Chart(patient)
	switch {
	case err != nil && !errors.Is(err, timelines.ErrNotFound):
		yield(server.Resource{}, translate(err))
		return false
	case err == nil && chart.Timeline.Person.OptOut:
		return true
	}
	return v.resources(patient, from, yield)
}

func (v views) resources(patient string, from server.ViewSource, yield func(server.Resource, error) bool) bool {
	for res, err := range v.store.Patient(patient) {
		if err == nil && (res.Type != from.Type || res.Updated.Before(from.Since)) {
			continue
		}
		out, err := viewed(res, err)
		if !yield(out, err) || err != nil {
			return false
		}
	}
	return true
}

// viewed is a stored resource as it is served.
func viewed(res store.Resource, err error) (server.Resource, error) {
	out := server.Resource{Type: res.Type, ID: res.ID, Patient: res.Patient, Version: res.Version, Updated: res.Updated}
	if err == nil {
		out.Body, err = ingest.Served(res)
	}
	return out, translate(err)
}
