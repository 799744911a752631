package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/learn/nn"
	"ember/record"
	"ember/terms"
)

// Like is one turn of questions for the most similar.
type Like struct {
	Patients int     `json:"patients"`
	Divide   float64 `json:"divide_cpu_s"` // of taking all vectors up at once

	Recall float64 `json:"recall_10"` // of the ten nearest of all
	Rate   float64 `json:"queries_per_cpu_s"`

	Members      int     `json:"members"` // of the cohort
	WithinRecall float64 `json:"recall_200"`
	P50          float64 `json:"p50_ms"`
	CPU          float64 `json:"cpu_ms"`
}

// liked is what turns are asked of.
type liked struct {
	v       index.View
	engine  *cohort.Engine
	queries [][]float32
	tenth   []float32 // score of the tenth nearest of each query
	within  index.Set
	divide  float64
}

// every so many patients have the code that makes a cohort of 5 %.
const every = 20

var diabetes = record.Code{System: record.ICD10CM, Value: "E11"}

// like answers each line of in by a turn, as a line of JSON, so that another program can
// have its own in between. The vectors are those that build wrote.
func like(ctx context.Context, base string, in io.Reader, out io.Writer) error {
	rows, err := readVectors(base + ".patients.f32")
	if err != nil {
		return err
	}
	l := &liked{}
	if l.queries, err = readVectors(base + ".queries.f32"); err != nil {
		return err
	}
	if err := l.fill(rows); err != nil {
		return err
	}
	l.exact(rows)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		turn := Like{Patients: len(rows), Divide: l.divide, Members: l.within.Len()}
		l.all(&turn)
		if err := l.cohort(ctx, &turn); err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(turn); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (l *liked) fill(rows [][]float32) error {
	x, err := index.Open(index.Options{})
	if err != nil {
		return err
	}
	of := make(map[string][]float32, len(rows))
	for from := 0; from < len(rows); from += 50_000 {
		var docs []index.Document
		for i := from; i < min(from+50_000, len(rows)); i++ {
			d := index.Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprintf("p%07d", i)}}}
			if i%every == 0 {
				d.Timeline.Events = []record.Event{{Kind: record.Condition, Concept: diabetes, Known: time.Unix(1.6e9, 0)}}
			}
			docs, of[d.Timeline.Person.ID] = append(docs, d), slices.Clone(rows[i])
		}
		if err := x.Apply(docs, nil, uint64(from)); err != nil {
			return err
		}
	}
	began := processorTime()
	if err := x.SetVectors("bench", of); err != nil {
		return err
	}
	l.divide = (processorTime() - began).Seconds()
	tt, err := terms.Default()
	if err != nil {
		return err
	}
	l.v, l.engine = x.View(), cohort.New(cohort.Options{Index: x, Terms: tt})
	l.within = l.v.Patients(record.Condition, diabetes)
	return nil
}

// exact finds what the tenth nearest of each query scores, by looking at all.
func (l *liked) exact(rows [][]float32) {
	l.tenth = make([]float32, len(l.queries))
	var done sync.WaitGroup
	for p := range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for i := p; i < len(l.queries); i += runtime.GOMAXPROCS(0) {
				l.tenth[i] = kth(l.queries[i], slices.Values(rows), 10)
			}
		})
	}
	done.Wait()
}

// rounding is how far scores of one pair may lie apart.
const rounding = 1e-5

func (l *liked) all(t *Like) {
	hits := 0
	from := processorTime()
	for i, q := range l.queries {
		for _, n := range l.v.Nearest(q, 10, nil) {
			if n.Score >= l.tenth[i]-rounding {
				hits++
			}
		}
	}
	t.Rate = float64(len(l.queries)) / (processorTime() - from).Seconds()
	t.Recall = float64(hits) / float64(10*len(l.queries))
}

// cohort asks for the 200 most similar within the cohort by definitions, as a client does.
func (l *liked) cohort(ctx context.Context, t *Like) error {
	const top, questions = 200, 100
	var took []float64
	hits, used := 0, time.Duration(0)
	for i := range questions {
		id := fmt.Sprintf("p%07d", i*7919%t.Patients)
		c, err := cohort.Parse(fmt.Sprintf("condition.code:%s like:Patient/%s top %d", diabetes.Value, id, top))
		if err != nil {
			return err
		}
		began, from := time.Now(), processorTime()
		m, err := l.engine.Match(ctx, cohort.Question{Criterion: c, Now: time.Unix(1.7e9, 0), Named: true})
		took, used = append(took, time.Since(began).Seconds()*1000), used+processorTime()-from
		if err != nil {
			return err
		}
		ord, _ := l.v.Ordinal(id)
		query := l.v.Vector(ord)
		least := kth(query, func(yield func([]float32) bool) {
			for other := range l.within.All() {
				if other != ord && !yield(l.v.Vector(other)) {
					return
				}
			}
		}, top)
		for found := range m.Set.All() {
			if nn.Dot(query, l.v.Vector(found)) >= least-rounding {
				hits++
			}
		}
	}
	slices.Sort(took)
	t.P50, t.CPU = took[len(took)/2], used.Seconds()*1000/questions
	t.WithinRecall = float64(hits) / (top * questions)
	return nil
}

// kth is the k-th largest score of a query among rows.
func kth(query []float32, rows func(func([]float32) bool), k int) float32 {
	best := make([]float32, 0, 8*k)
	least := float32(math.Inf(-1))
	keep := func() {
		slices.SortFunc(best, func(a, b float32) int {
			switch {
			case a > b:
				return -1
			case a < b:
				return 1
			}
			return 0
		})
		best = best[:min(k, len(best))]
		least = best[len(best)-1]
	}
	for row := range rows {
		if s := nn.Dot(query, row); s > least || len(best) < k {
			if best = append(best, s); len(best) == cap(best) {
				keep()
			}
		}
	}
	keep()
	return least
}

func readVectors(name string) ([][]float32, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	flat := make([]float32, info.Size()/4)
	if err := binary.Read(bufio.NewReaderSize(f, 1<<20), binary.LittleEndian, flat); err != nil {
		return nil, err
	}
	return slices.Collect(slices.Chunk(flat, vectorDim)), nil
}
