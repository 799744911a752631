package aiaas

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func fit(t *testing.T, f Family, d *Dataset, o Fitting) Model {
	t.Helper()
	m, err := f.Fit(context.Background(), d, o)
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return m
}

func predict(t *testing.T, m Model, d *Dataset) []float32 {
	t.Helper()
	p, err := m.Predict(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func accuracy(d *Dataset, p []float32) float64 {
	m, right := len(d.Classes), 0
	for i, of := range d.Labels {
		if best(p[i*m:(i+1)*m]) == of[0] {
			right++
		}
	}
	return float64(right) / float64(d.Len())
}

// numbers is a regression on the columns of visits.
func numbers(seed uint64) *Dataset {
	d := visits(seed)
	d.Target, d.Labels, d.Classes = make([]float64, d.Len()), nil, nil
	for i := range d.Target {
		d.Target[i] = d.Columns[0].Number[i] + 3*math.Log(d.Columns[1].Number[i])
	}
	return d
}

// severals is notes with both classes, one, or none.
func severals(seed uint64) *Dataset {
	d := notes(seed)
	d.Multi = true
	for i := range d.Labels {
		j := (i + 7) % d.Len()
		switch i % 4 {
		case 0:
			d.Labels[i] = []int{}
			d.Columns[0].Text[i] = "tired and weak, sleeps badly, no appetite"
		case 1:
			d.Labels[i] = []int{0, 1}
			d.Columns[0].Text[i] = "cramps after meals, palpitations on exertion, " + d.Columns[0].Text[j][:5]
		}
	}
	return d
}

// TestFamilies holds all families to one contract on all data they accept:
// better than the prior on new samples, probabilities, the same bits again and on
// more threads, the same answers after Save and Load, and refusal of data without
// their columns.
func TestFamilies(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	data := map[string]func(seed uint64) *Dataset{
		"visits": visits, "notes": notes, "numbers": numbers, "severals": severals,
		"scans":  func(seed uint64) *Dataset { return scans(160, seed) },
		"curves": func(seed uint64) *Dataset { return curves(160, seed) },
	}
	fitted := 0
	for name, make := range data {
		train, test := make(1), make(2)
		base := goodness(test, predict(t, fit(t, Prior(), train, Fitting{}), test))
		for _, f := range Families() {
			if f.Rank == 0 || f.Accepts(train) != nil {
				continue
			}
			fitted++
			last := 0.
			m := fit(t, f, train, Fitting{Seed: 1, Threads: 1, Progress: func(p Progress) {
				if p.Family != f.Name || p.Done < last || p.Done > 1 {
					t.Errorf("%s on %s: progress %+v after %g", f.Name, name, p, last)
				}
				last = p.Done
			}})
			p := predict(t, m, test)
			if got, prior := mean(goodness(test, p)), mean(base); got <= prior+.1*math.Abs(prior) {
				t.Errorf("%s on %s: %.3f, the prior %.3f", f.Name, name, got, prior)
			}
			if again := predict(t, fit(t, f, train, Fitting{Seed: 1, Threads: 3}), test); !slices.Equal(p, again) {
				t.Errorf("%s on %s: another fit on more threads answers otherwise", f.Name, name)
			}
			if test.Target == nil {
				checkProbabilities(t, f.Name+" on "+name, test, p)
			}
			checkSaved(t, f, m, test, p)
			test := test.Take(every(test.Len()))
			test.Columns = []Column{{Name: "other", Kind: Date, Number: slices.Repeat([]float64{1}, test.Len())}}
			if _, err := m.Predict(context.Background(), test); err == nil {
				t.Errorf("%s on %s: predicts without the columns it was fitted on", f.Name, name)
			}
		}
	}
	if fitted < 10 {
		t.Errorf("%d fits", fitted)
	}
}

func mean(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x / float64(len(v))
	}
	return s
}

func checkProbabilities(t *testing.T, name string, d *Dataset, p []float32) {
	t.Helper()
	m := len(d.Classes)
	for i := range d.Len() {
		var sum float64
		for _, v := range p[i*m : (i+1)*m] {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("%s: a probability of %g", name, v)
			}
			sum += float64(v)
		}
		if !d.Multi && math.Abs(sum-1) > 1e-4 {
			t.Fatalf("%s: probabilities add up to %g", name, sum)
		}
	}
}

func checkSaved(t *testing.T, f Family, m Model, d *Dataset, want []float32) {
	t.Helper()
	dir := t.TempDir()
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	loaded, err := f.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := predict(t, loaded, d); !slices.Equal(got, want) {
		t.Errorf("%s answers otherwise after it was saved", f.Name)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal("nothing saved")
	}
	path := dir + "/" + files[0].Name()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content[:len(content)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(dir); err == nil {
		t.Errorf("%s loads half a file", f.Name)
	}
}

func TestEncoderTellsMissingFromZero(t *testing.T) {
	d := csvOf(t, "a,c,y\n0,x,p\n,x,q\n2,,p\n4,z,q\n,x,p\n", Schema{Label: "y"})
	e, err := FitEncoder(d)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := e.Columns(d)
	if err != nil {
		t.Fatal(err)
	}
	if columns[0][0] != 0 || columns[0][1] == columns[0][1] || columns[1][0] != 0 || columns[1][1] != 1 {
		t.Errorf("zero and missing: %v", columns[:2])
	}
	// x is known, z was there once and is like a new word, missing is neither.
	if columns[2][0] != 1 || columns[3][3] != 1 || columns[2][2]+columns[3][2] != 0 {
		t.Errorf("categories: %v", columns[2:])
	}
}

func TestTextOfUnseenWordsIsNoError(t *testing.T) {
	m := fit(t, TextSVM(), notes(1), Fitting{})
	d := notes(2).Take([]int{0})
	d.Columns[0].Text[0] = "ζζζ"
	checkProbabilities(t, "unseen", d, predict(t, m, d))
}

func TestChooseTakesTheSimplestOfEquals(t *testing.T) {
	d := visits(3) // the truth is linear: trees cannot be clearly ahead
	c, err := Choose(context.Background(), d, Families(), Choosing{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if c.Family != "linear" {
		t.Errorf("%s chosen: %+v", c.Family, c.Board)
	}
	for _, e := range c.Board {
		if e.Family == "text-svm" && e.Skipped == "" {
			t.Error("a text family took a table")
		}
		if e.Family == "prior" && e.Behind.Low <= 0 {
			t.Errorf("the prior is not behind: %+v", e)
		}
	}
	if len(c.OutOf) != d.Len()*2 || accuracy(d, c.OutOf) < .7 {
		t.Errorf("out of fold: %d numbers, right on %.2f", len(c.OutOf), accuracy(d, c.OutOf))
	}
}

func TestChooseNeverLooksAtTheTestSide(t *testing.T) {
	d := visits(3)
	d.Side = make([]Side, d.Len())
	for i, s := range d.Subject {
		d.Side[i] = TrainSide
		if strings.HasSuffix(s, "7") {
			d.Side[i] = TestSide
		}
	}
	a, err := Choose(context.Background(), d, Families(), Choosing{Only: []string{"linear"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Side {
		if d.Side[i] == TestSide {
			d.Labels[i] = []int{0}
			d.Columns[0].Number[i] = 1e6
		}
	}
	b, err := Choose(context.Background(), d, Families(), Choosing{Only: []string{"linear"}})
	if err != nil {
		t.Fatal(err)
	}
	if x := visits(4); !slices.Equal(predict(t, a.Model, x), predict(t, b.Model, x)) || a.Board[1].Score != b.Board[1].Score {
		t.Error("the test side changed the model")
	}
}

// ticking is a clock that a second passes on at each look.
func ticking() func() time.Time {
	at := time.Unix(0, 0)
	return func() time.Time { at = at.Add(time.Second); return at }
}

func TestChooseKeepsItsBudget(t *testing.T) {
	c, err := Choose(context.Background(), visits(3), Families(), Choosing{Now: ticking(), Budget: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	late := false
	for _, e := range c.Board {
		late = late || strings.Contains(e.Skipped, "no time left")
	}
	if !late {
		t.Errorf("all families fitted into a budget of 30 looks at the clock: %+v", c.Board)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Choose(ctx, notes(1), Families(), Choosing{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestChooseRefuses(t *testing.T) {
	one := visits(1)
	for i := range one.Subject {
		one.Subject[i] = "p"
	}
	if _, err := Choose(context.Background(), one, Families(), Choosing{}); err == nil {
		t.Error("one subject split in two")
	}
	none := visits(1)
	none.Labels = make([][]int, none.Len())
	if _, err := Choose(context.Background(), none, Families(), Choosing{}); err == nil {
		t.Error("nothing labelled, and a model chosen")
	}
	if _, err := Choose(context.Background(), visits(1), []Family{TextSVM()}, Choosing{}); err == nil || !strings.Contains(err.Error(), "text") {
		t.Errorf("no family takes it: %v", err)
	}
}

// TestUnlabelledTextsTeachWords keeps from the labelled notes all words of one
// complaint that is met in the test, and shows the words' use in notes without
// labels.
func TestUnlabelledTextsTeachWords(t *testing.T) {
	d := &Dataset{Name: "n", Task: Text, Columns: []Column{{Name: "note", Kind: FreeText}}}
	var labels [][]string
	add := func(text, label, subject string) {
		d.Columns[0].Text = append(d.Columns[0].Text, text)
		d.Subject = append(d.Subject, subject)
		d.Places = append(d.Places, Place{"n", d.Len()})
		var of []string
		if label != "" {
			of = []string{label}
		}
		labels = append(labels, of)
	}
	sites := map[string][]string{"leg": {"tibia", "femur", "patella", "ankle"}, "arm": {"humerus", "radius", "elbow", "wrist"}}
	for k := range 60 {
		for _, class := range []string{"leg", "arm"} {
			add([]string{"fracture of ", "pain in ", "swelling at ", "wound near "}[k%4]+sites[class][k/4%4], class, string(rune('a'+k)))
			add("the "+map[string]string{"leg": "calcaneus", "arm": "olecranon"}[class]+" articulates close to "+sites[class][k%4], "", class)
		}
	}
	d.setClasses(labels)
	var test []int
	for range 2 {
		add("injured calcaneus", "leg", "x")
		add("injured olecranon", "arm", "y")
	}
	train := d.Take(every(d.Len() - 4))
	d.setClasses(labels)
	for i := d.Len() - 4; i < d.Len(); i++ {
		test = append(test, i)
	}
	train.Labels, train.Classes = d.Labels[:train.Len()], d.Classes
	m := fit(t, TextRelated(), train, Fitting{})
	if got := accuracy(d.Take(test), predict(t, m, d.Take(test))); got < 1 {
		t.Errorf("right on %.2f of texts whose words only texts without labels have", got)
	}
	alone := fit(t, TextRelated(), train.Take(train.Labelled()), Fitting{})
	if got := accuracy(d.Take(test), predict(t, alone, d.Take(test))); got == 1 {
		t.Error("right without having seen the words: the test shows nothing")
	}
}

func TestStems(t *testing.T) {
	if _, n := stems([]string{"INJ001", "INJ002", "EYE001", "EYE002", "EYE003"}); n != 2 {
		t.Errorf("%d groups", n)
	}
	for _, names := range [][]string{{"well", "ill"}, {"A1", "B1"}, {"0", "1"}, {"A1", "A2", "A3"}} {
		if _, n := stems(names); n != 0 {
			t.Errorf("%v falls into %d groups", names, n)
		}
	}
}
