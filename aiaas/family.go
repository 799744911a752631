package aiaas

import (
	"context"
	"fmt"
	"time"
)

// Family is a kind of model that can be fitted to a dataset. Families are values
// in a slice: a neural one is added by appending it.
type Family struct {
	Name string
	// Rank orders families by simplicity, the simplest first: of those as good as
	// the best, the lowest rank is taken.
	Rank int
	// Accepts says why the family cannot be fitted to data of that shape, nil if
	// it can. It must be cheap.
	Accepts func(d *Dataset) error
	// Fit fits to all labelled samples of d. It does not keep d. It returns the
	// context's error when cancelled, and what it has when the budget is spent.
	Fit func(ctx context.Context, d *Dataset, f Fitting) (Model, error)
	// Load reads what Model.Save wrote.
	Load func(dir string) (Model, error)
}

// Fitting says how to fit. A clock comes in only through Now.
type Fitting struct {
	Seed     uint64
	Threads  int              // 0 = 1
	Budget   time.Duration    // time to be done in, 0 = none
	Now      func() time.Time // needed with a budget; called from several threads
	Progress func(Progress)   // may be nil; called from one goroutine at a time
	// Folder is where a long fit leaves what it needs to go on after it was cut
	// off, with the very same result; "" = it begins anew. A family may ignore it.
	Folder string
}

// Progress is how far a fit has come.
type Progress struct {
	Family string
	Done   float64       // 0 to 1
	Note   string        // such as the loss, in words for people
	Left   time.Duration // the fit will take still, 0 = unknown
}

// stop reports when the budget is spent; nil without one.
func (f Fitting) stop() func() bool {
	if f.Budget <= 0 || f.Now == nil {
		return nil
	}
	deadline := f.Now().Add(f.Budget)
	return func() bool { return !f.Now().Before(deadline) }
}

func (f Fitting) report(p Progress) {
	if f.Progress != nil {
		f.Progress(p)
	}
}

// Model is a fitted one. It is immutable and safe for concurrent use.
type Model interface {
	// Predict gives samples × outputs numbers, row by row: probabilities, which
	// add up to 1 unless a sample may have several classes, or the number
	// predicted. Labels of d are not looked at.
	Predict(ctx context.Context, d *Dataset) ([]float32, error)
	// Save writes the model into an empty folder.
	Save(dir string) error
}

// Families are the families of this package, the simplest first.
func Families() []Family {
	return []Family{
		Prior(), LinearTable(), TextSVM(), TextRelated(), Trees(),
		TextBag(), MLP(), CNN(), WaveCNN(), TextCNN(), TextLSTM(), WaveLSTM(), WaveGRU(),
	}
}

// FamilyNamed is the family of a name.
func FamilyNamed(families []Family, name string) (Family, error) {
	for _, f := range families {
		if f.Name == name {
			return f, nil
		}
	}
	return Family{}, fmt.Errorf("aiaas: no family %.40q", name)
}
