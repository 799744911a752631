package aiaas

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// visits is a clean table: 400 visits of 200 patients, two classes, three
// numbers of which two say something, a category, no gaps.
func visits(seed uint64) *Dataset {
	rng := rand.New(rand.NewPCG(seed, 1))
	d := &Dataset{Name: "visits.csv", Task: Tabular, Columns: []Column{
		{Name: "age", Kind: Number}, {Name: "crp", Kind: Number}, {Name: "weight", Kind: Number}, {Name: "ward", Kind: Category},
	}}
	var labels [][]string
	for i := range 400 {
		age, crp := 50+15*rng.NormFloat64(), math.Exp(1+rng.NormFloat64())
		y := "well"
		if .06*(age-50)+1.2*(math.Log(crp)-1)+rng.NormFloat64() > 0 {
			y = "ill"
		}
		d.Columns[0].Number = append(d.Columns[0].Number, age)
		d.Columns[1].Number = append(d.Columns[1].Number, crp)
		d.Columns[2].Number = append(d.Columns[2].Number, 75+10*rng.NormFloat64())
		d.Columns[3].Text = append(d.Columns[3].Text, string(rune('A'+rng.IntN(4))))
		d.Subject = append(d.Subject, fmt.Sprint("p", rng.IntN(200)))
		d.Places = append(d.Places, Place{"visits.csv", i + 2})
		labels = append(labels, []string{y})
	}
	d.setClasses(labels)
	return d
}

var complaints = map[string][]string{
	"chest":   {"pressure behind the sternum", "palpitations on exertion", "pain radiating to the left arm", "short of breath climbing stairs"},
	"belly":   {"cramps after meals", "vomiting since last night", "tender lower abdomen", "loose stools for days"},
	"general": {"tired and weak", "fever in the evening", "lost weight lately", "sleeps badly", "no appetite", "dizzy when standing"},
}

// notes is clean text: two classes, every note with a few complaints of its
// class and of none.
func notes(seed uint64) *Dataset {
	rng := rand.New(rand.NewPCG(seed, 2))
	d := &Dataset{Name: "notes.ndjson", Task: Text, Columns: []Column{{Name: "note", Kind: FreeText}}}
	var labels [][]string
	for i := range 300 {
		y := []string{"chest", "belly"}[rng.IntN(2)]
		var parts []string
		for range 2 {
			parts = append(parts, complaints[y][rng.IntN(4)])
		}
		for range 4 {
			parts = append(parts, complaints["general"][rng.IntN(6)])
		}
		rng.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
		parts = append(parts, fmt.Sprintf("seen at %d by doctor %d in room %d bed %d floor %d", rng.IntN(24), rng.IntN(90), rng.IntN(500), rng.IntN(70), rng.IntN(80)))
		d.Columns[0].Text = append(d.Columns[0].Text, strings.Join(parts, ", "))
		d.Subject = append(d.Subject, fmt.Sprint("p", i))
		d.Places = append(d.Places, Place{"notes.ndjson", i + 1})
		labels = append(labels, []string{y})
	}
	d.setClasses(labels)
	return d
}

// scans is clean images: a bright spot on the left or on the right, and noise.
func scans(n int, seed uint64) *Dataset {
	rng := rand.New(rand.NewPCG(seed, 3))
	d := &Dataset{Name: "scans.zip", Task: Images, Columns: []Column{{Name: "image", Kind: Picture}}}
	var labels [][]string
	for i := range n {
		side := rng.IntN(2)
		m := Image{Width: 20, Height: 20, Channels: 1, Pixels: make([]float32, 400)}
		for k := range m.Pixels {
			m.Pixels[k] = .5 * rng.Float32()
		}
		y, x := 3+rng.IntN(12), 2+side*10+rng.IntN(5)
		for dy := range 4 {
			for dx := range 4 {
				m.Pixels[(y+dy)*20+x+dx] += .4
			}
		}
		d.Columns[0].Image = append(d.Columns[0].Image, m)
		p := Place{File: fmt.Sprintf("scans.zip/%d.png", i)}
		d.Places, d.Subject = append(d.Places, p), append(d.Subject, p.String())
		labels = append(labels, []string{[]string{"left", "right"}[side]})
	}
	d.setClasses(labels)
	return d
}

// curves is clean series: slow or fast waves with a random phase.
func curves(n int, seed uint64) *Dataset {
	rng := rand.New(rand.NewPCG(seed, 4))
	d := &Dataset{Name: "curves.ndjson", Task: Sequence, Columns: []Column{{Name: "signal", Kind: Waveforms}}}
	var labels [][]string
	for i := range n {
		fast := rng.IntN(2)
		ch := make([]float32, 200)
		phase := rng.Float64() * 6
		for k := range ch {
			ch[k] = float32(math.Sin(phase+float64(k)*(.05+.1*float64(fast))) + .3*rng.NormFloat64())
		}
		d.Columns[0].Series = append(d.Columns[0].Series, Series{Rate: 100, Channels: [][]float32{ch}})
		d.Places, d.Subject = append(d.Places, Place{"curves.ndjson", i + 1}), append(d.Subject, fmt.Sprint("p", i))
		labels = append(labels, []string{[]string{"slow", "fast"}[fast]})
	}
	d.setClasses(labels)
	return d
}

func inspect(t *testing.T, d *Dataset) *Report {
	t.Helper()
	r, err := Inspect(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCleanDataRaisesNothing(t *testing.T) {
	for seed := range uint64(4) {
		for _, d := range []*Dataset{visits(seed), notes(seed), scans(200, seed), curves(200, seed)} {
			if r := inspect(t, d); len(r.Findings) > 0 {
				t.Errorf("seed %d:\n%s", seed, r)
			}
		}
	}
}

func TestReportHasFiguresInBothForms(t *testing.T) {
	r := inspect(t, visits(1))
	if r.Samples != 400 || len(r.Classes) != 2 || r.Classes[0].Samples+r.Classes[1].Samples != 400 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.String(), "nothing suspicious") {
		t.Error(r)
	}
	b, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(b), `"findings":[]`) {
		t.Errorf("%v: %s", err, b)
	}
}

// faults are plantings, each with what must be found, in which column.
var faults = []struct {
	fault  Fault
	column string
	plant  func() *Dataset
}{
	{MissingValues, "crp", func() *Dataset {
		d := visits(1)
		d.Columns[1].Missing = make([]bool, d.Len())
		for i := 0; i < d.Len(); i += 4 {
			d.Columns[1].Missing[i] = true
		}
		return d
	}},
	{ConstantColumn, "age", func() *Dataset {
		d := visits(1)
		for i := range d.Columns[0].Number {
			d.Columns[0].Number[i] = 7
		}
		return d
	}},
	{ConstantColumn, "ward", func() *Dataset {
		d := visits(1)
		for i := range d.Columns[3].Text {
			d.Columns[3].Text[i] = "A"
		}
		return d
	}},
	{NonFinite, "crp", func() *Dataset {
		d := visits(1)
		d.Columns[1].Number[5], d.Columns[1].Number[6] = math.Inf(1), math.NaN()
		return d
	}},
	{MixedScales, "weight", func() *Dataset {
		d := visits(1)
		for i := 0; i < d.Len(); i += 7 {
			d.Columns[2].Number[i] *= 1000 // grams
		}
		return d
	}},
	{Duplicates, "", func() *Dataset {
		d := visits(1)
		return d.Take(append(every(d.Len()), 3, 4, 5))
	}},
	{Duplicates, "", func() *Dataset {
		d := scans(100, 1)
		return d.Take(append(every(d.Len()), 3, 4, 5))
	}},
	{Contradictions, "", func() *Dataset {
		d := notes(1)
		d = d.Take(append(every(d.Len()), 3))
		d.Labels[d.Len()-1] = []int{1 - d.Labels[3][0]}
		return d
	}},
	{NearDuplicates, "note", func() *Dataset {
		d := notes(1)
		d.Columns[0].Text[9] = d.Columns[0].Text[2] + " again"
		return d
	}},
	{NearDuplicates, "image", func() *Dataset {
		d := scans(100, 1)
		m := d.Columns[0].Image[2]
		m.Pixels = slices.Clone(m.Pixels)
		for k := range m.Pixels {
			m.Pixels[k] += .004
		}
		d.Columns[0].Image[9] = m
		return d
	}},
	{SplitSubjects, "", func() *Dataset {
		d := visits(1)
		d.Side = make([]Side, d.Len())
		for i := range d.Side {
			d.Side[i] = TrainSide
			if i%3 == 0 {
				d.Side[i] = TestSide
			}
		}
		return d
	}},
	{SplitCopies, "", func() *Dataset {
		d := notes(1)
		d = d.Take(append(every(d.Len()), 3))
		d.Side = make([]Side, d.Len())
		for i := range d.Side {
			d.Side[i] = TrainSide
		}
		d.Side[d.Len()-1], d.Subject[d.Len()-1] = TestSide, "another"
		return d
	}},
	{EmptyClass, "", func() *Dataset {
		d := visits(1)
		d.Classes = append(d.Classes, "zero")
		return d
	}},
	{TinyClass, "", func() *Dataset {
		d := visits(1)
		d.Classes = append(d.Classes, "zero")
		d.Labels[3], d.Labels[4] = []int{2}, []int{2}
		return d
	}},
	{Unbalanced, "", func() *Dataset {
		d := visits(1)
		for i := range d.Labels {
			if i%50 != 0 {
				d.Labels[i] = []int{0}
			} else {
				d.Labels[i] = []int{1}
			}
		}
		return d
	}},
	{Unlabelled, "", func() *Dataset { d := visits(1); d.Labels[3] = nil; return d }},
	{FewSubjects, "", func() *Dataset {
		d := visits(1)
		for i := range d.Subject {
			d.Subject[i] = fmt.Sprint("p", i%9)
		}
		return d
	}},
	{LeakColumn, "weight", func() *Dataset {
		d := visits(1)
		for i, of := range d.Labels {
			d.Columns[2].Number[i] = float64(of[0]) + .01*float64(i%37)
		}
		return d
	}},
	{LeakColumn, "ward", func() *Dataset {
		d := visits(1)
		for i, of := range d.Labels {
			d.Columns[3].Text[i] = string(rune('A' + 2*of[0] + i%2))
		}
		return d
	}},
	{LeakColumn, "crp", func() *Dataset { // measured only in the ill
		d := visits(1)
		d.Columns[1].Missing = make([]bool, d.Len())
		for i, of := range d.Labels {
			d.Columns[1].Missing[i] = of[0] == 1
		}
		return d
	}},
	{LeakColumn, "", func() *Dataset { // a word
		d := notes(1)
		for i, of := range d.Labels {
			if of[0] == 1 {
				d.Columns[0].Text[i] += " transferred to ward seven"
			}
		}
		return d
	}},
	{LeakText, "", func() *Dataset {
		d := notes(1)
		for i, of := range d.Labels {
			if i%2 == 0 {
				d.Columns[0].Text[i] += ". Assessment: " + d.Classes[of[0]]
			}
		}
		return d
	}},
	{LeakOrder, "", func() *Dataset {
		d := visits(1)
		rows := every(d.Len())
		slices.SortStableFunc(rows, func(a, b int) int { return d.Labels[a][0] - d.Labels[b][0] })
		return d.Take(rows)
	}},
	{LeakOrder, "", func() *Dataset { // in the names alone
		d := notes(1)
		for i, of := range d.Labels {
			d.Subject[i] = fmt.Sprintf("case%d", 1000*of[0]+i)
		}
		return d
	}},
	{LabelNoise, "", func() *Dataset {
		d := notes(1)
		for i := 0; i < d.Len(); i += 12 {
			d.Labels[i] = []int{1 - d.Labels[i][0]}
		}
		return d
	}},
	{LabelNoise, "", func() *Dataset {
		d := scans(600, 1)
		for i := 0; i < d.Len(); i += 15 {
			d.Labels[i] = []int{1 - d.Labels[i][0]}
		}
		return d
	}},
	{FlatImages, "image", func() *Dataset {
		d := scans(100, 1)
		d.Columns[0].Image[4] = Image{Width: 20, Height: 20, Channels: 1, Pixels: make([]float32, 400)}
		return d
	}},
	{FlatSeries, "signal", func() *Dataset {
		d := curves(100, 1)
		d.Columns[0].Series[4] = Series{Rate: 100, Channels: [][]float32{make([]float32, 200)}}
		return d
	}},
	{MixedRates, "signal", func() *Dataset {
		d := curves(100, 1)
		d.Columns[0].Series[4].Rate = 50
		return d
	}},
}

func TestEveryPlantedFaultIsFound(t *testing.T) {
	for k, f := range faults {
		r := inspect(t, f.plant())
		if !r.Has(f.fault, f.column) {
			t.Errorf("%d: no %s in column %q:\n%s", k, f.fault, f.column, r)
		}
		if !strings.Contains(r.String(), string(f.fault)) {
			t.Errorf("%d: the text does not tell of %s", k, f.fault)
		}
		for _, other := range r.Findings { // one fault, one kind of finding, but for what it must bring
			if other.Fault != f.fault && !slices.Contains(brings[f.fault], other.Fault) {
				t.Errorf("%d: %s planted, %s found as well: %s", k, f.fault, other.Fault, other.Words)
			}
		}
	}
}

// brings are the faults that another one is also.
var brings = map[Fault][]Fault{
	Contradictions: {LabelNoise},
	SplitCopies:    {Duplicates},
	Unbalanced:     {TinyClass},
	LeakColumn:     {MissingValues},
	MixedScales:    {},
}

func TestInspectIsTheSameTwice(t *testing.T) {
	a, b := inspect(t, faults[24].plant()), inspect(t, faults[24].plant())
	if a.String() != b.String() {
		t.Error("two reports on the same data differ")
	}
}
