package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ember/embeddings"
	"ember/fhir"
	"ember/index"
	"ember/record"
	"ember/synth"
	"ember/terms"
)

// Built is what making the index of a hospital came to.
type Built struct {
	Patients  int     `json:"patients"`
	Resources int     `json:"resources"`
	Generate  float64 `json:"generate_cpu_s"` // making the patients, which is no part of the index
	CPU       float64 `json:"cpu_s"`          // mapping, vectors, postings, notes, cells, snapshot
	Wall      float64 `json:"wall_s"`         // generation included
	Peak      int64   `json:"peak_bytes"`     // most memory resident, generation included
	Disk      int64   `json:"disk_bytes"`
}

// round is how many patients are taken up at once, as by the follower.
const round = 2000

// learnFrom is how many patients the vectors are learned from.
const learnFrom = 20_000

// heldOut is how many patients behind the last are not indexed: who is most like them
// is asked.
const heldOut = 1000

// build makes the index of n patients of the profile lean in dir, and measures it. It
// writes the vectors beside it, as rows of float32: of whom is indexed to NAME.patients,
// of whom is asked for to NAME.queries.
func build(ctx context.Context, dir string, n int) (Built, error) {
	out := Built{}
	var err error
	if out.Generate, err = generating(ctx, n); err != nil {
		return out, err
	}
	model, err := learn(ctx, min(n, learnFrom))
	if err != nil {
		return out, err
	}
	x, err := openIndex(dir)
	if err != nil {
		return out, err
	}
	began, from := time.Now(), processorTime()
	var asked []float32
	out.Resources, err = hospital(ctx, n+heldOut, func(docs []index.Document) error {
		for i := range docs {
			docs[i].Vector = vector(model, &docs[i].Timeline)
			if out.Patients+i >= n {
				asked = append(asked, docs[i].Vector...)
			}
		}
		docs = docs[:min(len(docs), n-out.Patients)]
		out.Patients += len(docs)
		return x.Apply(docs, nil, uint64(out.Patients))
	})
	if err == nil {
		err = revector(x)
	}
	v := x.View()
	err = errors.Join(err, x.Close())
	out.CPU = (processorTime() - from).Seconds() - out.Generate
	out.Wall = time.Since(began).Seconds()
	out.Peak = peakMemory()
	var sizeErr error
	out.Disk, sizeErr = folderSize(dir)
	if err = errors.Join(err, sizeErr); err != nil {
		return out, err
	}
	err = writeVectors(dir+".queries.f32", slices.Values([][]float32{asked}))
	return out, errors.Join(err, writeVectors(dir+".patients.f32", vectorsOf(v)))
}

// vectorsOf are the vectors of a view in order of the ordinals.
func vectorsOf(v index.View) iter.Seq[[]float32] {
	return func(yield func([]float32) bool) {
		for ord := range v.Everybody().All() {
			if vec := v.Vector(ord); vec != nil && !yield(vec) {
				return
			}
		}
	}
}

func writeVectors(name string, rows iter.Seq[[]float32]) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for row := range rows {
		if err = binary.Write(w, binary.LittleEndian, row); err != nil {
			break
		}
	}
	return errors.Join(err, w.Flush(), f.Close())
}

// learn fits the vectors of codes to the first n patients.
func learn(ctx context.Context, n int) (*embeddings.Model, error) {
	var all []record.Timeline
	_, err := hospital(ctx, n, func(docs []index.Document) error {
		for i := range docs {
			all = append(all, docs[i].Timeline)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return embeddings.Fit(ctx, slices.Values(all), embeddings.Options{Dim: vectorDim, Seed: 1})
}

// vector is of the patient as of the last event, as in the product.
func vector(m *embeddings.Model, t *record.Timeline) []float32 {
	if len(t.Events) == 0 {
		return nil
	}
	out := make([]float32, vectorDim)
	copy(out, m.Patient(t.Before(t.Events[len(t.Events)-1].Known.Add(time.Nanosecond))))
	return out
}

// generating is the processor time in seconds that making n patients takes, by a
// twentieth of them.
func generating(ctx context.Context, n int) (float64, error) {
	const part = 20
	from := processorTime()
	err := synth.Generate(ctx, synth.Options{Patients: n / part, Seed: 1, Profile: synth.Lean}, func(synth.Resource) error { return nil })
	return part * (processorTime() - from).Seconds(), err
}

// rounds maps the resources of patients, many at a time.
type rounds struct {
	mapper    *fhir.Mapper
	each      func([]index.Document) error
	shared    map[string][]byte
	ids       []string                   // of the round
	of        map[string][]fhir.Resource // of the round, by patient
	resources int
}

// hospital makes n patients, maps them as the follower does, hands them on by rounds and
// tells of how many resources they were.
func hospital(ctx context.Context, n int, each func([]index.Document) error) (resources int, err error) {
	tt, err := terms.Default()
	if err != nil {
		return 0, err
	}
	r := &rounds{mapper: fhir.NewMapper(tt), each: each, shared: map[string][]byte{}, of: map[string][]fhir.Resource{}}
	if err := synth.Generate(ctx, synth.Options{Patients: n, Seed: 1, Profile: synth.Lean}, r.take); err != nil {
		return 0, err
	}
	return r.resources, r.end()
}

// take files a resource with its patient; who was merged into another is none.
func (r *rounds) take(made synth.Resource) error {
	r.resources++
	raw := bytes.Clone(made.JSON)
	ref := made.Type + "/" + between(raw, `"id":"`)
	patient := between(raw, `"reference":"Patient/`)
	switch {
	case made.Type == "Patient" && bytes.Contains(raw, []byte(`"replaced-by"`)):
		return nil
	case made.Type == "Patient":
		if len(r.ids) == round {
			if err := r.end(); err != nil {
				return err
			}
		}
		patient = ref[len("Patient/"):]
		r.ids = append(r.ids, patient)
	case patient == "":
		r.shared[ref] = raw
		return nil
	}
	r.of[patient] = append(r.of[patient], fhir.Resource{Ref: ref, Raw: raw})
	return nil
}

// between is what stands behind the first mark, up to the next quotation mark.
func between(raw []byte, mark string) string {
	_, rest, _ := bytes.Cut(raw, []byte(mark))
	out, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(out)
}

// end maps the patients of the round and hands them on.
func (r *rounds) end() error {
	docs := make([]index.Document, len(r.ids))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, id := range r.ids {
		g.Go(func() error {
			t, notes, _ := r.mapper.Timeline(id, slices.Values(r.of[id]), r.lookup)
			docs[i] = index.Document{Timeline: t, Notes: notes}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	r.ids = r.ids[:0]
	clear(r.of)
	return r.each(docs)
}

func (r *rounds) lookup(ref string) ([]byte, bool) {
	raw, ok := r.shared[ref]
	return raw, ok
}

// revector has the index take up all vectors at once, as after a training.
func revector(x *index.Index) error {
	v := x.View()
	of := make(map[string][]float32, v.Everybody().Len())
	for ord := range v.Everybody().All() {
		if vec := v.Vector(ord); vec != nil {
			of[v.Patient(ord).ID] = slices.Clone(vec)
		}
	}
	if len(of) == 0 {
		return nil
	}
	return x.SetVectors("bench", of)
}

// openIndex opens the index that the parts share.
func openIndex(dir string) (*index.Index, error) {
	x, err := index.Open(index.Options{Dir: dir, Notes: true, Fingerprint: "bench"})
	if err != nil {
		return nil, fmt.Errorf("opening the index: %w", err)
	}
	return x, nil
}
