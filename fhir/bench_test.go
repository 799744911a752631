package fhir

import (
	"maps"
	"slices"
	"strings"
	"testing"
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
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n)*1024, "ns/KB")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(raws)), "ns/resource")
}

// BenchmarkTimeline reports the cost of mapping one resource.
func BenchmarkTimeline(b *testing.B) {
	for _, name := range []string{"eicu-demo-fhir", "synthea-ma/ndjson"} {
		b.Run(name[:4], func(b *testing.B) {
			s := load(b, Limits{}, sharedData(b, name))
			s.keep(300)
			m := newMapper(plainTerms{})
			b.ReportAllocs()
			for b.Loop() {
				for patient, rs := range s.byPatient {
					m.Timeline(patient[len("Patient/"):], slices.Values(rs), s.lookup)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.count), "ns/resource")
			b.ReportMetric(float64(s.bytes)/float64(s.count), "B/resource")
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
