package server

import (
	"context"
	"math"
	"net/http"
	"time"

	"ember/server/auth"
	"ember/server/cds"
)

// Risks says how likely an outcome is for a patient on record.
type Risks interface {
	// Risk asks a model, "" = the first of those that the site has chosen. It returns
	// ErrNotFound or ErrGone for who is not on record.
	Risk(ctx context.Context, model, patient string) (PatientRisk, error)
}

// PatientRisk is what a model says of a patient.
type PatientRisk struct {
	cds.Estimate
	// Outside: the model was not made for this patient at any moment so far; there is no
	// probability.
	Outside bool
}

type riskJSON struct {
	Patient     string           `json:"patient"`
	Model       string           `json:"model"`
	Version     string           `json:"version"`
	Outcome     string           `json:"outcome"`
	Outside     bool             `json:"outside"`
	At          *time.Time       `json:"at,omitempty"`
	Until       *time.Time       `json:"until,omitempty"`
	Probability *float64         `json:"probability,omitempty"`
	Threshold   float64          `json:"threshold"`
	Above       bool             `json:"above"`
	Reasons     []riskReasonJSON `json:"reasons"`
	Measured    []string         `json:"measured"`
}

type riskReasonJSON struct {
	Text   string  `json:"text"`
	Weight float64 `json:"weight"`
}

// mayForetell refuses who may not read all that a risk, with its reasons, tells of.
func (c *call) mayForetell(ctx context.Context, patient string) error {
	if !c.who.Has(auth.Read) {
		return c.deny(ctx, patient, "the right "+auth.Read.String()+" is missing", "give the token this right in the token file: the reasons of a risk tell what is on record")
	}
	if err := c.seePatient(ctx, patient); err != nil {
		return err
	}
	return c.mayAdvise(ctx, patient, true)
}

// patientRisk is GET /v1/patients/{id}/risk.
func (s *Server) patientRisk(ctx context.Context, c *call) error {
	if s.deps.Risks == nil {
		return ErrNotFound
	}
	patient, err := c.idParam()
	if err != nil {
		return err
	}
	if err := c.mayForetell(ctx, patient); err != nil {
		return err
	}
	model, _, err := one(c.r.URL.Query(), "model")
	if err != nil {
		return err
	}
	risk, err := s.deps.Risks.Risk(ctx, model, patient)
	if err != nil {
		return err
	}
	out := riskJSON{Patient: "Patient/" + patient, Model: risk.Model, Version: risk.Version, Outcome: risk.Outcome, Outside: risk.Outside, Threshold: risk.Threshold, Reasons: []riskReasonJSON{}, Measured: []string{}}
	if !risk.Outside {
		p := math.Round(risk.Probability*1e4) / 1e4
		out.At, out.Probability, out.Above, out.Measured = &risk.At, &p, risk.Above(), risk.Measured
		if !risk.Until.IsZero() {
			out.Until = &risk.Until
		}
		for _, r := range risk.Reasons {
			out.Reasons = append(out.Reasons, riskReasonJSON{r.Words, r.Share})
		}
	}
	if err := c.audit(ctx, c.entry(auth.ActionPredict, patient, "Model/"+risk.Model, http.StatusOK)); err != nil {
		return err
	}
	return c.answer(http.StatusOK, out)
}
