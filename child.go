package ember

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"ember/embeddings"
	"ember/models"
	"ember/recommender"
	"ember/store"
	"ember/terms"
	"ember/timelines"
)

// The files of a version of the recommender. The child writes both artifacts;
// the baseline becomes a version of its own.
const (
	artifactFile   = "recommender.ember"
	baselineFile   = "baseline.ember"
	embeddingsFile = "embeddings.ember"
	peopleFile     = "people.ember"
)

// RunChild does the job of a child process: it reads the job from in and writes
// messages to out. The process lowers its own priority first.
func RunChild(ctx context.Context, config Config, job string, in io.Reader, out io.Writer) error {
	lowerPriority()
	config = config.withDefaults()
	m := &messages{w: out, now: config.Now}
	if job == modelJob {
		return runModelChild(ctx, config, in, m)
	}
	var j childJob
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("ember: reading the job: %w", err)
	}
	c, err := openChild(config, j)
	if err == nil {
		var result childResult
		switch job {
		case "train":
			result, err = c.train(ctx, m.progress)
		case "eval":
			result.Eval, err = c.evaluate(ctx, m.progress)
		default:
			err = fmt.Errorf("ember: no such job %q", job)
		}
		m.end(result, err)
	} else {
		m.end(nil, err)
	}
	return err
}

// child has a checkpoint open.
type child struct {
	config    Config
	job       childJob
	terms     *terms.Terms
	store     *store.Store
	timelines *timelines.Timelines
	patients  []string // ids in order, nil = not listed yet

	mu      sync.Mutex
	failure error               // of reading timelines
	damaged map[string]struct{} // keyed hashes of who was left out
}

func openChild(config Config, job childJob) (*child, error) {
	t, err := terms.Load(config.TermsDir)
	if err != nil {
		return nil, fmt.Errorf("ember: %w", err)
	}
	s, err := store.Open(store.Options{Dir: job.Checkpoint, KeyFile: config.keyFile(), ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("ember: %w", err)
	}
	return &child{config: config, job: job, terms: t, store: s, timelines: timelines.New(timelineSpace{s.Space("timelines")}, 0)}, nil
}

func (c *child) train(ctx context.Context, progress Progress) (childResult, error) {
	var learned people
	against, why := c.against()
	answers, err := c.feedback()
	if err != nil {
		return childResult{}, err
	}
	artifact, err := recommender.Train(ctx, c.all(), c.terms, recommender.TrainOptions{Name: modelName, Seed: c.config.Seed, Against: against, Feedback: answers, Parts: parts{c.config.path(partsFolder)},
		Person: func(_ int, id string) { learned = append(learned, c.store.Tombstone(id)) }}, progress)
	if err := c.err(err); err != nil {
		return childResult{}, err
	}
	baseline := artifact.Baseline()
	for name, a := range map[string]*recommender.Artifact{artifactFile: artifact, baselineFile: baseline} {
		if err := writeArtifact(filepath.Join(c.job.Out, name), a); err != nil {
			return childResult{}, err
		}
	}
	if err := writeArtifact(filepath.Join(c.job.Out, peopleFile), learned); err != nil {
		return childResult{}, err
	}
	if err := c.embed(ctx); err != nil {
		return childResult{}, err
	}
	said, err := countSentences(ctx, c.store, c.timelines, func() {})
	if err != nil {
		return childResult{}, fmt.Errorf("ember: counting order sentences: %w", err)
	}
	r := artifact.Report()
	result := childResult{Patients: r.Patients, Samples: r.Samples, Version: artifact.Version, Baseline: baseline.Version, Metrics: map[string]models.Estimate{"difference": models.Estimate(r.Difference)}}
	result.Damaged, result.Head, result.Against, result.Sentences = c.leftOut(), c.store.Head(), compared(against, why), said
	for _, w := range r.Wants {
		for ranker, e := range w.AP {
			result.Metrics[w.Want+" "+ranker+" AP"] = models.Estimate(e)
		}
	}
	return result, nil
}

// embed fits what patients are compared by. Without a code that is frequent
// enough there is no file.
func (c *child) embed(ctx context.Context) error {
	model, err := embeddings.Fit(ctx, c.all(), embeddings.Options{Dim: vectorSize, Seed: c.config.Seed})
	if errors.Is(err, embeddings.ErrNoCodes) {
		return c.err(nil)
	}
	if err := c.err(err); err != nil {
		return err
	}
	return writeArtifact(filepath.Join(c.job.Out, embeddingsFile), model)
}

func writeArtifact(path string, a io.WriterTo) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("ember: writing %s: %w", filepath.Base(path), err)
	}
	_, err = a.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("ember: writing %s: %w", filepath.Base(path), err)
	}
	return nil
}
