package nn_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"ember/learn/nn"
)

// xor repeats the four cases of exclusive or.
func xor() nn.Data {
	d := nn.Data{X: nn.NewTensor(64, 2), Y: nn.NewTensor(64)}
	for i := range 64 {
		a, b := i&1, i>>1&1
		d.X.Data[2*i], d.X.Data[2*i+1], d.Y.Data[i] = float32(a), float32(b), float32(a^b)
	}
	return d
}

func ExampleFit() {
	model, err := nn.Input(2).Dense(16, "relu").Dense(2, "softmax").Build(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	history, err := nn.Fit(context.Background(), model, xor(), nn.Options{Epochs: 100, Optimizer: nn.Optimizer{Rate: .02}})
	if err != nil {
		fmt.Println(err)
		return
	}
	y, err := model.Predict(nn.Of([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2))
	fmt.Println(len(history.Epochs), "epochs, accuracy", history.Epochs[99].Metric, err)
	fmt.Printf("%.0f %.0f %.0f %.0f\n", y.Data[1], y.Data[3], y.Data[5], y.Data[7])
	// Output:
	// 100 epochs, accuracy 1 <nil>
	// 0 1 1 0
}

func ExampleSpec_Parameters() {
	n, err := nn.Input(20, 7).LSTM(128).Dense(10, "softmax").Parameters()
	fmt.Println(n, err)
	_, err = nn.Input(28, 28).Conv2D(32, 3, "relu").Parameters()
	fmt.Println(err)
	// Output:
	// 70922 <nil>
	// nn: layer 1 (Conv2D): takes [height width channels], got [28 28]
}

// A checkpoint after every epoch, from which training goes on as if it had not
// been interrupted.
func ExampleCheckpoint() {
	dir, err := os.MkdirTemp("", "ember")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "run.safetensors")
	o := nn.Options{Epochs: 2, Checkpoint: func(c *nn.Checkpoint) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return c.Save(f)
	}}
	spec := nn.Input(2).Dense(4, "tanh").Dense(2, "softmax")
	for range 2 { // the second time from where the first ended
		model, err := spec.Build(1)
		if err != nil {
			fmt.Println(err)
			return
		}
		history, err := nn.Fit(context.Background(), model, xor(), o)
		fmt.Println(len(history.Epochs), err)
		o.Epochs = 5
		if f, err := os.Open(path); err == nil {
			defer f.Close()
			o.Resume = f
		}
	}
	// Output:
	// 2 <nil>
	// 5 <nil>
}
