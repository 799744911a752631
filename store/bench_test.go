package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// synthea reads at most n resources of the shared Synthea export per type, with
// their patient; the benchmark skips where the export is absent.
func synthea(tb testing.TB, n int, types ...string) []Write {
	tb.Helper()
	var out []Write
	for _, typ := range types {
		f, err := os.Open(filepath.Join("../../shared/data/synthea-ma/ndjson", typ+".ndjson.gz"))
		if errors.Is(err, fs.ErrNotExist) {
			tb.Skip("the shared Synthea export is not here (../../shared/data)")
		}
		if err != nil {
			tb.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			tb.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 64<<20)
		for i := 0; i < n && lines.Scan(); i++ {
			var head struct {
				ID      string
				Subject struct{ Reference string }
			}
			if err := json.Unmarshal(lines.Bytes(), &head); err != nil {
				tb.Fatal(err)
			}
			out = append(out, Write{Type: typ, ID: head.ID, Patient: strings.TrimPrefix(head.Subject.Reference, "Patient/"), Raw: bytes.Clone(lines.Bytes())})
		}
		f.Close()
	}
	return out
}

// cpu is the processor time the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCommit loads real-shaped resources in batches of 1,000, one sync
// each, into an empty store; read µs-cpu/resource.
func BenchmarkCommit(b *testing.B) {
	writes := synthea(b, 40_000, "Observation", "Condition", "MedicationRequest", "Procedure", "Encounter")
	bytesIn := 0
	for _, w := range writes {
		bytesIn += len(w.Raw)
	}
	for b.Loop() {
		s := openAt(b, b.TempDir())
		start := cpu()
		for at := 0; at < len(writes); at += 1000 {
			if _, err := s.Commit(context.Background(), writes[at:min(at+1000, len(writes))]); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.db.Flush(); err != nil {
			b.Fatal(err)
		}
		n := float64(len(writes))
		b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/n, "µs-cpu/resource")
		m := s.db.Metrics()
		b.ReportMetric(float64(m.DiskSpaceUsage())/n, "B-disk/resource")
		b.ReportMetric(float64(bytesIn)/n, "B-raw/resource")
		s.Close()
	}
}

func BenchmarkCommitUnchanged(b *testing.B) {
	writes := synthea(b, 10_000, "Observation", "Condition", "MedicationRequest")
	s := openAt(b, b.TempDir())
	for b.Loop() {
		start := cpu()
		for at := 0; at < len(writes); at += 1000 {
			if _, err := s.Commit(context.Background(), writes[at:min(at+1000, len(writes))]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/float64(len(writes)), "µs-cpu/resource")
	}
}

func BenchmarkRead(b *testing.B) {
	writes := synthea(b, 20_000, "Observation")
	s := openAt(b, b.TempDir())
	if _, err := s.Commit(context.Background(), writes); err != nil {
		b.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
	b.Run("Get", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w := writes[i*7919%len(writes)]
			if _, err := s.Get(w.Type, w.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Patient", func(b *testing.B) {
		n := 0
		for i := 0; b.Loop(); i++ {
			for _, err := range s.Patient(writes[i*7919%len(writes)].Patient) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(n), "µs/resource")
	})
	b.Run("Space", func(b *testing.B) {
		sp := s.Space("bench")
		var pairs []Pair
		for i := range 10_000 {
			pairs = append(pairs, Pair{Key: fmt.Appendf(nil, "key %d", i), Value: bytes.Repeat([]byte{byte(i), byte(i >> 8), 3}, 300)})
		}
		if err := sp.Put(pairs, true); err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			if _, ok, err := sp.Get(pairs[i*7919%len(pairs)].Key); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
}
