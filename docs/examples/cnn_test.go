package examples

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"

	"ember/learn/nn"
)

// shapes draws n images of 28×28 that hold a square, a disc or a cross.
func shapes(n int, seed uint64) nn.Data {
	rng := rand.New(rand.NewPCG(seed, 0))
	d := nn.Data{X: nn.NewTensor(n, 28, 28, 1), Y: nn.NewTensor(n)}
	for i := range n {
		kind, size := rng.IntN(3), 4+rng.IntN(4)
		cx, cy := 8+rng.IntN(12), 8+rng.IntN(12)
		for p := range 28 * 28 {
			dx, dy := p%28-cx, p/28-cy
			inside := max(dx, -dx, dy, -dy) <= size
			switch kind {
			case 1:
				inside = dx*dx+dy*dy <= size*size
			case 2:
				inside = inside && (dx == 0 || dy == 0)
			}
			d.X.Data[i*28*28+p] = .2 * float32(rng.NormFloat64())
			if inside {
				d.X.Data[i*28*28+p]++
			}
		}
		d.Y.Data[i] = float32(kind)
	}
	return d
}

// A convolutional network for images: declare, train, measure.
func Example_images() {
	spec := nn.Input(28, 28, 1).Conv2D(8, 3, "relu").MaxPool2D(2).Conv2D(16, 3, "relu").MaxPool2D(2).Flatten().Dense(3, "softmax")
	model, err := spec.Build(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := nn.Fit(context.Background(), model, shapes(1500, 1), nn.Options{Epochs: 8, Threads: 2, Optimizer: nn.Optimizer{Rate: .003}}); err != nil {
		fmt.Println(err)
		return
	}
	score, err := model.Evaluate(shapes(200, 2), nn.Options{})
	fmt.Println(spec)
	fmt.Println("right on more than 9 of 10:", score.Metric > .9, err)
	// Output:
	// Input[28 28 1] → Conv2D → MaxPool2D → Conv2D → MaxPool2D → Flatten → Dense
	// right on more than 9 of 10: true <nil>
}

// The same network from JSON, as a service takes it, saved and loaded.
func Example_json() {
	spec, err := nn.ParseSpec([]byte(`{"input": [28, 28, 1], "layers": [
		{"type": "Conv2D", "filters": 32, "kernel": [3, 3], "activation": "relu"},
		{"type": "MaxPool2D", "pool": [2, 2]},
		{"type": "Flatten"},
		{"type": "Dense", "units": 10, "activation": "softmax"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := spec.Build(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	if err := model.Save(&file); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := nn.LoadModel(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	one, _ := model.Predict(shapes(1, 3).X)
	two, err := loaded.Predict(shapes(1, 3).X)
	fmt.Println(one.Shape, one.Data[0] == two.Data[0], err)

	_, err = nn.ParseSpec([]byte(`{"input": [28, 28, 1], "layers": [{"type": "Conv2D", "filter": 32}]}`))
	fmt.Println(err)
	// Output:
	// [1 10] true <nil>
	// nn: layer 1 (Conv2D): unknown field "filter" (did you mean "filters"?); there are: type, name, units, filters, kernel, strides, padding, pool, activation, input_dim, output_dim, mask_zero, rate, epsilon, momentum, return_sequences, heads, merge_mode, layer, layers
}
