package aiaas

import (
	"errors"

	"ember/learn/nn"
)

// MLP is a network of two hidden layers on columns.
func MLP() Family {
	return recipe{
		name: "mlp", rank: 40, members: 3, accepts: acceptsColumns, prepare: fitTables,
		design: func(p preparation) nn.Spec {
			return nn.Input(p.shape()...).Dense(64, "relu").Dropout(.2).Dense(32, "relu").Dropout(.1)
		},
		options: func(samples int) nn.Options {
			return nn.Options{
				Epochs: epochsFor(samples, 10, 60, 200_000), Batch: 32, Patience: 8, ClipNorm: 5,
				Optimizer: nn.Optimizer{Name: "adamw", Rate: .002, Decay: .05},
				Schedule:  nn.Schedule{Name: "cosine", Final: .05},
				Average:   "ema", AverageDecay: decayFor(samples, 32),
			}
		},
	}.family()
}

// acceptsColumns takes numbers, dates and categories; images and series have
// networks of their own.
func acceptsColumns(d *Dataset) error {
	for _, kind := range []Kind{Number, Date, Category} {
		if len(d.Of(kind)) > 0 {
			return nil
		}
	}
	return errors.New("no column of numbers, dates or categories")
}

// tables is encoded columns as network inputs.
type tables struct {
	Encoder *Encoder `json:"encoder"`
}

func fitTables(d *Dataset) (preparation, error) {
	e, err := FitEncoder(d)
	return &tables{e}, err
}

func (t *tables) shape() []int { return []int{t.Encoder.Width} }

func (t *tables) check() error {
	if t.Encoder == nil {
		return errors.New("no columns")
	}
	return t.Encoder.check()
}

func (t *tables) inputs(d *Dataset) (nn.Tensor, error) {
	rows, err := t.Encoder.Rows(d)
	if err != nil {
		return nn.Tensor{}, err
	}
	x := nn.NewTensor(d.Len(), t.Encoder.Width)
	for i, r := range rows {
		for k, f := range r.Index {
			x.Data[i*t.Encoder.Width+int(f)] = float32(r.At(k))
		}
	}
	return x, nil
}
