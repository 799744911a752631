package nn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Data is what a model learns from or is measured on.
type Data struct {
	// X are the inputs, n × the model's input; X.Lengths are the real steps of
	// sequences.
	X Tensor
	// Y are the targets: class numbers, [n] or [n steps], of which negative ones
	// are left out, or as many numbers as the model puts out.
	Y Tensor
	// Weights are the samples', nil = 1 each.
	Weights []float32
}

// Options say how to train. Their zero value trains one epoch with Adam.
type Options struct {
	Epochs       int       `json:"epochs,omitempty"`     // 0 = 1
	Batch        int       `json:"batch_size,omitempty"` // 0 = 32
	Threads      int       `json:"threads,omitempty"`    // 0 = 1; each takes a part of every batch
	Seed         uint64    `json:"seed,omitempty"`
	Loss         string    `json:"loss,omitempty"` // "" = what suits the last activation and the targets
	Gamma        float64   `json:"gamma,omitempty"`
	ClassWeights []float32 `json:"class_weight,omitempty"` // by class; of binary losses, of positive targets by output
	Optimizer    Optimizer `json:"optimizer,omitzero"`
	Schedule     Schedule  `json:"schedule,omitzero"`
	ClipNorm     float64   `json:"clipnorm,omitempty"`      // longest gradient, 0 = any
	Patience     int       `json:"patience,omitempty"`      // epochs without a better validation loss before it ends with the best; 0 = all epochs
	Average      string    `json:"average,omitempty"`       // "", ema or swa: the model becomes the mean of its weights over steps or epochs
	AverageDecay float64   `json:"average_decay,omitempty"` // of ema, 0 = .999
	AverageFrom  int       `json:"average_from,omitempty"`  // of swa: the first epoch that counts, from 1

	Validation *Data                   `json:"-"`
	Progress   func(Progress)          `json:"-"` // after each step and each epoch
	Now        func() time.Time        `json:"-"` // for Progress.Left; nil = not told
	Checkpoint func(*Checkpoint) error `json:"-"` // after each epoch
	Resume     io.Reader               `json:"-"` // a checkpoint to go on from, with the same data and options
}

// Progress is where training is.
type Progress struct {
	Epoch, Epochs int // from 1
	Step, Steps   int // in the epoch, from 1
	Rate          float64
	Loss, Metric  float64       // the epoch's means so far
	MetricName    string        // accuracy or mae
	EpochEnd      bool          // then Validation holds, if there is validation data
	Validation    Score         //
	Left          time.Duration // an estimate of the time until the last epoch ends
}

// Score is how well a model does.
type Score struct {
	Loss   float64 `json:"loss"`
	Metric float64 `json:"metric"`
}

// Epoch is what one epoch came to.
type Epoch struct {
	Score
	Validation Score `json:"validation,omitzero"`
}

// History is how training went.
type History struct {
	Epochs  []Epoch `json:"epochs"`
	Best    int     `json:"best"`    // epoch of the least validation loss, from 1; 0 = not measured
	Stopped bool    `json:"stopped"` // before all epochs, for want of improvement
}

// ParseOptions reads options from JSON. Unknown fields are refused.
func ParseOptions(data []byte) (Options, error) {
	var o Options
	if err := strict(data, &o); err != nil {
		return Options{}, fmt.Errorf("nn: training options: %w", err)
	}
	return o, o.Validate()
}

// Validate reports all faults together.
func (o *Options) Validate() error {
	var faults []error
	fault := func(bad bool, what string) {
		if bad {
			faults = append(faults, errors.New(what))
		}
	}
	fault(o.Epochs < 0, "epochs is negative")
	fault(o.Batch < 0, "batch_size is negative")
	fault(o.Threads < 0 || o.Threads > 1024, "threads is not between 0 and 1024")
	fault(!(o.ClipNorm >= 0), "clipnorm is negative")
	fault(!(o.Gamma >= 0), "gamma is negative")
	fault(o.Patience < 0, "patience is negative")
	fault(o.Average != "" && o.Average != "ema" && o.Average != "swa", "average is neither ema nor swa")
	fault(!(o.AverageDecay >= 0 && o.AverageDecay < 1), "average_decay is not in [0,1)")
	for _, w := range o.ClassWeights {
		fault(!(w >= 0), "class_weight holds a negative number")
	}
	if err := o.Optimizer.check(); err != nil {
		faults = append(faults, err)
	}
	if err := o.Schedule.check(); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return fmt.Errorf("nn: training options: %w", errors.Join(faults...))
	}
	return nil
}

// Fit trains the model on data, in batches drawn anew each epoch. The same
// model, data, options and number of threads give the same bits. When ctx ends,
// so does training, with its error and the weights as they are.
func Fit(ctx context.Context, m *Model, data Data, o Options) (History, error) {
	if o.Patience > 0 && o.Validation == nil {
		return History{}, errors.New("nn: training options: patience needs validation data")
	}
	t, err := newTrainer(m, data, o)
	if err != nil {
		return History{}, err
	}
	defer t.close()
	if o.Resume != nil {
		if err := t.resume(o.Resume); err != nil {
			return History{}, err
		}
	}
	for t.epoch < t.o.Epochs && !t.history.Stopped {
		if err := t.oneEpoch(ctx); err != nil {
			return t.history, err
		}
		if err := t.endEpoch(); err != nil {
			return t.history, err
		}
	}
	t.finish()
	return t.history, nil
}

// Evaluate measures the model on data by the loss and metric of the options.
func (m *Model) Evaluate(data Data, o Options) (Score, error) {
	l, err := m.checkData(data, &o)
	if err != nil {
		return Score{}, err
	}
	e := newReplica(m, l, false)
	return e.evaluate(data, l), nil
}

// checkData refuses what does not fit the model and gives the loss.
func (m *Model) checkData(d Data, o *Options) (*objective, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := m.check(d.X); err != nil {
		return nil, err
	}
	n := d.X.Shape[0]
	if n == 0 {
		return nil, errors.New("nn: no samples")
	}
	if len(d.Y.Shape) == 0 || d.Y.Shape[0] != n || d.Weights != nil && len(d.Weights) != n {
		return nil, fmt.Errorf("nn: %d samples, targets of shape %v, %d weights", n, d.Y.Shape, len(d.Weights))
	}
	for i, w := range d.Weights {
		if !(w >= 0) {
			return nil, fmt.Errorf("nn: weight %d is negative or no number", i)
		}
	}
	return m.objective(o, d.Y)
}
