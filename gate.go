package ember

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"ember/models"
	"ember/recommender"
)

// leastUnseen is how many patients, unknown to the version that serves, a new one
// is compared with it on at least.
const leastUnseen = 50

// comparison is what a training found against the version that serves.
type comparison struct {
	Patients         int             `json:"patients"`
	Ranker, Baseline models.Estimate // over what serves
	Why              string          `json:"why,omitempty"` // why there is none, in words
	Kept             []recommender.Kept
}

// servedFolder is where the version that serves lies, whole; "" if there is none.
func (a *App) servedFolder() string {
	m, err := a.models.Served(modelName)
	if err != nil {
		return ""
	}
	dir, err := a.models.Path(modelName, m.Version)
	if err != nil {
		return ""
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return ""
	}
	return dir
}

// against opens the version that serves for a comparison, or says why not.
func (c *child) against() (*recommender.Comparison, string) {
	if c.job.Served == "" {
		return nil, "nothing whole serves yet"
	}
	known, err := readPeople(c.job.Served)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "what serves does not say whom it has learned from"
	}
	out := &recommender.Comparison{}
	if err == nil {
		err = readFile(filepath.Join(c.job.Served, artifactFile), func(r io.Reader) (err error) {
			out.Served, err = recommender.ReadArtifact(r, c.terms)
			return err
		})
	}
	if err != nil {
		return nil, "what serves cannot be read"
	}
	seen := make(map[[16]byte]struct{}, len(known))
	for _, h := range known {
		seen[h] = struct{}{}
	}
	out.Seen = func(patient string) bool {
		_, ok := seen[c.store.Tombstone(patient)]
		return ok
	}
	return out, ""
}

func compared(c *recommender.Comparison, why string) comparison {
	switch {
	case c == nil:
		return comparison{Why: why}
	case c.Patients < leastUnseen:
		return comparison{Patients: c.Patients, Why: fmt.Sprintf("only %d patients with orders are unknown to what serves, %d are needed", c.Patients, leastUnseen)}
	}
	return comparison{Patients: c.Patients, Ranker: models.Estimate(c.Ranker), Baseline: models.Estimate(c.Baseline), Kept: c.Kept}
}

// The names of what the version that served had kept of its promises, by want, among the
// metrics of the version that was compared with it.
const (
	keptRatio = "served kept, "
	keptError = "served calibration error, "
)

func keepKept(metrics map[string]models.Estimate, kept []recommender.Kept) {
	for _, k := range kept {
		metrics[keptRatio+k.Want] = models.Estimate{Value: k.Ratio, Low: k.Ratio, High: k.Ratio, N: k.Decisions}
		metrics[keptError+k.Want] = models.Estimate{Value: k.Error, Low: k.Error, High: k.Error, N: k.Decisions}
	}
}

// Calibration implements server.Watched: what the version that serves had kept of
// its promises when the newest version was compared with it.
func (a answering) Calibration() (out []recommender.Kept) {
	all, err := a.Models()
	if err != nil {
		return nil
	}
	serves := a.served.ref().Version
	for _, v := range all {
		m, err := a.models.Manifest(modelName, v.Version)
		if err != nil || m.Against != serves {
			continue
		}
		for w := recommender.Treatments; w <= recommender.Tests; w++ {
			if r, ok := m.Metrics[keptRatio+w.String()]; ok {
				out = append(out, recommender.Kept{Want: w.String(), Decisions: r.N, Ratio: r.Value, Error: m.Metrics[keptError+w.String()].Value})
			}
		}
		if out != nil {
			return out
		}
	}
	return nil
}

// verdict is the gate's: the kind of the new version that serves from now on, ""
// when what serves goes on, and the reason in words.
type verdict struct{ kind, why string }

// decide lets a new version serve. It is the ranker if that is better than the
// simple baseline of the same data, else that baseline; it must also be better
// than what serves, on patients of whom neither has learned. Without enough of
// them the first comparison decides alone, but a baseline takes no ranker's place.
// served is nil if nothing whole serves.
func decide(overBaseline models.Estimate, c comparison, served *models.Manifest) verdict {
	fresh := models.Gate(overBaseline)
	kind, over := "baseline", c.Baseline
	if fresh.Serve {
		kind, over = "ranker", c.Ranker
	}
	why := "the ranker against the best simple baseline of the same data: " + fresh.Why
	switch {
	case served == nil:
		return verdict{kind, why}
	case c.Why != "":
		why += "; not compared with what serves (" + served.Version + "): " + c.Why
		if !fresh.Serve && served.Kind != "baseline" {
			return verdict{"", why + ", which goes on serving"}
		}
		return verdict{kind, why}
	}
	d := models.Gate(over)
	why += fmt.Sprintf("; the %s against what serves (%s), on %d patients of whom neither has learned: %s", kind, served.Version, c.Patients, d.Why)
	if !d.Serve {
		return verdict{"", why + ", which goes on serving"}
	}
	return verdict{kind, why}
}
