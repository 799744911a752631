package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	askPatients = 2000
	rate        = 500 // requests a second of the open loop
	loopTime    = 20 * time.Second
)

// Ask is recommendation over HTTP.
type Ask struct {
	Patients  int       `json:"patients"`
	CPU       []float64 `json:"cpu_ms"` // milliseconds of processor time a cached request, by turn
	Uncached  Latency   `json:"uncached"`
	UncachedC float64   `json:"uncached_cpu_ms"`
	Open      []Latency `json:"open_loop"`
	Training  Latency   `json:"open_loop_training"`
	TrainTime float64   `json:"training_seconds"` // of the training that ran beside
}

// Latency of requests in milliseconds, from the moment each was due.
type Latency struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	Max  float64 `json:"max_ms"`
	Busy int     `json:"refused"` // answers other than 200: of patients who do not consent, and under overload
}

func measureAsk(ctx context.Context, b *bench) (any, error) {
	files, err := b.synth(ctx, "full", askPatients, 1)
	if err != nil {
		return nil, err
	}
	paths, err := questions(files)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(b.tmp, "ask-data")
	if err := b.ember1(ctx, data, "load", filepath.Join(b.tmp, "full")); err != nil {
		return nil, err
	}
	if err := b.ember1(ctx, data, "train"); err != nil {
		return nil, err
	}
	p, err := b.serve(ctx, data)
	if err != nil {
		return nil, err
	}
	a := Ask{Patients: len(paths)}
	err = a.measure(ctx, b, p, paths, data)
	return a, errors.Join(err, p.stop())
}

func (a *Ask) measure(ctx context.Context, b *bench, p *process, paths []string, data string) (err error) {
	if err := p.indexed(ctx); err != nil {
		return err
	}
	const cold = 100 // requests that bring code and files into memory
	if _, _, err = p.oneByOne(ctx, paths[:cold]); err != nil {
		return err
	}
	if a.Uncached, a.UncachedC, err = p.oneByOne(ctx, paths[cold:]); err != nil {
		return err
	}
	for turn := range b.turns + 1 {
		_, cpu, err := p.oneByOne(ctx, paths)
		if err != nil {
			return err
		}
		open, err := p.openLoop(ctx, paths, loopTime)
		if err != nil {
			return err
		}
		fmt.Printf("ask, turn %d: %.3f ms of CPU, open loop p99 %.2f ms\n", turn, cpu, open.P99)
		if turn > 0 {
			a.CPU, a.Open = append(a.CPU, cpu), append(a.Open, open)
		}
	}
	return a.whileTraining(ctx, b, p, paths, data)
}

// whileTraining asks while the server's own training runs in its child process,
// for as long as that takes, at most three times the usual.
func (a *Ask) whileTraining(ctx context.Context, b *bench, p *process, paths []string, data string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loop, stop := context.WithTimeout(ctx, 3*loopTime)
	defer stop()
	trained := make(chan error, 1)
	began := time.Now()
	go func() {
		trained <- b.ember1(ctx, data, "train")
		a.TrainTime = time.Since(began).Seconds()
		stop()
	}()
	var err error
	a.Training, err = p.openLoop(loop, paths, 3*loopTime)
	return errors.Join(err, <-trained)
}

// oneByOne asks each question once and gives latencies and processor time in
// milliseconds a request.
func (p *process) oneByOne(ctx context.Context, paths []string) (l Latency, cpu float64, err error) {
	before, err := p.cpu()
	if err != nil {
		return l, 0, err
	}
	refused := 0
	took := make([]time.Duration, len(paths))
	for i, path := range paths {
		began := time.Now()
		status, err := p.get(ctx, path)
		if err != nil {
			return l, 0, err
		}
		if status != http.StatusOK {
			refused++
		}
		took[i] = time.Since(began)
	}
	after, err := p.cpu()
	return latency(took, refused), (after - before).Seconds() * 1e3 / float64(len(paths)), err
}

// openLoop sends requests at times fixed beforehand, whether answers have come or
// not, and measures from those times. The end of ctx ends it early.
func (p *process) openLoop(ctx context.Context, paths []string, during time.Duration) (Latency, error) {
	var (
		mu    sync.Mutex
		took  []time.Duration
		busy  int
		fails error
	)
	atRate(ctx, rate, during, func(i int, due time.Time) {
		status, err := p.get(context.WithoutCancel(ctx), paths[i*7919%len(paths)])
		d := time.Since(due)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			fails = err
			return
		}
		if status != http.StatusOK {
			busy++
		}
		took = append(took, d)
	})
	return latency(took, busy), fails
}

// atRate calls so often a second, at times fixed beforehand, and returns when all calls
// have. The end of ctx ends it early.
func atRate(ctx context.Context, rate float64, during time.Duration, call func(i int, due time.Time)) {
	var wg sync.WaitGroup
	start := time.Now()
	for i := range int(during.Seconds() * rate) {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() { call(i, due) })
	}
	wg.Wait()
}

func latency(took []time.Duration, busy int) Latency {
	slices.Sort(took)
	if len(took) == 0 {
		return Latency{}
	}
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1e3 }
	return Latency{N: len(took), P50: at(.5), P99: at(.99), Max: at(1), Busy: busy}
}

// ember1 runs one command on data.
func (b *bench) ember1(ctx context.Context, data string, args ...string) error {
	cmd := exec.CommandContext(ctx, b.ember, append(args, "--quiet", "--data", data)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ember %s: %w: %s", args[0], err, out)
	}
	return nil
}

// questions are the paths to ask for treatments of each patient in the files,
// those left out whose record another one has replaced.
func questions(files []string) ([]string, error) {
	i := slices.IndexFunc(files, func(f string) bool { return typeOf(f) == "Patient" })
	if i < 0 {
		return nil, errors.New("there is no Patient file")
	}
	var paths []string
	err := eachLine(files[i], func(line []byte) error {
		var patient struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(line, &patient); err != nil {
			return err
		}
		if !bytes.Contains(line, []byte(`"replaced-by"`)) {
			paths = append(paths, "/v1/patients/"+patient.ID+"/recommendations?want=treatments")
		}
		return nil
	})
	return paths, err
}

// eachLine hands out the lines of a file; they are good until the next.
func eachLine(file string, take func(line []byte) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if err := take(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
