package ember

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"ember/record"
	"ember/server/cds"
	"ember/store"
	"ember/timelines"
)

// sentences are the order sentences of the site: what is written about the dose of a
// drug, counted over adults, so that a draft can carry what is usual here. It lies in
// memory only: a training counts, and so does a server when it starts.
type sentences struct {
	of atomic.Pointer[map[string]cds.Sentence] // by key of the concept
}

const (
	// leastTelling is the smallest number of patients whose orders say the same: fewer
	// could point at a person, or be somebody's slip.
	leastTelling    = 11
	longestSentence = 200
	adult           = 18    // years; doses of children are nobody's usual
	mostCounted     = 50000 // patients, so that a large hospital is not read for hours
	// Counting rests after so many patients: who waits for an answer goes before.
	restEvery, rest = 4, 2 * time.Millisecond
)

// Sentence implements cds.Sentences.
func (s *sentences) Sentence(c record.Code) (cds.Sentence, bool) {
	of := s.of.Load()
	if of == nil {
		return cds.Sentence{}, false
	}
	found, ok := (*of)[c.Key()]
	return found, ok
}

// amount is a dose that stands by itself. Sentences are counted by ingredient, of which there
// are products of several strengths: one tablet of them is no dose.
var amount = regexp.MustCompile(`(?i)\d\s*(mg|mcg|µg|g|grams?|milligrams?|micrograms?|units?|iu|meq|mmol)\b`)

// told counts the sentences of one drug.
type told struct {
	orders, patients map[string]int
	last             map[string]int // patient that a sentence was counted for last
	all              int
}

// CountSentences reads the site's orders in the process that serves, resting in between:
// after a training its child has counted them, and after a start nobody has.
func (a *App) CountSentences(ctx context.Context) error {
	of, err := countSentences(ctx, a.store, a.timelines, func() { time.Sleep(rest) })
	if err == nil {
		a.sentences.of.Store(&of)
	}
	return err
}

// countSentences reads the site's orders; patients who refuse use beyond their own care
// are left out. It pauses now and then.
func countSentences(ctx context.Context, from *store.Store, lines *timelines.Timelines, pause func()) (map[string]cds.Sentence, error) {
	drugs := map[string]*told{}
	n := 0
	for line, err := range lines.All() {
		if err != nil {
			continue // a damaged timeline is reported elsewhere
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if line.Person.OptOut {
			continue
		}
		if n++; n > mostCounted {
			break
		}
		if n%restEvery == 0 {
			pause()
		}
		for i := range line.Events {
			countSentence(from, drugs, line.Person, &line.Events[i], n)
		}
	}
	of := map[string]cds.Sentence{}
	for key, t := range drugs {
		var best cds.Sentence
		for text, orders := range t.orders {
			if t.patients[text] >= leastTelling && (orders > best.Orders || orders == best.Orders && text < best.Text) {
				best = cds.Sentence{Text: text, Orders: orders, Of: t.all}
			}
		}
		if best.Text != "" {
			of[key] = best
		}
	}
	return of, nil
}

func countSentence(from *store.Store, drugs map[string]*told, who record.Person, e *record.Event, patient int) {
	if e.Kind != record.Medication || e.Mode != record.Ordered || e.Cancelled || e.Known.IsZero() {
		return
	}
	id, ok := strings.CutPrefix(e.Source, "MedicationRequest/")
	if age, known := who.Born.AgeAt(e.Known); !ok || !known || age < adult {
		return
	}
	res, err := from.Get("MedicationRequest", id)
	if err != nil {
		return
	}
	var order struct {
		DosageInstruction []struct{ Text string }
	}
	if json.Unmarshal(res.Raw, &order) != nil || len(order.DosageInstruction) != 1 {
		return // several instructions are no single sentence
	}
	text := strings.Join(strings.Fields(order.DosageInstruction[0].Text), " ")
	t := drugs[e.Concept.Key()]
	if t == nil {
		t = &told{orders: map[string]int{}, patients: map[string]int{}, last: map[string]int{}}
		drugs[e.Concept.Key()] = t
	}
	t.all++
	if len(text) > longestSentence || !amount.MatchString(text) {
		return
	}
	t.orders[text]++
	if t.last[text] != patient {
		t.last[text] = patient
		t.patients[text]++
	}
}
