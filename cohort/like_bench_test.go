package cohort_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

// likeDim is the length of patients' vectors in the index.
const likeDim = 128

// likeVectors are patients' vectors as the embeddings make them: sums of the vectors of
// a dozen concepts, of a skewed vocabulary with topics, weighted by rarity and age.
func likeVectors(rng *rand.Rand, n int) [][]float32 {
	const concepts, topics = 900, 40
	draw := func(scale float64, around []float32) []float32 {
		v := make([]float32, likeDim)
		for i := range v {
			v[i] = float32(scale * rng.NormFloat64())
			if around != nil {
				v[i] += around[i]
			}
		}
		return v
	}
	topic := make([][]float32, topics)
	for i := range topic {
		topic[i] = draw(1, nil)
	}
	code := make([][]float32, concepts)
	for i := range code {
		code[i] = draw(0.8, topic[i%topics])
	}
	out := make([][]float32, n)
	for i := range out {
		v := make([]float32, likeDim)
		for range 8 + rng.IntN(12) {
			c := int(rng.ExpFloat64()*120) % concepts
			w := float32(math.Log(1+float64(c)) * math.Exp2(-rng.Float64()*4))
			for k, x := range code[c] {
				v[k] += w * x
			}
		}
		out[i] = v
	}
	return out
}

// cpu is the processor time of the process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLike asks for the most similar of EMBER_BENCH_PATIENTS (100,000) patients: 200
// within a cohort of 5 %, and ten of all. With EMBER_BENCH_VECTORS it also writes the
// vectors and queries for bench/cohort/hnsw.py, as float32 in rows.
func BenchmarkLike(b *testing.B) {
	n := 100_000
	if s := os.Getenv("EMBER_BENCH_PATIENTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	const queries = 200
	all := likeVectors(rng, n+queries)
	writeVectors(b, all, n)
	x, err := index.Open(index.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < n; {
		docs := make([]index.Document, 0, 50_000)
		for ; len(docs) < cap(docs) && i < n; i++ {
			d := index.Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprintf("p%07d", i), Sex: record.Sex(1 + i%2)}}, Vector: all[i]}
			if rng.IntN(20) == 0 {
				d.Timeline.Events = []record.Event{{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: "E11"}, Known: now.AddDate(-1, 0, 0)}}
			}
			docs = append(docs, d)
		}
		if err := x.Apply(docs, nil, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	tt, err := terms.Default()
	if err != nil {
		b.Fatal(err)
	}
	e := cohort.New(cohort.Options{Index: x, Terms: tt})
	v := x.View()
	within := v.Patients(record.Condition, record.Code{System: record.ICD10CM, Value: "E11"})
	b.Run("200-of-5-percent", func(b *testing.B) { benchWithin(b, e, v, within, n) })
	b.Run("10-of-all", func(b *testing.B) {
		hits, asked := 0, 0
		used := time.Duration(0)
		for range b.N {
			for _, q := range all[n:] {
				from := cpu()
				near := v.Nearest(q, 10, nil)
				used += cpu() - from
				if asked < queries {
					hits += agree(near, exact(v, q, v.Everybody(), 10))
				}
				asked++
			}
		}
		b.ReportMetric(float64(hits)/float64(10*min(asked, queries)), "recall@10")
		b.ReportMetric(float64(asked)/used.Seconds(), "queries/cpu-s")
	})
	runtime.KeepAlive(x)
}

func benchWithin(b *testing.B, e *cohort.Engine, v index.View, within index.Set, n int) {
	var took []time.Duration
	hits, asked := 0, 0
	used := time.Duration(0)
	for k := range max(b.N, 100) {
		id := fmt.Sprintf("p%07d", (k*7919)%n)
		c, err := cohort.Parse("condition.code:E11 like:Patient/" + id + " top 200")
		if err != nil {
			b.Fatal(err)
		}
		from, begun := time.Now(), cpu()
		m, err := e.Match(context.Background(), cohort.Question{Criterion: c, Now: now, Named: true})
		took = append(took, time.Since(from))
		used += cpu() - begun
		if err != nil {
			b.Fatal(err)
		}
		if k < 100 {
			ord, _ := v.Ordinal(id)
			for _, want := range exact(v, v.Vector(ord), within.AndNot(index.NewSet(ord)), 200) {
				if m.Set.Contains(want) {
					hits++
				}
			}
			asked++
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(used.Microseconds())/1000/float64(len(took)), "cpu-ms")
	b.ReportMetric(float64(hits)/float64(200*asked), "recall")
	b.ReportMetric(float64(within.Len()), "patients")
}

// exact are the k patients of a set with the largest cosine, by looking at all.
func exact(v index.View, query []float32, of index.Set, k int) []uint32 {
	type scored struct {
		ord uint32
		dot float64
	}
	all := make([]scored, 0, of.Len())
	for ord := range of.All() {
		row, dot := v.Vector(ord), 0.0
		for i, x := range row {
			dot += float64(x) * float64(query[i])
		}
		all = append(all, scored{ord, dot})
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(b.dot, a.dot) })
	out := make([]uint32, 0, k)
	for _, s := range all[:min(k, len(all))] {
		out = append(out, s.ord)
	}
	return out
}

func agree(near []index.Near, want []uint32) (n int) {
	for _, x := range near {
		if slices.Contains(want, x.Patient) {
			n++
		}
	}
	return n
}

func writeVectors(b *testing.B, all [][]float32, n int) {
	name := os.Getenv("EMBER_BENCH_VECTORS")
	if name == "" {
		return
	}
	for part, rows := range map[string][][]float32{".patients.f32": all[:n], ".queries.f32": all[n:]} {
		f, err := os.Create(name + part)
		if err != nil {
			b.Fatal(err)
		}
		for _, row := range rows {
			if err := binary.Write(f, binary.LittleEndian, row); err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
