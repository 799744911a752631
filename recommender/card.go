package recommender

import (
	"fmt"
	"strings"
	"time"

	"ember/learn"
)

// Card is the model card of a version: the source attributes that a predictive
// decision support intervention has to show in the United States (45 CFR
// 170.315(b)(11)(iv)(B), HTI-1), in its order, made from the training run. What
// only the site can know says so.
type Card struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Made    time.Time `json:"made"`
	Parts   []Part    `json:"parts"`
}

// Part is one of the nine groups of attributes.
type Part struct {
	Title      string      `json:"title"`
	Attributes []Attribute `json:"attributes"`
}

// Attribute is one of them.
type Attribute struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Maker is what the card cannot know from the artifact.
type Maker struct {
	Made   time.Time
	Code   string // version of the program
	Gate   string // what came of the comparison before it served, in words
	Forced bool   // it serves against the gate's word
}

const siteSays = "To be stated by the organisation that deploys it."

// Card makes the model card.
func (a *Artifact) Card(by Maker) Card {
	return Card{Name: a.Name, Version: a.Version, Made: by.Made, Parts: []Part{
		{"Details and output", []Attribute{
			{"Developer and contact", "Ember " + by.Code + ", trained on this site's own records; contact: " + lowerFirst(siteSays)},
			{"Funding of the development", siteSays},
			{"Value produced", "For each treatment or test its probability of being ordered at the present visit or in the rest of the stay, calibrated; reasons that add up to it; what similar patients received; the safety rules checked; how many candidates hold 80 and 90 % of the orders that follow."},
			{"Kind of output", "A prediction, shown as a ranked recommendation."},
		}},
		{"Purpose", []Attribute{
			{"Intended use", IntendedUse},
			{"Intended patients", a.intendedPatients()},
			{"Intended users", "Clinicians who may order, and the developers of the tools they use."},
			{"Role in decisions", "Informs; it never orders, and replaces no judgement."},
		}},
		{"Cautioned out-of-scope use", []Attribute{
			{"Cautioned against", "Emergencies; use without review; patients unlike those of training (the answer abstains from the dead, from ages and kinds of visits not seen, and from charts unlike all others); judging clinicians; other sites without measuring there first."},
			{"Known risks and limitations", "It learns what was ordered, not what was right: habits, shortages and biases of the records are in it. Drugs, tests and diagnoses that the code systems cannot map are not checked by the rules, and are named in the answer. Rules cover allergies, interactions, duplicates and conditions as their tables say; silence of a rule is no clearance."},
		}},
		{"Development and input features", []Attribute{
			{"Inclusion and exclusion", fmt.Sprintf("%d patients on record with %d decisions (starts of ambulatory visits, and hours after admission of stays of more than a day). Left out: who refused by Consent or asked to be left out, records merged into others, orders cancelled or entered in error.", a.patients, a.samples)},
			{"Use of certain variables", "Age and sex are input features. Race, ethnicity, language, sexual orientation, gender identity, social determinants and health status assessments are not read as such; what of them is recorded as a coded condition or finding is an input like any other."},
			{"Demographic representativeness", peopleText(a.report.People)},
			{"Relevance to the setting", fmt.Sprintf("Trained on the records of the installation that it answers for; %d organisations with at least %d patients. Decisions by setting: %s.", a.report.Sites, leastForSites, a.settingsText())},
		}},
		{"Fairness in development", []Attribute{
			{"Approach", "Every decision is judged by models that were fitted without its patient, and results are shown by sex and age beside those of the best simple baseline, so that gaps can be seen before it serves."},
			{"Management of bias", "Decisions of one patient are bounded, so that the chronically ill do not outweigh the rest; the network is held back where it does not help on patients it has not seen; probabilities are calibrated by kind and by new or continued orders. No group is reweighted."},
		}},
		{"External validation", []Attribute{
			{"Source of external data", "None by this run: `ember eval --external` measures on another site's data."},
			{"Who tested externally", siteSays},
			{"Representativeness of external data", "None by this run."},
			{"Process of external validation", "None by this run; the protocol is that of `ember eval`."},
		}},
		{"Quantitative measures", []Attribute{
			{"Validity, same source", a.validityText()},
			{"Fairness, same source", a.fairnessText()},
			{"Validity, other source", "None by this run."},
			{"Fairness, other source", "None by this run."},
			{"Evaluation of outcomes", "None known: whether patients fare better has not been studied. " + learnedText(a.learned)},
		}},
		{"Ongoing maintenance", []Attribute{
			{"Monitoring of validity", "Drift of the decisions asked about against those of training is a metric at all times (ember_recommender_drift). Each training measures what was kept of the promises (ember_recommender_calibration) and compares anew on patients whom neither the new nor the serving version has learned from, and the gate compares: " + gateText(by)},
			{"Validity in local data", "The measures above are of local data."},
			{"Monitoring of fairness", "Each training measures by sex and age anew."},
			{"Fairness in local data", "The measures above are of local data."},
		}},
		{"Update and schedule", []Attribute{
			{"Updates", "By `ember train`, as often as the site runs it. " + siteSays},
			{"Correction of performance", "A version that is worse than what serves, or than the baseline, is not served unless forced, which is recorded; `ember model rollback` returns to the version before. " + siteSays},
		}},
	}}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func gateText(by Maker) string {
	if by.Forced {
		return by.Gate + " (served against the gate's word)"
	}
	if by.Gate == "" {
		return "no decision on record."
	}
	return by.Gate
}

func (a *Artifact) intendedPatients() string {
	if a.ages[1] < 0 {
		return "Patients of this site; the ages of those of training are not on record."
	}
	return fmt.Sprintf("Patients of this site aged %d to %d.", a.ages[0], a.ages[1])
}

func (a *Artifact) settingsText() string {
	var parts []string
	for s, n := range a.seen {
		parts = append(parts, fmt.Sprintf("%s %d", setting(s), n))
	}
	return strings.Join(parts, ", ")
}

func peopleText(people []Share) string {
	if len(people) == 0 {
		return "Not on record."
	}
	var parts []string
	for _, p := range people {
		parts = append(parts, fmt.Sprintf("%s %s: %d", p.By, p.Value, p.Patients))
	}
	return "Patients whose decisions were learned from: " + strings.Join(parts, "; ") + ". Groups of fewer than 11 are counted together. Race and ethnicity were not examined."
}

func (a *Artifact) validityText() string {
	var parts []string
	for _, w := range a.report.Wants {
		parts = append(parts, fmt.Sprintf("%s, by the %s ranker: average precision %s, over the best simple baseline %s; expected calibration error where it says more than 5 %%: %.3f",
			w.Want, w.Ranker, interval(w.AP[w.Ranker]), interval(w.Difference), w.ECE))
	}
	if len(parts) == 0 {
		return "Not measured."
	}
	return "Out of fold, 95 % intervals over patients. " + strings.Join(parts, ". ") + "."
}

func (a *Artifact) fairnessText() string {
	var parts []string
	for _, w := range a.report.Wants {
		for _, g := range w.Subgroups {
			parts = append(parts, fmt.Sprintf("%s, %s %s (%d patients): %s, over the baseline %s", w.Want, g.By, g.Value, g.Patients, interval(g.AP), interval(g.Over)))
		}
	}
	if len(parts) == 0 {
		return "Not measured."
	}
	return "Average precision out of fold, 95 % intervals over patients. " + strings.Join(parts, "; ") + ". Groups of fewer than 11 patients are left out."
}

func interval(e learn.Estimate) string {
	return fmt.Sprintf("%.3f [%.3f, %.3f]", e.Value, e.Low, e.High)
}

// Markdown is the card for people.
func (c Card) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, version %s\n\n", c.Name, c.Version)
	if c.Made.IsZero() { // rules, which no run made
		b.WriteString("Source attributes of 45 CFR 170.315(b)(11)(iv)(A).\n")
	} else {
		fmt.Fprintf(&b, "Made %s. Source attributes of 45 CFR 170.315(b)(11)(iv)(B).\n", c.Made.UTC().Format(time.DateTime+" MST"))
	}
	for i, p := range c.Parts {
		fmt.Fprintf(&b, "\n## %d. %s\n\n", i+1, p.Title)
		for _, a := range p.Attributes {
			fmt.Fprintf(&b, "- **%s.** %s\n", a.Name, a.Text)
		}
	}
	return b.String()
}
