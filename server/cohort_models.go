package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"ember/aiaas"
	"ember/cohort"
	"ember/server/auth"
)

// Yes is the class of samples whose label holds.
const Yes = "yes"

// CohortModels makes data sets of cohorts, and has models that were made of them answer
// for cohorts. Its errors are those of cohort and of aiaas.
type CohortModels interface {
	// Draw makes the data set of a name.
	Draw(ctx context.Context, name string, s cohort.Sampling, now time.Time) (DrawnDataset, error)
	// Predict asks the version that serves about everybody who meets the question.
	// With write, what it says is stored as RiskAssessments.
	Predict(ctx context.Context, model string, q cohort.Question, write bool) (CohortPrediction, error)
}

// DrawnDataset is a data set made of a cohort, with what is wrong with it.
type DrawnDataset struct {
	Info   aiaas.DatasetInfo
	Report *aiaas.Report
	Drawn  cohort.Drawn
}

// CohortPrediction is what a version says of a cohort's patients.
type CohortPrediction struct {
	Model    aiaas.Serving
	Outcome  string // what is foretold, in words
	Asked    cohort.Asked
	Patients []Foretold
}

// Foretold is what is said of one patient: a probability, or a number with its interval.
type Foretold struct {
	Patient   string
	At        time.Time // the moment that was asked about
	Value     float64
	Low, High *float64
	Resource  string // the RiskAssessment it was written as, "" = it was not
}

// cohortModelRoutes are the routes of data sets and predictions of cohorts.
func (s *Server) cohortModelRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/models/{name}/cohort", auth.Predict | auth.Members, false, classLoad, s.drawing(s.predictCohort)},
	}
}

func (s *Server) drawing(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.CohortModels == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}

// drawDataset is POST /v1/datasets/{name}?from=cohort. What it says is exact, and the
// samples are patients: it needs the right members too.
func (s *Server) drawDataset(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	if s.deps.CohortModels == nil {
		return ErrNotFound
	}
	if !c.who.Has(auth.Members) {
		return c.deny(ctx, "", "the right members is missing", "give the token this right in the token file")
	}
	body, err := c.smallBody()
	if err != nil {
		return err
	}
	sampling, err := cohort.DecodeSampling(body)
	if err != nil {
		return asSent(err)
	}
	var out DrawnDataset
	err = c.changed(ctx, "Dataset/"+name, http.StatusCreated, func() (err error) {
		out, err = s.deps.CohortModels.Draw(ctx, name, sampling, c.begun)
		return asSent(err)
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, map[string]any{"dataset": out.Info, "report": out.Report, "drawn": out.Drawn})
}

// asSent names the path in the body.
func asSent(err error) error {
	err = placed(err, "")
	if f := faultOf(err); err != nil && strings.HasPrefix(f.Path, "definition.") {
		inner := *f
		inner.Path = strings.TrimPrefix(f.Path, "definition.")
		return &inner
	}
	return err
}

type foretoldJSON struct {
	Patient  string    `json:"patient"`
	At       time.Time `json:"at"`
	Value    float64   `json:"value"`
	Low      *float64  `json:"low,omitempty"`
	High     *float64  `json:"high,omitempty"`
	Resource string    `json:"resource,omitempty"`
}

// predictCohort is POST /v1/models/{name}/cohort: a definition as for count, or the name
// of a saved cohort, and "write": true to store what is said.
func (s *Server) predictCohort(ctx context.Context, c *call) error {
	var q struct {
		cohortRequest
		Write bool `json:"write"`
	}
	if err := c.parse(&q); err != nil {
		return err
	}
	if q.Write && !c.who.Has(auth.Write) {
		return c.deny(ctx, "", "the right write is missing", "ask without write")
	}
	asked := cohort.Question{Criterion: cohort.Criterion{Cohort: q.Name}, Now: c.begun}
	if q.Name == "" {
		var err error
		if asked, err = q.question(c.begun); err != nil {
			return err
		}
	}
	if err := c.naming(&asked); err != nil {
		return err
	}
	if q.Write {
		if err := c.auditBegun(ctx, "", "RiskAssessment"); err != nil {
			return err
		}
	}
	said, err := s.deps.CohortModels.Predict(ctx, c.params.ByName("name"), asked, q.Write)
	if err != nil {
		return placed(err, q.Text)
	}
	entries := []auth.Entry{c.entry(auth.ActionPredict, "", "Model/"+said.Model.Name, http.StatusOK)}
	all := make([]foretoldJSON, 0, len(said.Patients))
	for _, f := range said.Patients {
		entries = append(entries, c.entry(auth.ActionPredict, f.Patient, f.Resource, http.StatusOK))
		all = append(all, foretoldJSON{"Patient/" + f.Patient, f.At, f.Value, f.Low, f.High, f.Resource})
	}
	if err := c.audit(ctx, entries...); err != nil {
		return err
	}
	return c.answer(http.StatusOK, map[string]any{"model": said.Model, "outcome": said.Outcome, "asked": said.Asked, "predictions": all})
}
