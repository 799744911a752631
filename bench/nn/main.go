// Command nn is Ember's side of bench/nn/compare.py: it reads a line for each
// thing to do, does it, and answers with the time it took, as JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"ember/learn/nn"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var c command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fail(err)
		}
		spent, err := c.run()
		if err != nil {
			fail(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(spent); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nn:", err)
	os.Exit(1)
}

// command is what to do with which network.
type command struct {
	Do      string // train, predict or export
	Net     string // lstm or cnn
	Steps   int    // of sequences
	Batch   int
	Threads int
	Count   int // batches
	File    string
}

// spent is how long it took.
type spent struct {
	Wall, CPU float64 // seconds
	Samples   int
}

func (c command) spec() nn.Spec {
	if c.Net == "cnn" {
		return nn.Input(28, 28, 1).Conv2D(32, 3, "relu").MaxPool2D(2).Conv2D(64, 3, "relu").MaxPool2D(2).Flatten().Dense(10, "softmax")
	}
	return nn.Input(c.Steps).Embedding(10000, 128).LSTM(128).Dense(10, "softmax")
}

// data are n random samples.
func (c command) data(n int) nn.Data {
	rng := rand.New(rand.NewPCG(1, 1))
	shape := append([]int{n}, c.spec().Input...)
	d := nn.Data{X: nn.NewTensor(shape...), Y: nn.NewTensor(n)}
	for i := range d.X.Data {
		d.X.Data[i] = rng.Float32()
		if c.Net == "lstm" {
			d.X.Data[i] = float32(rng.IntN(10000))
		}
	}
	for i := range d.Y.Data {
		d.Y.Data[i] = float32(rng.IntN(10))
	}
	return d
}

func (c command) run() (spent, error) {
	m, err := c.spec().Build(1)
	if err != nil {
		return spent{}, err
	}
	switch c.Do {
	case "train":
		return c.train(m)
	case "predict":
		return c.predict(m)
	}
	f, err := os.Create(c.File)
	if err != nil {
		return spent{}, err
	}
	defer f.Close()
	return spent{}, m.ONNX(f, false)
}

// watch measures wall and processor time from its call on.
func watch() func() spent {
	cpu := func() float64 {
		var r syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // of oneself it cannot fail
		return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
	}
	wall, used := time.Now(), cpu()
	return func() spent { return spent{Wall: time.Since(wall).Seconds(), CPU: cpu() - used} }
}

// train does an epoch; the first two steps, which make the buffers, do not count.
func (c command) train(m *nn.Model) (s spent, err error) {
	stop := watch()
	o := nn.Options{Batch: c.Batch, Threads: c.Threads, Progress: func(p nn.Progress) {
		if p.EpochEnd {
			return
		}
		if p.Step == 2 {
			stop = watch()
		}
		s = stop()
	}}
	_, err = nn.Fit(context.Background(), m, c.data((c.Count+2)*c.Batch), o)
	s.Samples = c.Count * c.Batch
	return s, err
}

func (c command) predict(m *nn.Model) (spent, error) {
	x := c.data(c.Batch).X
	session := m.Session()
	var stop func() spent
	for i := range c.Count + 3 {
		if i == 3 {
			stop = watch()
		}
		if _, err := session.Predict(x); err != nil {
			return spent{}, err
		}
	}
	s := stop()
	s.Samples = c.Count * c.Batch
	return s, nil
}
