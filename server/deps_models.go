package server

import (
	"context"
	"io"
	"iter"

	"ember/aiaas"
)

// Models is what the server needs of the model service; *aiaas.Service is it. Its
// errors are those of aiaas and those in this package.
type Models interface {
	Datasets
	DatasetKeeper
	Jobs
	JobKeeper
	Versions
	Papers
	Promoter
	Shadower
	Predictor
	Explainer
}

// Datasets keeps uploads.
type Datasets interface {
	// PutDataset takes the files that next gives until io.EOF.
	PutDataset(ctx context.Context, name string, s aiaas.Schema, next func() (aiaas.File, error)) (aiaas.DatasetInfo, *aiaas.Report, error)
	Datasets() ([]aiaas.DatasetInfo, error)
}

// DatasetKeeper knows and removes single datasets.
type DatasetKeeper interface {
	Dataset(name string) (aiaas.DatasetInfo, error)
	Report(ctx context.Context, name string) (*aiaas.Report, error)
	DeleteDataset(name string) error
}

// Jobs trains models.
type Jobs interface {
	Submit(r aiaas.JobRequest) (aiaas.Job, error)
	Jobs() []aiaas.Job
}

// JobKeeper knows and ends single jobs.
type JobKeeper interface {
	Job(id string) (aiaas.Job, error)
	Watch(ctx context.Context, id string) iter.Seq2[aiaas.Job, error]
	Cancel(id string) error
}

// Versions knows the models; a version of "" is the one that serves.
type Versions interface {
	Models() ([]aiaas.Serving, error)
	Versions(name string) ([]aiaas.Serving, error)
	Version(name, version string) (aiaas.Serving, error)
}

// Papers are what belongs to a version.
type Papers interface {
	Evaluation(name, version string) (*aiaas.Result, error)
	Card(name, version string) ([]byte, error)
	Page(name, version string) ([]byte, error)
	Export(name, version, format string, w io.Writer) error
}

// Promoter changes what serves.
type Promoter interface {
	Promote(name, version string, force bool) error
	Rollback(name string) error
	DeleteVersion(name, version string) error
}

// Shadower compares a version with the one that serves.
type Shadower interface {
	SetShadow(name, version string) error
	Shadow(name string) (aiaas.ShadowReport, error)
}

// Predictor asks a version.
type Predictor interface {
	Infer(ctx context.Context, name, version string, in []aiaas.Tensor) (aiaas.Serving, []aiaas.Tensor, error)
	Predict(ctx context.Context, name, version string, d *aiaas.Dataset) (aiaas.Prediction, error)
}

// Explainer reads samples for a version and explains its answers.
type Explainer interface {
	ReadInput(ctx context.Context, name, version, file string, body io.Reader) (*aiaas.Dataset, error)
	Explain(ctx context.Context, name, version string, d *aiaas.Dataset, row int, class string) (aiaas.Explanation, error)
}

// Embedder gives vectors of words, codes and patients.
type Embedder interface {
	EmbeddingModels() []string
	// Embed gives one vector an input, of the same length, and how many words
	// they had. ErrNotFound is for a model that is none, ErrNoVector for an
	// input of which nothing is known, ErrUnready when nothing was trained yet.
	Embed(ctx context.Context, model string, inputs []string) (vectors [][]float32, words int, err error)
}
