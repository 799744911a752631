package examples

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"ember/learn/nn"
)

// signals draws n sequences of up to 40 steps of three measurements. What tells
// is whether the first is rising when the second peaks.
func signals(n int, seed uint64) nn.Data {
	const steps = 40
	rng := rand.New(rand.NewPCG(seed, 0))
	d := nn.Data{X: nn.NewTensor(n, steps, 3), Y: nn.NewTensor(n)}
	d.X.Lengths = make([]int, n)
	for i := range n {
		length, phase := 20+rng.IntN(steps-19), rng.Float64()*2*math.Pi
		peak := 3 + rng.IntN(length-6)
		for t := range length {
			at := d.X.Data[(i*steps+t)*3:]
			at[0] = float32(math.Sin(float64(t)/3 + phase))
			at[1] = float32(math.Exp(-float64((t-peak)*(t-peak)) / 2))
			at[2] = float32(rng.NormFloat64())
		}
		if math.Cos(float64(peak)/3+phase) > 0 {
			d.Y.Data[i] = 1
		}
		d.X.Lengths[i] = length
	}
	return d
}

// An LSTM over measurements of unequal length, stopped early on new data.
func Example_measurements() {
	model, err := nn.Input(40, 3).LSTM(32).Dense(1, "sigmoid").Build(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	validation := signals(300, 2)
	history, err := nn.Fit(context.Background(), model, signals(1200, 1), nn.Options{
		Epochs: 25, Threads: 2, ClipNorm: 1, Patience: 5, Validation: &validation,
		Optimizer: nn.Optimizer{Name: "adamw", Rate: .01, Decay: .001},
		Schedule:  nn.Schedule{Name: "cosine", Warmup: 20},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	best := history.Epochs[history.Best-1].Validation
	fmt.Println("right on more than 9 of 10:", best.Metric > .9)
	// Output:
	// right on more than 9 of 10: true
}
