package nn

import (
	"fmt"
	"testing"
)

// The networks of bench/nn, here for profiles.
var benchSpecs = map[string]Spec{
	"cnn":    Input(28, 28, 1).Conv2D(32, 3, "relu").MaxPool2D(2).Conv2D(64, 3, "relu").MaxPool2D(2).Flatten().Dense(10, "softmax"),
	"lstm50": Input(50).Embedding(10000, 128).LSTM(128).Dense(10, "softmax"),
}

func benchData(s Spec, n int) Data {
	rng := seeded(1)
	d := Data{X: NewTensor(append([]int{n}, s.Input...)...), Y: NewTensor(n)}
	for i := range d.X.Data {
		d.X.Data[i] = rng.Float32()
		if s.Layers[0].Type == "Embedding" {
			d.X.Data[i] = float32(rng.IntN(10000))
		}
	}
	for i := range d.Y.Data {
		d.Y.Data[i] = float32(rng.IntN(10))
	}
	return d
}

func BenchmarkTrainingStep(b *testing.B) {
	for name, s := range benchSpecs {
		b.Run(name, func(b *testing.B) {
			tr, err := newTrainer(build(b, s, 1), benchData(s, 64), Options{Batch: 64})
			if err != nil {
				b.Fatal(err)
			}
			defer tr.close()
			for i := range tr.order {
				tr.order[i] = i
			}
			step := 0
			for b.Loop() {
				tr.oneStep(tr.order, step)
				step++
			}
			b.ReportMetric(64*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

func BenchmarkPredict64(b *testing.B) {
	for name, s := range benchSpecs {
		b.Run(name, func(b *testing.B) {
			session, x := build(b, s, 1).Session(), benchData(s, 64).X
			for b.Loop() {
				if _, err := session.Predict(x); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(64*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// BenchmarkTile is the ceiling: a tile of GEMM within the first-level cache.
func BenchmarkTile(b *testing.B) {
	for _, k := range []int{9, 96, 288} {
		b.Run(fmt.Sprint(k), func(b *testing.B) {
			rows, cols := active.tileSize()
			x, panel, c := make([]float32, rows*k), make([]float32, k*cols), make([]float32, rows*cols)
			for b.Loop() {
				for range 100 {
					active.tile(k, x, k, 1, panel, c, cols)
				}
			}
			b.ReportMetric(100*2*float64(rows*cols*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
