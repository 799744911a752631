package learn

import "fmt"

// OutOfFold fits one model per fold on the samples outside it and has it predict
// those inside: fit gets the indices to train on and returns what predicts one
// sample. fold[i] is the fold of sample i; samples of one patient belong in one
// fold ([KFold]). Folds are done in order, one at a time.
func OutOfFold(fold []int, fit func(train []int) (predict func(sample int), err error)) error {
	k := 0
	for _, f := range fold {
		k = max(k, f+1)
	}
	for f := range k {
		var train, test []int
		for i, g := range fold {
			if g == f {
				test = append(test, i)
			} else {
				train = append(train, i)
			}
		}
		if len(test) == 0 {
			continue
		}
		predict, err := fit(train)
		if err != nil {
			return fmt.Errorf("learn: fold %d: %w", f, err)
		}
		for _, i := range test {
			predict(i)
		}
	}
	return nil
}

// RidgeOutOfFold is what a ridge trained without a sample's fold says about it,
// for all samples: n×m scores, row by row. With more samples than features the
// sums are made once and each fold's share is taken away and put back.
func RidgeOutOfFold(x, y []Row, d, m int, lambda float64, fold []int) ([]float32, error) {
	if err := checkFit(x, y, d, m, lambda); err != nil {
		return nil, err
	}
	if len(fold) != len(x) {
		return nil, fmt.Errorf("learn: %d samples, %d folds", len(x), len(fold))
	}
	scores := make([]float32, len(x)*m)
	fit := func(train []int) (*Ridge, error) {
		tx, ty := make([]Row, len(train)), make([]Row, len(train))
		for i, s := range train {
			tx[i], ty[i] = x[s], y[s]
		}
		return FitRidge(tx, ty, d, m, lambda)
	}
	if len(x) >= d {
		g := NewGram(d, m)
		for i := range x {
			g.Add(x[i], y[i])
		}
		fit = func(train []int) (*Ridge, error) { return g.without(x, y, train, lambda) }
	}
	err := OutOfFold(fold, func(train []int) (func(int), error) {
		r, err := fit(train)
		if err != nil {
			return nil, err
		}
		return func(i int) { r.Predict(x[i], scores[i*m:(i+1)*m]) }, nil
	})
	return scores, err
}

// without solves for the samples in train (ascending) out of all.
func (g *Gram) without(x, y []Row, train []int, lambda float64) (*Ridge, error) {
	each := func(do func(i int)) {
		t := 0
		for i := range x {
			if t < len(train) && train[t] == i {
				t++
				continue
			}
			do(i)
		}
	}
	each(func(i int) { g.Remove(x[i], y[i]) })
	r, err := g.Solve(lambda)
	each(func(i int) { g.Add(x[i], y[i]) })
	return r, err
}
