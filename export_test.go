package ember

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"ember/aiaas"
	"ember/cohort"
	"ember/index"
	"ember/models"
	"ember/server"
)

// Vector is what the served version makes of a patient now, nil for none.
func (a *App) Vector(patient string) ([]float32, error) {
	c, err := a.ingest.Chart(patient)
	if err != nil {
		return nil, err
	}
	return a.served.encode(c.Timeline), nil
}

// Likeness is how alike a vector is to the one that the index has of a patient;
// ok is false if it has none.
func (a *App) Likeness(patient string, vector []float32) (likeness float32, ok bool) {
	view := a.index.View()
	ordinal, known := view.Ordinal(patient)
	if !known {
		return 0, false
	}
	only := index.Collect(func(yield func(uint32) bool) { yield(ordinal) })
	for _, n := range view.Nearest(vector, 1, &only) {
		return n.Score, true
	}
	return 0, false
}

// Bare makes a version of what serves without embeddings, as of a hospital where
// no code was frequent enough.
func (a *App) Bare(version string) error {
	dir := a.servedFolder()
	bare, err := os.MkdirTemp(a.config.Data, evalFolder)
	if err != nil {
		return err
	}
	defer os.RemoveAll(bare)
	for _, name := range []string{artifactFile, peopleFile} {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(bare, name)); err != nil {
			return err
		}
	}
	_, err = a.create(models.Manifest{Kind: "baseline", Version: version}, bare, artifactFile)
	return err
}

// Events counts the events in a patient's chart.
func (a *App) Events(patient string) (int, error) {
	c, err := a.ingest.Chart(patient)
	return len(c.Events), err
}

// MayBeTold reports whether who subscribed may be told now.
func (a *App) MayBeTold(owner, patient string) bool { return a.mayBeTold(owner, patient) }

// Scores are the scores of a model, by patient.
func (a *App) Scores(model string) (map[string]cohort.PatientScore, error) {
	_, scores, err := a.scores.Scores(context.Background(), model)
	return scores, err
}

// PutScore keeps a score as a version's.
func (a *App) PutScore(model, version, patient string, value float64) error {
	return a.scores.put(aiaas.Serving{Name: model, Version: version}, "", []server.Foretold{{Patient: patient, Value: value}})
}

// Shown is what a sampling shows of its moments, by patient: the last of each.
func (a *App) Shown(sampling string) (map[string]map[string]string, error) {
	s, err := cohort.DecodeSampling([]byte(sampling))
	if err != nil {
		return nil, err
	}
	show, failed, err := a.shower(s)
	if err != nil {
		return nil, err
	}
	samples, _, err := cohort.Draw(context.Background(), a.cohorts.Engine(), s, a.config.Now(), show)
	all := map[string]map[string]string{}
	for _, one := range samples {
		all[one.Patient] = one.Row.cells
	}
	return all, errors.Join(err, failed())
}

// WriteRisks writes risks of patients that were computed after a change of the log, and
// gives whom scores are kept of then.
func (a *App) WriteRisks(ctx context.Context, patients []string, since uint64) (scored []string, err error) {
	var all []server.Foretold
	for _, p := range patients {
		all = append(all, server.Foretold{Patient: p, At: a.config.Now(), Value: .5})
	}
	sampling, err := cohort.DecodeSampling([]byte(`{"index":"encounter:IMP","after":"24h","label":"life:dead","horizon":"30d"}`))
	if err != nil {
		return nil, err
	}
	v := aiaas.Serving{Name: "deaths", Version: "1"}
	if err := (cohortModels{a}).author(ctx, v, sampling, all, since); err != nil {
		return nil, err
	}
	_, scores, err := a.scores.Scores(ctx, v.Name)
	return slices.Sorted(maps.Keys(scores)), err
}

// Head is the last change of the log.
func (a *App) Head() uint64 { return a.store.Head() }
