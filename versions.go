package ember

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ember/models"
	"ember/server"
)

// ModelVersion is one version of the recommender, for people.
type ModelVersion struct {
	Version  string    `json:"version"`
	Kind     string    `json:"kind"`
	Created  time.Time `json:"created"`
	Patients int       `json:"patients"`
	Measured string    `json:"measured"`
	Serves   bool      `json:"serves"`
	Forced   bool      `json:"forced"`
}

// overServed names the difference from the version that served, among the metrics.
const overServed = "over served"

// enroll makes two versions of a training, the baseline and the ranker, and
// serves the one that the gate chooses, if any.
func (a *App) enroll(dir string, r childResult, s *TrainSummary) error {
	var served *models.Manifest
	manifest := models.Manifest{Seed: a.config.Seed, Code: Version(), Data: models.Data{Version: fmt.Sprint(r.Head), Patients: r.Patients}}
	if m, err := a.models.Served(modelName); err == nil {
		manifest.Against = m.Version
		if a.models.Verify(modelName, m.Version) == nil {
			served = &m
		}
	}
	v := decide(r.Metrics["difference"], r.Against, served)
	manifest.Gate = v.why
	baseline, ranker := manifest, manifest
	baseline.Kind, baseline.Version, baseline.Parent, baseline.Metrics = "baseline", r.Baseline, manifest.Against, map[string]models.Estimate{}
	ranker.Kind, ranker.Version, ranker.Parent, ranker.Metrics = "ranker", r.Version, r.Baseline, r.Metrics
	if r.Against.Why == "" {
		baseline.Metrics[overServed], ranker.Metrics[overServed] = r.Against.Baseline, r.Against.Ranker
		keepKept(ranker.Metrics, r.Against.Kept)
	}
	made := map[string]models.Manifest{}
	for _, m := range []struct {
		models.Manifest
		file string
	}{{baseline, baselineFile}, {ranker, artifactFile}} {
		created, err := a.create(m.Manifest, dir, m.file)
		if err != nil {
			return err
		}
		made[m.Kind] = created
	}
	chosen := manifest.Against
	if v.kind != "" {
		chosen = made[v.kind].Version
		if err := a.serveVersion(made[v.kind], false); err != nil {
			return err
		}
	}
	s.Version, s.Served, s.Decision = made["ranker"].Version, modelName+" "+chosen, v.why
	return nil
}

// create makes a version. Its name is the hash of what was fitted, as answers
// give it, so the same data and seed come to the version that is there already.
func (a *App) create(m models.Manifest, dir, artifact string) (models.Manifest, error) {
	made, err := a.models.Create(modelName, m, func(to string) error { return moveIn(dir, to, artifact) })
	if errors.Is(err, models.ErrExists) {
		return a.models.Manifest(modelName, m.Version)
	}
	return made, err
}

// moveIn fills a version's folder with an artifact, whom it has learned from, and
// the embeddings.
func moveIn(from, to, artifact string) error {
	if err := copyFile(filepath.Join(from, artifact), filepath.Join(to, artifactFile)); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(from, peopleFile), filepath.Join(to, peopleFile)); err != nil {
		return err
	}
	err := copyFile(filepath.Join(from, embeddingsFile), filepath.Join(to, embeddingsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// serveVersion loads a version first and promotes it when that went well, so
// that what is recorded as serving does serve.
func (a *App) serveVersion(m models.Manifest, forced bool) error {
	if err := a.models.Verify(modelName, m.Version); err != nil {
		return err
	}
	if err := a.swap(m); err != nil {
		return err
	}
	return a.models.Promote(modelName, m.Version, forced)
}

// Models lists the versions of the recommender, newest first.
func (a *App) Models() ([]ModelVersion, error) {
	all, err := a.models.List(modelName)
	if err != nil && !errors.Is(err, models.ErrNotFound) && len(all) == 0 {
		return nil, fmt.Errorf("ember: %w", err)
	}
	serves := ""
	if m, err := a.models.Served(modelName); err == nil {
		serves = m.Version
	}
	out := make([]ModelVersion, 0, len(all))
	for _, m := range all {
		out = append(out, ModelVersion{m.Version, m.Kind, m.Created, m.Data.Patients, measured(m), m.Version == serves, m.Forced})
	}
	slices.SortFunc(out, func(a, b ModelVersion) int { return b.Created.Compare(a.Created) })
	return out, nil
}

// measured is the gate's figure in words.
func measured(m models.Manifest) string {
	d, ok := m.Metrics["difference"]
	if !ok {
		return m.Kind
	}
	return fmt.Sprintf("AP %+.3f [%+.3f, %+.3f] over the baseline, %d decisions", d.Value, d.Low, d.High, d.N)
}

// Promote serves a version. Against the gate's word it needs force, which is
// recorded.
func (a *App) Promote(version string, force bool) ([]ModelVersion, error) {
	m, err := a.models.Manifest(modelName, version)
	if errors.Is(err, models.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", server.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ember: %w", err)
	}
	why := a.objection(m)
	if why != "" && !force {
		return nil, fmt.Errorf("%w by the gate: %s; --force serves it all the same, and records that", errRefused, why)
	}
	if err := a.serveVersion(m, why != ""); err != nil {
		return nil, fmt.Errorf("ember: promoting: %w", err)
	}
	if _, err := a.ingest.Revector(a.served.vectorsBy()); err != nil {
		return nil, fmt.Errorf("ember: promoting: %w", err)
	}
	return a.Models()
}

// objection is why the gate would not have a version serve, "" if it would: a
// ranker is no better than its baseline, or a version no better than the one that
// served when it was made and does still.
func (a *App) objection(m models.Manifest) string {
	if m.Kind != "baseline" {
		if d := models.Gate(m.Metrics["difference"]); !d.Serve {
			return "against the best simple baseline of the same data: " + d.Why
		}
	}
	over, measured := m.Metrics[overServed]
	served, err := a.models.Served(modelName)
	if err != nil || !measured || served.Version != m.Against || served.Version == m.Version {
		return ""
	}
	if d := models.Gate(over); !d.Serve {
		return "against what serves (" + served.Version + "): " + d.Why
	}
	return ""
}

// Rollback serves the version that served before.
func (a *App) Rollback() ([]ModelVersion, error) {
	m, err := a.models.Rollback(modelName)
	if errors.Is(err, models.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", server.ErrNotFound, err)
	}
	if err == nil {
		err = a.swap(m)
	}
	if err == nil {
		_, err = a.ingest.Revector(a.served.vectorsBy())
	}
	if err != nil {
		return nil, fmt.Errorf("ember: rolling back: %w", err)
	}
	return a.Models()
}

// Refused reports whether err says that something was refused for safety.
func Refused(err error) bool { return errors.Is(err, errRefused) }
