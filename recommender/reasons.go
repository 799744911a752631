package recommender

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"ember/learn"
	"ember/record"
)

// told is how many reasons are told one by one; what is left is one more.
const told = 6

// The owners of a summand, beside facts (0 and up).
const (
	ofPerson = -1 - iota
	ofSite
	ofSimilar
	ofWords
	ofReasons // minus the reason's number: last
)

type summand struct {
	of     int
	weight float32
}

// reasons are the strongest summands of a candidate's log odds in words, then
// the rest and the start they are told from; the weights sum to the log odds.
func (s *scratch) reasons(l *loaded, want Want, k int) []Reason {
	w := s.split(l, want, k)
	var buf [told + 1]summand
	sums, more := buf[:0], false
	add := func(of int, weight float32) {
		if abs(weight) < .005 {
			return
		}
		at := len(sums)
		for at > 0 && abs(sums[at-1].weight) < abs(weight) {
			at--
		}
		if at == told {
			more = true
			return
		}
		sums = slices.Insert(sums, at, summand{of, weight})
		more = more || len(sums) > told
		sums = sums[:min(len(sums), told)]
	}
	add(ofPerson, w.person)
	add(ofSite, w.site)
	add(ofSimilar, w.similar)
	add(ofWords, w.words)
	for i, v := range w.reason {
		add(ofReasons-i, v)
	}
	for i, v := range w.fact {
		add(i, v)
	}
	out := s.why.room()
	rest := float64(s.logits[k]) - float64(w.general)
	for _, m := range sums {
		rest -= float64(m.weight)
		out = append(out, s.tell(l, want, k, m))
	}
	general := float64(w.general)
	if math.Abs(rest) < .005 || !more {
		general, rest = general+rest, 0
	}
	if rest != 0 {
		out = append(out, Reason{Text: "other facts together", Weight: rest})
	}
	return append(out, Reason{Text: s.usual(k), Weight: general})
}

func abs(v float32) float32 { return max(v, -v) }

// usual is the start that reasons are told from.
func (s *scratch) usual(k int) string {
	p := learn.Sigmoid(float64(s.cand.row(k)[colPopularity]))
	return "starting point: newly ordered in " + strconv.FormatFloat(100*p, 'f', percentDigits(p), 64) + " % of comparable situations"
}

func percentDigits(p float64) int {
	if p < .02 {
		return 1
	}
	return 0
}

func (s *scratch) tell(l *loaded, want Want, k int, m summand) Reason {
	r := Reason{Weight: float64(m.weight)}
	switch {
	case m.of >= 0:
		f := &s.chart.facts[m.of]
		if f == s.facts[k] {
			r.Text = s.why.repeats(f)
		} else {
			r.Text = s.why.text(l, f, m.of)
		}
		if e := s.why.event(f); e != nil && e.Source != "" {
			r.Sources = s.why.source(e.Source)
		}
	case m.of == ofPerson:
		r.Text = s.why.who(&s.chart)
	case m.of == ofSite:
		r.Text = oftenRarely(m.weight, "more", "less") + " often ordered at this site than elsewhere"
	case m.of == ofSimilar:
		r.Text = similarText(similarOf(int(s.cand.received[k]), s.cand.similar))
	case m.of == ofWords:
		r.Text = "the words of the problems " + oftenRarely(m.weight, "are close to it", "are far from it")
	default:
		c := &l.artifact.lexicon.vocabulary.concepts[s.chart.reasons[ofReasons-m.of]]
		r.Text = oftenRarely(m.weight, "often", "rarely") + " ordered at visits for " + c.code.Display
		if s.why.visit.ID != "" {
			r.Sources = s.why.source(s.why.visit.ID)
		}
	}
	return r
}

func oftenRarely(weight float32, often, rarely string) string {
	if weight > 0 {
		return often
	}
	return rarely
}

func similarText(n Similar) string {
	if n.Received == nil {
		return "fewer than " + strconv.Itoa(disclosed) + " of " + strconv.Itoa(n.N) + " similar patients received it"
	}
	return strconv.Itoa(*n.Received) + " of " + strconv.Itoa(n.N) + " similar patients received it"
}

// mostReasons an item can have: those told, the rest, the start.
const mostReasons = told + 2

// room is for the reasons of one item. The reasons of an answer lie together, and
// so do their sources: many small pieces of memory cost more than what is in them.
func (w *contributions) room() []Reason {
	if len(w.reasons) < mostReasons {
		w.reasons = make([]Reason, mostReasons*defaultLimit)
	}
	out := w.reasons[:0:mostReasons]
	w.reasons = w.reasons[mostReasons:]
	return out
}

func (w *contributions) source(ref string) []string {
	if len(w.sources) == 0 {
		w.sources = make([]string, told*defaultLimit)
	}
	w.sources[0] = ref
	out := w.sources[:1:1]
	w.sources = w.sources[1:]
	return out
}

// who is the person in words, made once per answer.
func (w *contributions) who(c *Chart) string {
	if w.whom == "" {
		w.whom = person(c)
	}
	return w.whom
}

// person is who the patient is and where.
func person(c *Chart) string {
	var parts []string
	if c.age >= 0 {
		parts = append(parts, "age "+strconv.Itoa(c.age))
	}
	if c.sex == record.Female || c.sex == record.Male {
		parts = append(parts, c.sex.String())
	}
	return strings.Join(append(parts, [settings]string{"ambulatory", "emergency", "inpatient"}[c.setting]), ", ")
}

// event is the latest event of a fact; nil for a condition known from the
// visit's reason alone.
func (w *contributions) event(f *fact) *record.Event {
	switch i := int(f.event); {
	case i < 0:
		return nil
	case i < len(w.events):
		return &w.events[i]
	default:
		return &w.drafts[i-len(w.events)]
	}
}

// text is a fact in words, made once per answer.
func (w *contributions) text(l *loaded, f *fact, at int) string {
	if w.texts[at] == "" {
		w.texts[at] = factText(&l.artifact.lexicon.vocabulary.concepts[f.concept], f, w.event(f))
	}
	return w.texts[at]
}

const isoDay = "2006-01-02"

func factText(c *concept, f *fact, e *record.Event) string {
	name := c.code.Display
	switch {
	case e == nil:
		return name + " (reason of the visit)"
	case f.is&drafted != 0:
		return name + " (draft order)"
	case e.HasValue:
		return name + " " + strconv.FormatFloat(e.Value, 'g', 6, 64) + " " + unit(e.Unit) + "on " + e.Known.Format(isoDay)
	case c.kind == record.Condition:
		since := e.Start
		if since.IsZero() {
			since = e.Known
		}
		return name + " (since " + strconv.Itoa(since.Year()) + ")"
	case c.kind == record.Medication && f.is&active != 0:
		return name + " (active)"
	case c.kind == record.Medication:
		return name + ", last ordered " + e.Known.Format(isoDay)
	case c.kind == record.Allergy:
		return name + " (allergy)"
	case c.kind == record.FamilyHistory:
		return name + " (family)"
	}
	return name + " on " + e.Known.Format(isoDay)
}

func unit(u string) string {
	if u == "" || u == "1" {
		return ""
	}
	return u + " "
}

// repeats is how often the candidate itself was ordered before.
func (w *contributions) repeats(f *fact) string {
	e := w.event(f)
	switch {
	case e == nil:
		return "on record"
	case f.is&drafted != 0:
		return "in the draft orders"
	case f.count == 1:
		return "on record once, " + e.Known.Format(isoDay)
	case f.orders == 0:
		return "on record " + strconv.Itoa(int(f.count)) + " times, last " + e.Known.Format(isoDay)
	}
	return "ordered " + strconv.Itoa(int(f.orders)) + " times, last " + e.Known.Format(isoDay)
}
