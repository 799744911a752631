package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// packed and unpacked again, src must be itself; it gives the packed size.
func roundTrip(tb testing.TB, src []byte) int {
	tb.Helper()
	c := newCodec()
	how, out := c.pack(nil, src)
	back, err := c.unpack(how, out)
	if err != nil {
		tb.Fatalf("%d bytes: %v", len(src), err)
	}
	if !bytes.Equal(back, src) {
		tb.Fatalf("%d bytes came back as %d others", len(src), len(back))
	}
	return len(out)
}

func TestPackEveryShape(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 70<<10)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for n := range 300 {
		roundTrip(t, noise[:n])
		roundTrip(t, bytes.Repeat([]byte{'a'}, n))
		roundTrip(t, []byte(dictionaryV1[len(dictionaryV1)-n:]))
	}
	for _, n := range []int{1 << 10, maxValue - 1, maxValue, maxValue + 1, 64 << 10, 70 << 10} {
		roundTrip(t, noise[:n])
		roundTrip(t, bytes.Repeat([]byte("ab"), n/2))
		roundTrip(t, []byte(strings.Repeat(dictionaryV1, 1+n/len(dictionaryV1))[:n]))
		roundTrip(t, append(noise[:n/2:n/2], noise[:n/2]...))
	}
	for range 2000 { // words of the dictionary, earlier words again, noise
		var b []byte
		for len(b) < random.IntN(3000) {
			switch at := random.IntN(len(dictionaryV1) - 100); random.IntN(3) {
			case 0:
				b = append(b, dictionaryV1[at:at+random.IntN(100)]...)
			case 1:
				b = append(b, noise[at:at+random.IntN(30)]...)
			case 2:
				from := random.IntN(len(b) + 1)
				b = append(b, b[from:from+random.IntN(len(b)-from+1)]...)
			}
		}
		roundTrip(t, b)
	}
}

// TestPackedSize: the encoder leaves no more than the library's does, give or
// take 2 %.
func TestPackedSize(t *testing.T) {
	c := newCodec()
	ours, library := 0, 0
	for _, w := range synthea(t, 500, "Observation", "Condition", "MedicationRequest", "Procedure", "Encounter") {
		ours += roundTrip(t, w.Raw)
		library += len(c.v1.Encode(nil, w.Raw))
	}
	if ours > library*102/100 {
		t.Errorf("%d bytes, the library leaves %d", ours, library)
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Observation","status":"final"}`))
	f.Add([]byte(dictionaryV1[100:400]))
	f.Fuzz(func(t *testing.T, src []byte) { roundTrip(t, src) })
}

func BenchmarkPack(b *testing.B) {
	writes := synthea(b, 2000, "Observation", "Condition", "MedicationRequest", "Procedure", "Encounter")
	c := newCodec()
	var dst []byte
	for _, library := range []bool{false, true} {
		b.Run(fmt.Sprintf("library=%v", library), func(b *testing.B) {
			n, in, out, start := 0, 0, 0, cpu()
			for i := 0; b.Loop(); i++ {
				w := writes[i%len(writes)]
				if library {
					dst = c.v1.Encode(dst[:cap(dst)], w.Raw)
				} else {
					dst = c.short.encode(dst[:0], w.Raw)
				}
				n, in, out = n+1, in+len(w.Raw), out+len(dst)
			}
			b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(n), "ns-cpu/op")
			b.ReportMetric(float64(in)/float64(n), "B-in")
			b.ReportMetric(float64(out)/float64(n), "B-out")
		})
	}
}
