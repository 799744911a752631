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

// enroll makes two versions of a training, the baseline and the ranker, and
// serves the one that the gate chooses.
func (a *App) enroll(dir string, r childResult, s *TrainSummary) error {
	parent := ""
	if m, err := a.models.Served(modelName); err == nil {
		parent = m.Version
	}
	manifest := models.Manifest{Kind: "ranker", Seed: a.config.Seed, Code: Version(), Parent: parent, Metrics: r.Metrics,
		Data: models.Data{Version: fmt.Sprint(a.store.Head()), Patients: r.Patients}}
	baseline := manifest
	baseline.Kind, baseline.Metrics, baseline.Version = "baseline", nil, r.Baseline
	base, err := a.create(baseline, dir, baselineFile)
	if err != nil {
		return err
	}
	manifest.Parent, manifest.Version = base.Version, r.Version
	ranker, err := a.create(manifest, dir, artifactFile)
	if err != nil {
		return err
	}
	decision := models.Gate(r.Metrics["difference"])
	chosen := ranker
	if !decision.Serve {
		chosen = base
	}
	if err := a.serveVersion(chosen, false); err != nil {
		return err
	}
	s.Version, s.Served = ranker.Version, modelName+" "+chosen.Version
	s.Decision = "the ranker against the best simple baseline of the same data: " + decision.Why
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

// moveIn fills a version's folder with an artifact and the embeddings.
func moveIn(from, to, artifact string) error {
	if err := copyFile(filepath.Join(from, artifact), filepath.Join(to, artifactFile)); err != nil {
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
	forced := false
	if m.Kind != "baseline" {
		if d := models.Gate(m.Metrics["difference"]); !d.Serve {
			if !force {
				return nil, fmt.Errorf("%w by the gate: %s; --force serves it all the same, and records that", errRefused, d.Why)
			}
			forced = true
		}
	}
	if err := a.serveVersion(m, forced); err != nil {
		return nil, fmt.Errorf("ember: promoting: %w", err)
	}
	if _, err := a.ingest.Refresh(); err != nil {
		return nil, fmt.Errorf("ember: promoting: %w", err)
	}
	return a.Models()
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
		_, err = a.ingest.Refresh()
	}
	if err != nil {
		return nil, fmt.Errorf("ember: rolling back: %w", err)
	}
	return a.Models()
}

// Refused reports whether err says that something was refused for safety.
func Refused(err error) bool { return errors.Is(err, errRefused) }
