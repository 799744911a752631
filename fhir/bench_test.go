package fhir

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkScan reports the cost of one scan per KB.
func BenchmarkScan(b *testing.B) {
	for _, name := range []string{"eicu-demo-fhir", "synthea-ma/ndjson", "synthea-ma/bundles.zip"} {
		b.Run(name, func(b *testing.B) { benchmarkScan(b, load(b, Limits{}, sharedData(b, name)).raws(400)) })
	}
}

func benchmarkScan(b *testing.B, raws [][]byte) {
	var h Header
	var n int64
	start := processorTime(b)
	for b.Loop() {
		n = 0
		for _, raw := range raws {
			if Refused(Scan(raw, &h)) {
				b.Fatal("refused")
			}
			n += int64(len(raw))
		}
	}
	b.SetBytes(n)
	perResource(b, start, len(raws), int(n))
}

// BenchmarkRead reports the processor time of reading and scanning whole files,
// with json.Valid on the same bytes beside it, which only validates.
func BenchmarkRead(b *testing.B) {
	name := sharedData(b, "synthea-ma/ndjson/Condition.ndjson.gz")
	raw := unzipped(b, name)
	b.Run("read", func(b *testing.B) {
		start, n := processorTime(b), 0
		for b.Loop() {
			n = 0
			err := Read(b.Context(), bytes.NewReader(raw), "c.ndjson", Limits{}, func(Entry, []Issue) error { n++; return nil }, nil)
			if err != nil {
				b.Fatal(err)
			}
		}
		perResource(b, start, n, len(raw))
	})
	b.Run("json.Valid", func(b *testing.B) {
		start, n := processorTime(b), 0
		for b.Loop() {
			n = 0
			for line := range bytes.Lines(raw) {
				json.Valid(line)
				n++
			}
		}
		perResource(b, start, n, len(raw))
	})
}

// perResource reports processor time, which other work on the machine does not
// lengthen as it does the clock's.
func perResource(b *testing.B, start time.Duration, n, size int) {
	used := float64(processorTime(b)-start) / float64(b.N)
	b.ReportMetric(used/float64(n), "cpu-ns/resource")
	b.ReportMetric(used/float64(size)*1024, "cpu-ns/KB")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTimeline reports the cost of mapping one resource.
func BenchmarkTimeline(b *testing.B) {
	for _, name := range []string{"eicu-demo-fhir", "synthea-ma/ndjson"} {
		b.Run(name[:4], func(b *testing.B) {
			s := load(b, Limits{}, sharedData(b, name))
			s.keep(300)
			m := newMapper(plainTerms{})
			b.ReportAllocs()
			start := processorTime(b)
			for b.Loop() {
				for patient, rs := range s.byPatient {
					m.Timeline(patient[len("Patient/"):], slices.Values(rs), s.lookup)
				}
			}
			perResource(b, start, s.count, int(s.bytes))
		})
	}
}

// keep leaves the resources of the first patients.
func (s *store) keep(patients int) {
	names := slices.Sorted(maps.Keys(s.byPatient))
	s.count, s.bytes = 0, 0
	for i, name := range names {
		if i >= patients || !strings.HasPrefix(name, "Patient/") {
			delete(s.byPatient, name)
			continue
		}
		s.count += len(s.byPatient[name])
		for _, r := range s.byPatient[name] {
			s.bytes += int64(len(r.Raw))
		}
	}
}

func (s *store) raws(limit int) [][]byte {
	var out [][]byte
	for _, raw := range s.all {
		if out = append(out, raw); len(out) == limit {
			break
		}
	}
	return out
}
