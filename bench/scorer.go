package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"ember/learn/nn"
)

// The scorer's shape: a patient and a candidate of 128 values each, source
// columns, two hidden layers.
const (
	sideWidth     = 128
	sourceColumns = 10
	hiddenOne     = 128
	hiddenTwo     = 64
	scored        = 1000 // candidates a call
	known         = 5000 // candidates there are
	scoreFor      = time.Second
)

// Scorer is candidates scored per second of processor time, in millions, by turn.
type Scorer struct {
	Kernels string    `json:"kernels"`
	Own     []float64 `json:"own"`
	Gonum   []float64 `json:"gonum"`
	ONNX    []float64 `json:"onnxruntime"`
}

func measureScorer(ctx context.Context, b *bench) (any, error) {
	own, err := newOwnScorer()
	if err != nil {
		return nil, err
	}
	plain := newGonumScorer()
	s := Scorer{Kernels: nn.Kernels()}
	for turn := range b.turns + 1 {
		o, err := speed(own)
		if err != nil {
			return nil, err
		}
		g, err := speed(plain)
		if err != nil {
			return nil, err
		}
		x := onnx(ctx)
		fmt.Printf("scorer, turn %d: own %.2f, gonum %.2f, ONNX Runtime %.2f million candidates a second of CPU\n", turn, o, g, x)
		if turn == 0 {
			continue
		}
		s.Own, s.Gonum = append(s.Own, o), append(s.Gonum, g)
		if x > 0 {
			s.ONNX = append(s.ONNX, x)
		}
	}
	return s, nil
}

// speed runs call for a while and gives millions of candidates a second of
// processor time, on one processor.
func speed(call func() error) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	before, err := ownTime()
	if err != nil {
		return 0, err
	}
	n := 0
	for began := time.Now(); time.Since(began) < scoreFor; n++ {
		if err := call(); err != nil {
			return 0, err
		}
	}
	after, err := ownTime()
	return float64(n) * scored / (after - before).Seconds() / 1e6, err
}

// ownTime is the processor time of this process, finer than /proc tells it.
func ownTime() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

func random(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// newOwnScorer scores as the recommender does: with the candidates' half of the
// first layer made beforehand.
func newOwnScorer() (func() error, error) {
	rng := rand.New(rand.NewPCG(1, 1))
	first := nn.NewDense(2*sideWidth+sourceColumns, hiddenOne, rng)
	second, last := nn.NewDense(hiddenOne, hiddenTwo, rng), nn.NewDense(hiddenTwo, 1, rng)
	s, err := nn.NewSplitMLP(first, second, last, sideWidth, nn.Mat(random(rng, known*sideWidth), known, sideWidth))
	if err != nil {
		return nil, err
	}
	ids := make([]int32, scored)
	for i := range ids {
		ids[i] = rng.Int32N(known)
	}
	patient, columns, out := random(rng, sideWidth), random(rng, scored*sourceColumns), make([]float32, scored)
	return func() error { return s.Score(patient, ids, columns, out) }, nil
}

// newGonumScorer is the same network unsplit, on gonum's matrices.
func newGonumScorer() func() error {
	rng := rand.New(rand.NewPCG(1, 1))
	matrix := func(rows, cols int) blas32.General {
		return blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: random(rng, rows*cols)}
	}
	in := matrix(scored, 2*sideWidth+sourceColumns)
	weights := []blas32.General{matrix(in.Cols, hiddenOne), matrix(hiddenOne, hiddenTwo), matrix(hiddenTwo, 1)}
	outs := []blas32.General{matrix(scored, hiddenOne), matrix(scored, hiddenTwo), matrix(scored, 1)}
	return func() error {
		x := in
		for i, w := range weights {
			blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, x, w, 0, outs[i])
			x = outs[i]
			for j, v := range x.Data {
				if v < 0 && i+1 < len(weights) {
					x.Data[j] = 0
				}
			}
		}
		return nil
	}
}

// onnx is what ONNX Runtime does with the unsplit network on one thread; 0 when
// it is not there.
func onnx(ctx context.Context) float64 {
	cmd := exec.CommandContext(ctx, "python3", "bench/score.py", strconv.Itoa(2*sideWidth+sourceColumns), strconv.Itoa(hiddenOne), strconv.Itoa(hiddenTwo), strconv.Itoa(scored))
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	out, err := cmd.Output()
	if err != nil {
		return 0
	}
	var speed float64
	if json.Unmarshal(out, &speed) != nil {
		return 0
	}
	return speed
}
