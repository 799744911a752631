package terms

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"ember/record"
)

func TestMemoIsBoundedAndKeepsOwnStrings(t *testing.T) {
	m := newMemo[string]()
	for i := range memoShards * memoLimit * 2 {
		text := strconv.Itoa(i * 7919)
		if got := m.get(nil, text, "", func() string { return text }); got != text {
			t.Fatalf("got %q for %q", got, text)
		}
	}
	n := 0
	for i := range m.shards {
		if k := len(m.shards[i].m); k > memoLimit {
			t.Errorf("shard %d has %d entries, limit %d", i, k, memoLimit)
		}
		n += len(m.shards[i].m)
	}
	if n == 0 {
		t.Error("nothing is kept")
	}
}

func TestMemoTellsCodesApart(t *testing.T) {
	m := newMemo[int]()
	code := func(v string) record.Code { return record.Code{System: "s", Value: v} }
	inputs := [][]record.Code{nil, {code("a")}, {code("b")}, {code("a"), code("b")}, {code("a"), code("b"), code("c")}, {code("a"), code("b"), code("d")}, {code("a"), code("b"), code("c"), code("d")}}
	for pass := range 2 {
		for i, in := range inputs {
			if got := m.get(in, "", "", func() int { return i }); got != i {
				t.Errorf("pass %d: input %d answered as %d", pass, i, got)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	x, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				text := "aspirin " + strconv.Itoa((i+g)%50) + " mg"
				if d := x.Drug(nil, text); d.Concept.Value != "1191" {
					t.Errorf("%s: %v", text, d.Concept)
				}
				x.Condition(nil, text)
				x.Procedure(nil, text)
				x.Observation(nil, nil, text)
			}
		})
	}
	wg.Wait()
}

func TestBuiltinSynonymsDoNotShadowEachOther(t *testing.T) {
	x, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range x.ingredients {
		got, ok := x.Ingredient(i.Name)
		if !ok || got.Name != i.Name {
			t.Errorf("%q is found as %q", i.Name, got.Name)
		}
		if d := x.DrugOfConcept(i.Code); len(d.Ingredients) != 1 || d.Ingredients[0].Name != i.Name {
			t.Errorf("%q: its code %v leads to %v", i.Name, i.Code, d.Ingredients)
		}
		d := x.Drug(nil, i.Name)
		if len(d.Ingredients) != 1 || d.Ingredients[0].Name != i.Name {
			t.Errorf("%q as text is read as %v", i.Name, d.Ingredients)
		}
		if i.Code.System == record.Ingredient && strings.ToLower(i.Name) != i.Name {
			t.Errorf("%q is not in lower case", i.Name)
		}
	}
}

func FuzzDrug(f *testing.F) {
	x, err := Default()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"ASPIRIN EC 81 MG PO TBEC", "KCL in D5W/NS", "a / b [c]", "((", "é-/&+;", "insulin, regular, human 70 UNT/ML / x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		codes := []record.Code{{System: record.RxNorm, Value: "0", Display: text}}
		d := x.mapDrug(codes, text)
		if d.Concept.Zero() || d.Mapped != (len(d.Ingredients) > 0) || d.Mapped != (d.How != "") {
			t.Errorf("%q: %+v", text, d)
		}
		if a := x.Allergen(nil, text); a.None && (len(a.Ingredients)+len(a.Classes) > 0) {
			t.Errorf("%q: %+v", text, a)
		}
		if k, c := x.Condition(nil, text); k == 0 || c.Zero() {
			t.Errorf("%q: condition %v %v", text, k, c)
		}
		if k, c := x.Procedure(nil, text); k == 0 || c.Zero() {
			t.Errorf("%q: procedure %v %v", text, k, c)
		}
	})
}

func BenchmarkDrug(b *testing.B) {
	x, err := Default()
	if err != nil {
		b.Fatal(err)
	}
	codes := []record.Code{{System: record.RxNorm, Value: "1049625", Display: "Acetaminophen 325 MG / Oxycodone Hydrochloride 10 MG Oral Tablet [Percocet]"}}
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			x.Drug(codes, codes[0].Display)
		}
	})
	b.Run("uncached", func(b *testing.B) {
		for b.Loop() {
			x.mapDrug(codes, codes[0].Display)
		}
	})
	b.Run("text", func(b *testing.B) {
		for b.Loop() {
			x.mapDrug(nil, "5 ML VIAL : DILTIAZEM HCL 25 MG/5ML IV SOLN")
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	x, err := Default()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		x.Convert(90, "MG/DL", "mmol/L", "2345-7")
	}
}

func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		if _, err := Default(); err != nil {
			b.Fatal(err)
		}
	}
}
