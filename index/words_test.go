package index

import (
	"slices"
	"testing"
	"unicode/utf8"
)

func TestWords(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		var got []string
		for _, w := range words(text, nil) {
			got = append(got, w.text)
			if w.start < 0 || w.end > len(text) || w.start >= w.end {
				t.Errorf("%q: word at %d to %d", text, w.start, w.end)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f("")
	f("Chest pain.", "chest", "pain")
	f("HbA1c 7.4 %, BP 120/80", "hba1c", "7.4", "bp", "120", "80")
	f("1. Aspirin, 2. Statins", "1", "aspirin", "2", "statin")
	f("allergies to nuts", "allergy", "to", "nut")
	f("diagnosis sepsis virus abscess", "diagnosis", "sepsis", "virus", "abscess")
	f("Ménière's Ärzte İ ß", "ménière", "s", "ärzte", "İ", "ß")
	f("type-2", "type", "2")
	f("a\xffb", "a", "b")
	f("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyyyy", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
}

func TestOneSlip(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if oneSlip(a, b) != want || oneSlip(b, a) != want {
			t.Errorf("%s, %s: want %t", a, b, want)
		}
	}
	f("metformin", "metformin", false)
	f("metformin", "metfromin", true)
	f("metformin", "metfrmin", true)
	f("metformin", "metforminn", true)
	f("metformin", "netformin", true)
	f("metformin", "metformim", true)
	f("metformin", "metfomrin", true)
	f("metformin", "netfromin", false)
	f("metformin", "metfor", false)
}

func FuzzWords(f *testing.F) {
	f.Add("Chest pain \xff 7.4 ſ K Ⱥ")
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for _, w := range words(text, nil) {
			if w.start < end || w.end > len(text) || len(w.text) > maxWord+1 {
				t.Fatalf("word at %d to %d after %d of %d", w.start, w.end, end, len(text))
			}
			end = w.end
		}
		q := parseQuery(text)
		q.phrasesIn(text)
		if s := fragment(text, q.words); utf8.ValidString(text) && !utf8.ValidString(s) {
			t.Fatal("a fragment cuts a letter")
		}
	})
}
