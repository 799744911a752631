package aiaas

import (
	"errors"
	"math"
	"sync"

	"ember/learn"
)

// Surroundings places a text among unlabelled ones: whose subjects are the texts
// most like it. Where subjects have names that are codes, so does what the codes
// begin with. A text of new words has a place where it shares any words with
// texts of its kind.
type Surroundings struct {
	Words   *Vectoriser
	Rows    []learn.Row // of the unlabelled texts
	Columns [][]uint32  // of each: its subject, and the subject's stem
	Width   int
	near    *learn.Neighbours
}

const (
	mostAround  = 50_000 // unlabelled texts looked among
	nearest     = 10
	aroundShare = .5 // length of the place beside the text's own parts of length 1
)

// findSurroundings learns from unlabelled texts; nil where there are few.
func findSurroundings(texts, subject []string) (*Surroundings, error) {
	if len(texts) < 100 {
		return nil, nil
	}
	texts, subject = texts[:min(len(texts), mostAround)], subject[:min(len(subject), mostAround)]
	s := &Surroundings{}
	var err error
	if s.Words, err = FitVectoriser(texts, subject, Grams{Words: 1, Low: 4, High: 5}); err != nil {
		return nil, err
	}
	s.Rows = s.Words.Rows(texts)
	at := make(map[string]uint32)
	column := func(name string) uint32 {
		k, ok := at[name]
		if !ok {
			k = uint32(len(at))
			at[name] = k
		}
		return k
	}
	for _, name := range subject {
		of := []uint32{column(name)}
		if r := []rune(name); len(r) > 1 {
			of = append(of, column(string(r[:len(r)-1])+charMark))
		}
		s.Columns = append(s.Columns, of)
	}
	s.Width = len(at)
	return s, s.index()
}

// index makes what a search needs and a file does not hold.
func (s *Surroundings) index() (err error) {
	s.near, err = learn.NewNeighbours(s.Rows, s.Words.Features())
	return err
}

// place is the subjects around a text, by the cube of likeness.
func (s *Surroundings) place(text string) learn.Row {
	sum := make(map[uint32]float32)
	for _, n := range s.near.Nearest(s.Words.Row(text), nearest, nil) {
		for _, c := range s.Columns[n.Row] {
			sum[c] += float32(math.Pow(float64(n.Similarity), 3))
		}
	}
	return unit(sum)
}

// beside puts the place of a text after its row, which has some columns.
func (s *Surroundings) beside(r learn.Row, columns int, text string) learn.Row {
	out := learn.Row{Index: append([]uint32{}, r.Index...), Value: append([]float32{}, r.Value...)}
	p := s.place(text)
	for k, f := range p.Index {
		out.Index = append(out.Index, uint32(columns)+f)
		out.Value = append(out.Value, aroundShare*p.Value[k])
	}
	return out
}

func (s *Surroundings) check() error {
	if s.Words == nil || len(s.Rows) != len(s.Columns) {
		return errors.New("surroundings do not fit")
	}
	for _, of := range s.Columns {
		for _, c := range of {
			if int(c) >= s.Width {
				return errors.New("surroundings do not fit")
			}
		}
	}
	return s.index()
}

// inParallel calls do with 0 to n-1 on some threads.
func inParallel(n, threads int, do func(i int)) {
	var wg sync.WaitGroup
	for t := range max(threads, 1) {
		wg.Go(func() {
			for i := t; i < n; i += max(threads, 1) {
				do(i)
			}
		})
	}
	wg.Wait()
}
