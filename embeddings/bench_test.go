//go:build unix

package embeddings

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"ember/record"
)

// population makes patients with about 60 events each over codes of very unequal
// frequency, in visits of loose themes.
func population(patients, codes int) []record.Timeline {
	rng := rand.New(rand.NewPCG(1, 1))
	words := []string{"acute", "chronic", "renal", "cardiac", "pulmonary", "disorder", "measurement", "tablet", "infection", "left", "right", "oral"}
	all := make([]record.Timeline, patients)
	for p := range all {
		t := &all[p]
		for v := range 6 {
			theme, at := rng.IntN(50), day0.AddDate(0, 0, 100*v+rng.IntN(60))
			for range 10 {
				c := int(float64(codes) * rng.Float64() * rng.Float64())
				if rng.Float64() < .6 {
					c = c/50*50 + theme
				}
				c = min(c, codes-1)
				t.Events = append(t.Events, record.Event{Kind: record.Condition, Known: at.AddDate(0, 0, rng.IntN(5)),
					Concept: record.Code{System: record.SNOMED, Value: fmt.Sprint(c),
						Display: fmt.Sprintf("%s %s w%d", words[c%12], words[c/12%12], c%700)}})
			}
		}
		t.Sort()
	}
	return all
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkFit(b *testing.B) {
	all := population(20000, 5000)
	ctx := context.Background()
	b.ResetTimer()
	for b.Loop() {
		start := cpu()
		m, err := Fit(ctx, slices.Values(all), Options{Seed: 1})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((cpu() - start).Seconds(), "cpu-s/fit")
		b.ReportMetric(float64(m.Len()), "codes")
	}
}

func BenchmarkFitStages(b *testing.B) {
	all := population(20000, 5000)
	ctx := context.Background()
	for b.Loop() {
		last := cpu()
		lap := func(name string) {
			now := cpu()
			b.ReportMetric((now - last).Seconds(), name)
			last = now
		}
		c := corpus{ids: make(map[key]uint32)}
		for _, t := range all {
			c.add(t)
		}
		c.keep(3, 8000)
		lap("corpus-cpu-s")
		m, err := c.links(ctx, 30)
		if err != nil {
			b.Fatal(err)
		}
		lap("links-cpu-s")
		v, err := decompose(ctx, m, 128, 1)
		if err != nil {
			b.Fatal(err)
		}
		lap("svd-cpu-s")
		w, err := fitWords(ctx, c.codes, v, 128)
		if err != nil {
			b.Fatal(err)
		}
		lap("words-cpu-s")
		b.ReportMetric(float64(len(m.column)), "links")
		b.ReportMetric(float64(len(w.row)), "sequences")
	}
}

func BenchmarkPatient(b *testing.B) {
	all := population(500, 500)
	m := fitted(b, all, Options{})
	i := 0
	for b.Loop() {
		m.Patient(all[i%len(all)].Before(day0.AddDate(3, 0, 0)))
		i++
	}
}

func BenchmarkNote(b *testing.B) {
	m := fitted(b, hospital(400, 1), Options{})
	note := ""
	for i := range 100 {
		note += fmt.Sprintf("patient with %s seen on ward%d and ", subjects[i%4], i)
	}
	b.SetBytes(int64(len(note)))
	for b.Loop() {
		m.Note(note)
	}
}
