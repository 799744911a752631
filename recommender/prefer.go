package recommender

import (
	"fmt"

	"ember/recommender/feedback"
	"ember/record"
)

// heed makes the preferences that were learned from feedback count in ranking, if
// they are believed.
func (a *Artifact) heed() {
	a.prefer = [wantEnd][]float32{}
	if !a.learned.Believed {
		return
	}
	for _, p := range a.learned.Preferences {
		w, ok := ParseWant(p.Want)
		if !ok {
			continue
		}
		if l, ok := a.lexicon.vocabulary.labelIndex(p.Kind, p.Code); ok {
			if a.prefer[w] == nil {
				a.prefer[w] = make([]float32, len(a.lexicon.vocabulary.labels[w]))
			}
			a.prefer[w][l] = float32(p.Shift)
		}
	}
}

// Learned is what feedback on earlier answers taught.
func (a *Artifact) Learned() feedback.Learned { return a.learned }

func learnedText(l feedback.Learned) string {
	if l.Answers == 0 {
		return "No feedback on its answers is on record."
	}
	text := fmt.Sprintf("%d answers to %d patients were responded to: %d items accepted, %d overridden, %d ignored. Accepted per list %s; estimated off policy, %s more with what was learned from it, which is ",
		l.Answers, l.Patients, l.Accepted, l.Overridden, l.Ignored, interval(l.Value), interval(l.Gain))
	if l.Believed {
		return text + "used in ranking (never in probabilities, nor by the rules)."
	}
	return text + "not used: that is not enough to believe it."
}

// encodeLearned writes what feedback taught.
func encodeLearned(e *encoder, l feedback.Learned) {
	for _, n := range [...]int{l.Answers, l.Patients, l.Accepted, l.Overridden, l.Ignored} {
		e.num(n)
	}
	e.estimate(l.Value)
	e.estimate(l.Gain)
	e.bool(l.Believed)
	e.u32(uint32(len(l.Preferences)))
	for _, p := range l.Preferences {
		e.str(p.Want)
		e.u8(uint8(p.Kind))
		e.str(p.Code.System)
		e.str(p.Code.Value)
		e.f64(p.Shift)
		e.num(p.Shown)
		e.num(p.Accepted)
		e.num(p.Overridden)
	}
}

func decodeLearned(d *decoder) feedback.Learned {
	l := feedback.Learned{Answers: d.num(), Patients: d.num(), Accepted: d.num(), Overridden: d.num(), Ignored: d.num(),
		Value: d.estimate(), Gain: d.estimate(), Believed: d.bool()}
	const least = 3*4 + 1 + 4*8
	l.Preferences = make([]feedback.Preference, d.length(least))
	for i := range l.Preferences {
		l.Preferences[i] = feedback.Preference{
			Order: feedback.Order{Want: d.str(), Kind: record.Kind(d.u8()), Code: record.Code{System: d.str(), Value: d.str()}},
			Shift: d.f64(), Shown: d.num(), Accepted: d.num(), Overridden: d.num()}
	}
	return l
}
