package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestReadersBesideApply reads in every way while patients are applied,
// removed, saved and merged; each view must agree with itself.
func TestReadersBesideApply(t *testing.T) {
	x := open(t, Options{Dir: t.TempDir(), Notes: true})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := readOnce(t, x); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	rng := rand.New(rand.NewPCG(13, 14))
	for step := range 30 {
		var docs []Document
		for range 1 + rng.IntN(60) {
			docs = append(docs, randomDocument(rng, fmt.Sprint("p", rng.IntN(2000)), true))
		}
		if err := x.Apply(docs, []string{fmt.Sprint("p", rng.IntN(2000))}, uint64(step+1)); err != nil {
			t.Fatal(err)
		}
		if step%10 == 9 {
			if err := x.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(done)
	readers.Wait()
}

func readOnce(t *testing.T, x *Index) error {
	v := x.View()
	everybody := v.Everybody()
	for c := range v.Concepts() {
		set := v.Patients(c.Kind, c.Code)
		if set.Len() != c.Patients || set.AndLen(everybody) != set.Len() {
			return errors.New("a set differs from its view")
		}
		n := 0
		for p := range v.Postings(c.Kind, c.Code) {
			n++
			if !set.Contains(p.Patient) || v.Patient(p.Patient).ID == "" {
				return errors.New("a posting of nobody")
			}
		}
		if n != c.Events {
			return errors.New("events differ")
		}
	}
	v.Nearest(make([]float32, 16), 3, nil)
	res, err := v.Search(t.Context(), Query{Text: "thing word1 " + fmt.Sprint(x.Position()%40), ExcludeOptOut: true})
	if err != nil {
		return err
	}
	for _, h := range res.Patients {
		if _, ok := v.Ordinal(h.Patient); !ok {
			return nil // removed while the view was being read
		}
	}
	x.Stats()
	return nil
}
