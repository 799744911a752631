package ember

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"ember/aiaas"
	"ember/cohort"
	"ember/cohort/features"
	"ember/fhir"
	"ember/index"
	"ember/notify"
	"ember/record"
	"ember/server"
	"ember/server/cds"
)

// chosenRisk is a model whose risks this site shows.
type chosenRisk struct {
	model     string
	threshold float64
}

// parseRisks reads "MODEL THRESHOLD".
func parseRisks(lines []string) (all []chosenRisk, err error) {
	for i, line := range lines {
		words := strings.Fields(line)
		if len(words) != 2 {
			return nil, fmt.Errorf("risks: entry %d: want MODEL and THRESHOLD, parted by a space", i+1)
		}
		threshold, err := strconv.ParseFloat(words[1], 64)
		if err != nil || !(threshold > 0 && threshold < 1) {
			return nil, fmt.Errorf("risks: entry %d: the threshold must be above 0 and below 1", i+1)
		}
		all = append(all, chosenRisk{words[0], threshold})
	}
	return all, nil
}

// risking answers how likely outcomes are for a patient on record, by models that were
// made of cohorts.
type risking struct {
	*App
	chosen []chosenRisk
}

// risks is what answers CDS Hooks, nil where no model is chosen.
func (a *App) risks() cds.Risks {
	chosen, err := parseRisks(a.config.Risks)
	if err != nil || len(chosen) == 0 { // checked before
		return nil
	}
	return risking{a, chosen}
}

// Risks implements cds.Risks. A model that is not there, or was not made for such a
// patient, says nothing.
func (r risking) Risks(ctx context.Context, patient string) ([]cds.Estimate, error) {
	var all []cds.Estimate
	for _, c := range r.chosen {
		e, found, err := r.risk(ctx, c.model, patient)
		if errors.Is(err, aiaas.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if found {
			e.Threshold = c.threshold
			all = append(all, e)
		}
	}
	return all, nil
}

// Risk implements server.Risks.
func (r risking) Risk(ctx context.Context, model, patient string) (server.PatientRisk, error) {
	out := server.PatientRisk{}
	i := -1
	for k, c := range r.chosen {
		if c.model == model || model == "" {
			i = k
			break
		}
	}
	if i < 0 {
		return out, &server.Fault{Status: 404, Code: "not-found", Detail: "this is none of the models whose risks this site shows", Hint: "the setting risks names them"}
	}
	if _, err := r.ingest.Chart(patient); err != nil {
		return out, translate(err)
	}
	e, found, err := r.risk(ctx, r.chosen[i].model, patient)
	if err != nil {
		return out, err
	}
	e.Threshold = r.chosen[i].threshold
	return server.PatientRisk{Estimate: e, Outside: !found}, nil
}

// mostReasons is how many parts of a risk are shown.
const mostReasons = 5

// risk asks the version that serves, at the latest moment such as it was made of; found
// is false where there is none.
func (r risking) risk(ctx context.Context, model, patient string) (e cds.Estimate, found bool, err error) {
	v, err := r.service.Version(model, "")
	if err != nil {
		return e, false, err
	}
	e = cds.Estimate{Model: v.Name, Version: v.Version}
	if v.Origin == nil {
		return e, false, fmt.Errorf("ember: model %s was not made of a cohort: %w", model, aiaas.ErrInvalid)
	}
	s, err := cohort.DecodeSampling(v.Origin)
	if err != nil || s.Next != nil {
		return e, false, errors.Join(err, fmt.Errorf("ember: model %s tells no risk: %w", model, aiaas.ErrInvalid))
	}
	e.Outcome = s.Outcome()
	view := r.index.View()
	ord, known := view.Ordinal(patient)
	if !known {
		return e, false, nil
	}
	show, failed, err := r.shower(s)
	if err != nil {
		return e, false, err
	}
	samples, _, err := cohort.Ask(ctx, r.cohorts.Engine(), s, cohort.Matched{Set: index.NewSet(ord), View: view}, r.config.Now(), show)
	if err = cmp.Or(err, failed()); err != nil || len(samples) == 0 {
		return e, false, err
	}
	d, err := dataset(v, samples)
	if err != nil {
		return e, false, err
	}
	p, err := r.service.Predict(ctx, model, v.Version, d)
	if err != nil {
		return e, false, err
	}
	told := (cohortModels{r.App}).foretold(v, s, samples[0], p.Values[:p.Outputs])
	e.At, e.Until, e.Probability, e.Measured = told.At, s.Ends(told.At), told.Value, measuredOf(v)
	why, err := r.service.Explain(ctx, model, v.Version, d, 0, server.Yes)
	if err != nil {
		return e, false, err
	}
	e.Reasons = reasonsOf(why, r.terms.Display)
	return e, true, nil
}

// measuredOf is what the version's card says of how good it is, with intervals. A
// discrimination that chance explains is said to be so. A mean error is never below 0, so
// that samples drawn again have a greater one: only the upper end is told.
func measuredOf(v aiaas.Serving) []string {
	const of = ", measured on %d moments that it had not learned from"
	var all []string
	if v.Forced != "" {
		all = append(all, "It serves against the word of the gate, which says: "+v.Forced)
	}
	if e, ok := v.Measures["auroc"]; ok {
		all = append(all, fmt.Sprintf("It puts who has the outcome before who has not in %.1f %% (95 %% interval %.1f to %.1f %%) of pairs (AUROC)"+of, 100*e.Value, 100*e.Low, 100*e.High, e.N))
		if e.Low <= .5 {
			all = append(all, "That is not surely better than tossing a coin (50 %): do not rely on it to tell patients apart")
		}
	}
	if e, ok := v.Measures["ece"]; ok {
		all = append(all, fmt.Sprintf("Its probabilities were off by %.1f %% on average (95 %% interval up to %.1f %%; calibration error)"+of, 100*e.Value, 100*max(e.Value, e.High), e.N))
	}
	if len(all) == 0 {
		all = append(all, "How good it is was not measured")
	}
	return all
}

// leastShare is what a part of a risk has at least to be shown: less is +0.00.
const leastShare = .005

// reasonsOf are the strongest columns, in words.
func reasonsOf(why aiaas.Explanation, display func(record.Code) string) []cds.Reason {
	var all []cds.Reason
	strongest := slices.SortedStableFunc(slices.Values(why.Columns), func(a, b aiaas.ColumnShare) int {
		return cmp.Compare(math.Abs(b.Share), math.Abs(a.Share))
	})
	for _, c := range strongest {
		if len(all) == mostReasons || math.Abs(c.Share) < leastShare {
			break
		}
		all = append(all, cds.Reason{Words: features.Words(c.Name, c.Value, display), Share: c.Share})
	}
	return all
}

// risen are events for the models whose threshold a patient has reached since it was
// looked at last; now is filled with what holds.
func (a *App) risen(ctx context.Context, patient string, before, now map[string]bool) ([]notify.Event, error) {
	risks := a.risks()
	if risks == nil {
		return nil, nil
	}
	all, err := risks.Risks(ctx, patient)
	if err != nil {
		return nil, err
	}
	var events []notify.Event
	for _, e := range all {
		now[e.Model] = e.Above()
		if !e.Above() || before[e.Model] {
			continue
		}
		raw, err := a.riskResource(patient, e)
		if err != nil {
			return nil, err
		}
		events = append(events, notify.Event{Topic: notify.RiskAboveThreshold, Patient: patient, Model: e.Model, At: a.config.Now(), Resource: raw})
	}
	return events, nil
}

// riskResource is a risk as FHIR; the same moment and version give the same id.
func (a *App) riskResource(patient string, e cds.Estimate) ([]byte, error) {
	id := hex.EncodeToString(a.store.HMAC([]byte("risk " + e.Model + "/" + e.Version + " " + patient + " " + e.At.UTC().Format(time.RFC3339Nano)))[:16])
	return fhir.RiskAssessment(fhir.Risk{ID: id, Patient: patient, Model: e.Model, Version: e.Version, At: e.At, Until: e.Until, Outcome: e.Outcome,
		Probability: e.Probability, Measured: strings.Join(e.Measured, "; ")})
}
