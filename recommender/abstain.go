package recommender

// leastSeen is how many decisions of a setting there must be in training to
// answer for visits of it: what is ordered in intensive care says little about an
// office.
const leastSeen = 20

// decisions are those of training in a setting; emergencies and stays count
// together, because few emergencies last long enough to be decisions.
func (a *Artifact) decisions(s setting) int {
	if s == ambulatory {
		return a.seen[ambulatory]
	}
	return a.seen[emergency] + a.seen[inpatient]
}

// abstain says why nothing should be recommended to a patient, "" when it may.
func (a *Artifact) abstain(q *Query, c *Chart) string {
	switch p := q.Past.Person(); {
	case p.Dead:
		return "the patient is recorded as deceased"
	case c.age >= 0 && (c.age < a.ages[0] || c.age > a.ages[1]):
		return "the training data has no patients of this age"
	case c.hours >= 0 && a.decisions(c.setting) < leastSeen:
		return "the training data has hardly any decisions made in " + c.setting.String()
	case len(c.facts) == 0 && len(c.reasons) == 0:
		return "nothing is known about the patient that the model has learned from"
	}
	return ""
}

// unlike says why a patient is too unlike those of training, "" otherwise.
func (a *Artifact) unlike(cand *candidates) string {
	if cand.nearest < a.likeness {
		return "the patient is unlike all patients of the training data"
	}
	return ""
}
