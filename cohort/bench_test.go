package cohort_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

// benchPatient is like a patient of the lean profile: about 25 events of a skewed
// vocabulary, among them a laboratory test that most have several times.
func benchPatient(rng *rand.Rand, i int) index.Document {
	d := index.Document{Timeline: record.Timeline{Person: record.Person{ID: fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(i)*2654435761, i%65536, i),
		Sex: record.Sex(1 + i%2), Born: record.Date{Year: int16(1930 + rng.IntN(80)), Month: uint8(1 + rng.IntN(12)), Day: 4}}}}
	d.Timeline.Events = make([]record.Event, 25)
	for j := range d.Timeline.Events {
		e := &d.Timeline.Events[j]
		e.Known = now.AddDate(0, 0, -rng.IntN(3000))
		e.Concept = benchCodes[int(rng.ExpFloat64()*60)%len(benchCodes)]
		switch e.Concept.System {
		case record.LOINC:
			e.Kind, e.Value, e.HasValue, e.Unit = record.Test, 4+rng.ExpFloat64()*2, true, "%"
		case record.RxNorm:
			e.Kind = record.Medication
		default:
			e.Kind = record.Condition
		}
	}
	return d
}

var benchCodes = func() (codes []record.Code) {
	for i := range 900 {
		c := record.Code{System: record.ICD10CM, Value: fmt.Sprintf("%c%02d", 'A'+i%26, i/26), Display: fmt.Sprintf("sickness %d", i)}
		switch i % 3 {
		case 1:
			c = record.Code{System: record.RxNorm, Value: fmt.Sprint(100000 + i), Display: fmt.Sprintf("drug %d", i)}
		case 2:
			c = record.Code{System: record.LOINC, Value: fmt.Sprintf("%d-1", 1000+i), Display: fmt.Sprintf("test %d", i)}
		}
		codes = append(codes, c)
	}
	return codes
}()

// benchQuestions are the questions that have a bar, in the words of benchCodes.
var benchQuestions = []struct{ name, text string }{
	{"four-codes", fmt.Sprintf("condition.code:%s drug.code:%s condition.code:%s -drug.code:%s age:40..70", benchCodes[0].Value, benchCodes[1].Value, benchCodes[3].Value, benchCodes[4].Value)},
	{"value-twice", fmt.Sprintf("lab.code:%s>8%% x2 within 1y", benchCodes[2].Value)},
	{"a-then-b", fmt.Sprintf("drug.code:%s then condition.code:%s within 30d", benchCodes[1].Value, benchCodes[3].Value)},
	{"a-then-b-without-c", fmt.Sprintf("drug.code:%s then condition.code:%s within 30d without drug.code:%s", benchCodes[1].Value, benchCodes[3].Value, benchCodes[7].Value)},
	{"or", fmt.Sprintf("(condition.code:%s or condition.code:%s or drug.code:%s) sex:female", benchCodes[6].Value, benchCodes[9].Value, benchCodes[10].Value)},
}

// BenchmarkCohort asks an index of EMBER_BENCH_PATIENTS (100,000) patients. With
// EMBER_BENCH_CSV it also writes the same facts for bench/cohort/duck.py.
func BenchmarkCohort(b *testing.B) {
	n := 100_000
	if s := os.Getenv("EMBER_BENCH_PATIENTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	e := benchEngine(b, n)
	for _, q := range benchQuestions {
		c, err := cohort.Parse(q.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(q.name, func(b *testing.B) {
			var took []time.Duration
			size := 0
			for range b.N {
				from := time.Now()
				m, err := e.Match(context.Background(), cohort.Question{Criterion: c, Now: now})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(from))
				size = m.Set.Len()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(size), "patients")
		})
	}
}

func benchEngine(b *testing.B, n int) *cohort.Engine {
	b.Helper()
	tt, err := terms.Default()
	if err != nil {
		b.Fatal(err)
	}
	x, err := index.Open(index.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := x.Close(); err != nil {
			b.Error(err)
		}
	})
	facts := benchFile(b)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := 0; i < n; {
		docs := make([]index.Document, 0, 1000)
		for ; len(docs) < 1000 && i < n; i++ {
			d := benchPatient(rng, i)
			docs = append(docs, d)
			facts(i, &d)
		}
		if err := x.Apply(docs, nil, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	if err := x.Flush(); err != nil {
		b.Fatal(err)
	}
	return cohort.New(cohort.Options{Index: x, Terms: tt})
}

// benchFile writes the facts of patients as CSV where EMBER_BENCH_CSV says: people to
// NAME.people.csv, events to NAME.events.csv, questions to NAME.sql.
func benchFile(b *testing.B) func(i int, d *index.Document) {
	b.Helper()
	name := os.Getenv("EMBER_BENCH_CSV")
	if name == "" {
		return func(int, *index.Document) {}
	}
	people, err := os.Create(name + ".people.csv")
	if err != nil {
		b.Fatal(err)
	}
	events, err := os.Create(name + ".events.csv")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { people.Close(); events.Close() })
	fmt.Fprintln(people, "patient,sex,born")
	fmt.Fprintln(events, "patient,kind,code,day,value")
	codes := ""
	for _, c := range benchCodes[:11] {
		codes += c.Value + "\n"
	}
	if err := os.WriteFile(name+".codes", []byte(codes), 0o600); err != nil {
		b.Fatal(err)
	}
	return func(i int, d *index.Document) {
		p := &d.Timeline.Person
		fmt.Fprintf(people, "%d,%d,%04d-%02d-%02d\n", i, p.Sex, p.Born.Year, p.Born.Month, p.Born.Day)
		for _, e := range d.Timeline.Events {
			value := ""
			if e.HasValue {
				value = strconv.FormatFloat(e.Value, 'g', -1, 64)
			}
			fmt.Fprintf(events, "%d,%d,%s,%d,%s\n", i, e.Kind, e.Concept.Value, index.Day(e.Known), value)
		}
	}
}

// BenchmarkNotes asks for a phrase, a code and a time among patients of whom one in
// five has a note.
func BenchmarkNotes(b *testing.B) {
	n := 100_000
	if s := os.Getenv("EMBER_BENCH_PATIENTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	tt, err := terms.Default()
	if err != nil {
		b.Fatal(err)
	}
	x, err := index.Open(index.Options{Dir: b.TempDir(), Notes: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := x.Close(); err != nil {
			b.Error(err)
		}
	})
	dump := benchNotes(b)
	rng := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields("patient reports pain in the left knee since two weeks denies fever chills and chest discomfort today exam unremarkable plan continue metformin follow up in clinic numbness of both feet neuropathy likely stable")
	for i := 0; i < n; {
		docs := make([]index.Document, 0, 1000)
		for ; len(docs) < 1000 && i < n; i++ {
			d := benchPatient(rng, i)
			if i%5 == 0 {
				text := make([]string, 150)
				for j := range text {
					text[j] = words[rng.IntN(len(words))] + strconv.Itoa(rng.IntN(30)/28)
				}
				text[rng.IntN(140)] = "."
				if rng.IntN(10) == 0 {
					text[50], text[51] = "peripheral", "neuropathy"
				}
				d.Notes = []record.Note{{Source: "DocumentReference/" + strconv.Itoa(i), Text: strings.Join(text, " ")}}
			}
			dump(i, &d)
			docs = append(docs, d)
		}
		if err := x.Apply(docs, nil, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	e := cohort.New(cohort.Options{Index: x, Terms: tt})
	for _, text := range []string{
		fmt.Sprintf("note:\"peripheral neuropathy\" condition.code:%s last 2y", benchCodes[3].Value),
		fmt.Sprintf("note:\"peripheral neuropathy\" condition.code:%s last 2y", benchCodes[60].Value),
		`note:"peripheral neuropathy"`,
	} {
		c, err := cohort.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("", func(b *testing.B) {
			size := 0
			var took []time.Duration
			for range b.N {
				from := time.Now()
				m, err := e.Match(context.Background(), cohort.Question{Criterion: c, Now: now})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(from))
				size = m.Set.Len()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(size), "patients")
		})
	}
}

// benchNotes writes who has a note, with the codes of the last two years, where
// EMBER_BENCH_NOTES says, for bench/cohort/notes.py: number, codes, text, by tabs.
func benchNotes(b *testing.B) func(i int, d *index.Document) {
	b.Helper()
	name := os.Getenv("EMBER_BENCH_NOTES")
	if name == "" {
		return func(int, *index.Document) {}
	}
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	since := now.AddDate(0, 0, -730)
	return func(i int, d *index.Document) {
		if len(d.Notes) == 0 {
			return
		}
		var codes []string
		for _, e := range d.Timeline.Events {
			if e.Kind == record.Condition && !e.Known.Before(since) {
				codes = append(codes, e.Concept.Value)
			}
		}
		fmt.Fprintf(f, "%d\t%s\t%s\n", i, strings.Join(codes, " "), d.Notes[0].Text)
	}
}
