package index

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"ember/record"
)

// processTime is the CPU time of the process, which shared machines do not
// disturb as they do the clock.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func folderBytes(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// leanPatient is like a patient of the lean profile: 25 events of a common
// vocabulary, skewed as codes are.
func leanPatient(rng *rand.Rand, i int) Document {
	d := Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprintf("%08x-%04x-4000-8000-%012x", i*2654435761, i%65536, i), Sex: record.Sex(1 + i%2), Born: record.Date{Year: int16(1930 + i%80), Month: 3, Day: 4}}}}
	d.Timeline.Events = make([]record.Event, 25)
	for j := range d.Timeline.Events {
		c := int(rng.ExpFloat64() * 300)
		e := &d.Timeline.Events[j]
		e.Kind, e.Concept = record.Kind(1+c%5), conceptCodes[c%len(conceptCodes)]
		e.Text = e.Concept.Display
		e.Codes = conceptCodings[c%len(conceptCodes)]
		e.Known = epoch.AddDate(0, 0, rng.IntN(3000))
		if e.Kind == record.Test {
			e.Value, e.HasValue = float64(rng.IntN(1000))/10, true
		}
	}
	return d
}

var conceptCodes, conceptCodings = func() (codes []record.Code, codings [][]record.Code) {
	for i := range 5000 {
		c := record.Code{System: record.SNOMED, Value: fmt.Sprint(100000 + i*7919), Display: fmt.Sprintf("Disorder%d of organ%d (disorder)", i%701, i%53)}
		codes, codings = append(codes, c), append(codings, []record.Code{c})
	}
	return codes, codings
}()

// BenchmarkLean feeds 100,000 lean patients in batches of 1,000, saves, opens
// again, then applies changes of one patient.
func BenchmarkLean(b *testing.B) {
	const n = 100_000
	for range b.N {
		dir := b.TempDir()
		rng := rand.New(rand.NewPCG(3, 4))
		x := open(b, Options{Dir: dir})
		var used time.Duration
		for i := 0; i < n; {
			docs := make([]Document, 0, 1000)
			for ; len(docs) < 1000; i++ {
				docs = append(docs, leanPatient(rng, i))
			}
			from := processTime()
			if err := x.Apply(docs, nil, uint64(i)); err != nil {
				b.Fatal(err)
			}
			used += processTime() - from
		}
		from := processTime()
		x.write.Lock()
		x.await()
		x.write.Unlock()
		used += processTime() - from
		b.ReportMetric(float64(used.Nanoseconds())/n/25, "ns/event")
		from = processTime()
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64((processTime() - from).Milliseconds()), "save-ms")
		x = nil
		b.ReportMetric(float64(folderBytes(dir))/n, "disk-B/patient")
		before := heap()
		from = processTime()
		x = open(b, Options{Dir: dir})
		b.ReportMetric(float64((processTime() - from).Milliseconds()), "open-ms")
		b.ReportMetric(float64(heap()-before)/n, "heap-B/patient")
		from = processTime()
		worst := time.Duration(0)
		for i := range 2000 {
			d := leanPatient(rng, rng.IntN(n))
			start := time.Now()
			if err := x.Apply([]Document{d}, nil, uint64(n+i)); err != nil {
				b.Fatal(err)
			}
			worst = max(worst, time.Since(start))
		}
		b.ReportMetric(float64((processTime()-from).Microseconds())/2000, "µs/single")
		b.ReportMetric(float64(worst.Microseconds()), "µs/worst-single")
		runtime.KeepAlive(x)
	}
}

// BenchmarkSearch asks an index of 100,000 lean patients in words.
func BenchmarkSearch(b *testing.B) {
	const n = 100_000
	rng := rand.New(rand.NewPCG(3, 4))
	x := open(b, Options{})
	for i := 0; i < n; {
		docs := make([]Document, 0, 10_000)
		for ; len(docs) < cap(docs); i++ {
			docs = append(docs, leanPatient(rng, i))
		}
		if err := x.Apply(docs, nil, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	for _, text := range []string{"disorder12 organ12", "disorder700 organ3", "organ7", "disorder1", "disorder"} {
		b.Run(text, func(b *testing.B) {
			total := 0
			for b.Loop() {
				res, err := x.Search(b.Context(), Query{Text: text})
				if err != nil {
					b.Fatal(err)
				}
				total = res.Total
			}
			b.ReportMetric(float64(total), "patients")
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// syntheaNotes are the notes of the Synthea files, as documents of 100 notes.
func syntheaNotes(b testing.TB) (docs []Document, notes, bytes int) {
	f, err := os.Open("../../shared/data/synthea-ma/ndjson/DocumentReference.ndjson.gz")
	if err != nil {
		b.Skip("no Synthea data beside the repository")
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReaderSize(z, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return docs, notes, bytes
		}
		var r struct {
			ID      string
			Content []struct{ Attachment struct{ Data string } }
		}
		if err := json.Unmarshal(line, &r); err != nil {
			b.Fatal(err)
		}
		text, err := base64.StdEncoding.DecodeString(r.Content[0].Attachment.Data)
		if err != nil {
			b.Fatal(err)
		}
		if notes%100 == 0 {
			docs = append(docs, Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprint("p", len(docs))}}})
		}
		d := &docs[len(docs)-1]
		d.Notes = append(d.Notes, record.Note{Source: "DocumentReference/" + r.ID, Text: string(text)})
		notes++
		bytes += len(text)
	}
}

// BenchmarkNotes indexes the notes of the Synthea files in batches of 2,000,
// merges included.
func BenchmarkNotes(b *testing.B) {
	docs, notes, size := syntheaNotes(b)
	for range b.N {
		dir := b.TempDir()
		x := open(b, Options{Dir: dir, Notes: true})
		from := processTime()
		for i := 0; i < len(docs); i += 20 {
			if err := x.Apply(docs[i:min(i+20, len(docs))], nil, uint64(i)); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(500 * time.Millisecond) // merges that are still due
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64((processTime()-from).Microseconds())/float64(notes), "cpu-µs/note")
		b.ReportMetric(float64(size)/float64(notes), "B/note")
		b.ReportMetric(float64(folderBytes(dir))/float64(notes), "disk-B/note")
	}
}

// BenchmarkConcepts looks texts up among 100,000 concepts.
func BenchmarkConcepts(b *testing.B) {
	c := newConcepts()
	rng := rand.New(rand.NewPCG(5, 6))
	vocabulary := make([]string, 30000)
	for i := range vocabulary {
		for range 5 + rng.IntN(6) {
			vocabulary[i] += string(rune('a' + rng.IntN(26)))
		}
	}
	for i := range 100_000 {
		name := vocabulary[int(rng.ExpFloat64()*3000)%30000] + " " + vocabulary[rng.IntN(30000)] + " of " + vocabulary[int(rng.ExpFloat64()*300)%30000] + " (disorder)"
		c.add(concept{kind: record.Condition, code: record.Code{System: record.SNOMED, Value: fmt.Sprint(i), Display: name}})
	}
	for _, q := range []struct{ name, text string }{
		{"word", vocabulary[4000]},
		{"two-words", vocabulary[4] + " " + vocabulary[10]},
		{"prefix", vocabulary[4000][:3]},
		{"slip", vocabulary[4000][:3] + "#" + vocabulary[4000][3:]},
		{"frequent", "disorder"},
	} {
		text := q.text
		if q.name == "slip" {
			text = text[:3] + "x" + text[4:]
		}
		ws := words(text, nil)
		c.find(ws, nil)
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				c.find(ws, nil)
			}
		})
	}
}

// BenchmarkNearest looks for the ten nearest of 50,000 vectors of 128 numbers
// and reports how many of the true ten are found.
func BenchmarkNearest(b *testing.B) {
	x, vecs := vectorIndex(b, 50_000, 128)
	v := x.View()
	i, hit, asked := 0, 0, 0
	for b.Loop() {
		got := v.Nearest(vecs[i%len(vecs)], 10, nil)
		if i < 50 {
			b.StopTimer()
			hit, asked = hit+agreeing(got, v, vecs[i%len(vecs)], 10), asked+10
			b.StartTimer()
		}
		i++
	}
	b.ReportMetric(float64(hit)/float64(asked), "recall")
}
