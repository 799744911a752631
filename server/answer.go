package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"

	"ember/record"
)

var errNotFinite = errors.New("server: the recommender gave a number that is not finite")

// fewest is the smallest number of similar patients that is told: smaller ones
// could point at a person.
const fewest = 11

type codeAnswer struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

func newCode(c record.Code) codeAnswer { return codeAnswer{c.System, c.Value, c.Display} }

// head begins the answer: what differs between two answers with the same content.
type head struct {
	ID      string `json:"id"`
	Patient string `json:"patient"`
	At      string `json:"at"`
}

// recommendationBody is the rest of it.
type recommendationBody struct {
	Want          string          `json:"want"`
	Model         modelAnswer     `json:"model"`
	DataVersion   string          `json:"dataVersion"`
	Rules         string          `json:"rules"`
	Items         []itemAnswer    `json:"items"`
	Blocked       []blockedAnswer `json:"blocked"`
	Checks        []string        `json:"checks"`
	Unchecked     []string        `json:"unchecked"`
	Degraded      []string        `json:"degraded"`
	Abstained     bool            `json:"abstained"`
	AbstainReason string          `json:"abstainReason,omitempty"`
	Issues        []issueAnswer   `json:"issues,omitempty"`
	IntendedUse   string          `json:"intendedUse"`
	// Explained answers the parameter explain.
	Explained *explanationAnswer `json:"explained,omitempty"`
}

type modelAnswer struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type itemAnswer struct {
	Rank        int             `json:"rank"`
	Code        codeAnswer      `json:"code"`
	Kind        string          `json:"kind"`
	Status      string          `json:"status"`
	Probability float64         `json:"probability"`
	Reasons     []reasonAnswer  `json:"reasons"`
	Similar     similarAnswer   `json:"similar"`
	Warnings    []findingAnswer `json:"warnings"`
}

type reasonAnswer struct {
	Text    string   `json:"text"`
	Weight  float64  `json:"weight"`
	Sources []string `json:"sources"`
}

type similarAnswer struct {
	N        int  `json:"n"`
	Received *int `json:"received"`
	Below    int  `json:"below,omitempty"`
}

type blockedAnswer struct {
	Code        codeAnswer      `json:"code"`
	Kind        string          `json:"kind"`
	Status      string          `json:"status"`
	Probability float64         `json:"probability"`
	Reasons     []findingAnswer `json:"reasons"`
}

type explanationAnswer struct {
	// Rank is among all candidates, 0 when it was none.
	Rank    int             `json:"rank"`
	Outcome string          `json:"outcome"`
	Item    itemAnswer      `json:"item"`
	Blocked []findingAnswer `json:"blocked"`
}

// findingAnswer is what a rule says: sources are the patient's own facts,
// citation is where the rule comes from.
type findingAnswer struct {
	Text       string   `json:"text"`
	Rule       string   `json:"rule"`
	Tier       string   `json:"tier"`
	Severity   string   `json:"severity,omitempty"`
	Sources    []string `json:"sources"`
	Citation   string   `json:"citation,omitempty"`
	Assumption string   `json:"assumption,omitempty"`
}

type issueAnswer struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Path     string `json:"path"`
	Detail   string `json:"detail"`
}

const atLayout = "2006-01-02T15:04:05.000Z"

// encodeAnswer is the answer's JSON, and an ETag over all of it but its id and
// moment, so that a client who polls hears of a change and of nothing else.
func encodeAnswer(q question, on about, a *Answer) (body []byte, tag string, err error) {
	if !finite(a) {
		return nil, "", errNotFinite
	}
	content, err := encode(newRecommendationBody(q, on, a))
	if err != nil {
		return nil, "", err
	}
	first, err := encode(head{ID: answerID(q, on, a), Patient: "Patient/" + on.patient, At: q.at.Format(atLayout)})
	if err != nil {
		return nil, "", err
	}
	body = make([]byte, 0, len(first)+len(content))
	body = append(body, first[:len(first)-1]...)
	body = append(body, ',')
	body = append(body, content[1:]...)
	return body, contentTag(content), nil
}

func contentTag(content []byte) string {
	sum := sha256.Sum256(content)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

func newRecommendationBody(q question, on about, a *Answer) recommendationBody {
	b := recommendationBody{
		Want: q.want.String(), Model: modelAnswer{a.Model.Name, a.Model.Version}, DataVersion: on.version, Rules: a.Rules,
		Items: make([]itemAnswer, len(a.Items)), Blocked: make([]blockedAnswer, len(a.Blocked)),
		Checks: list(a.Checks), Unchecked: list(a.Unchecked), Degraded: list(a.Degraded),
		Abstained: a.Abstained, AbstainReason: a.AbstainReason, IntendedUse: a.IntendedUse,
	}
	for i := range a.Items {
		b.Items[i] = newItem(i+1, &a.Items[i])
	}
	for i := range a.Blocked {
		x := &a.Blocked[i]
		b.Blocked[i] = blockedAnswer{newCode(x.Code), x.Kind.String(), x.Status, round(x.Probability), newFindings(x.Findings)}
	}
	if x := a.Explained; x != nil {
		b.Explained = &explanationAnswer{x.Rank, x.Outcome, newItem(x.Rank, &x.Item), newFindings(x.Blocked)}
	}
	for _, issue := range on.issues {
		b.Issues = append(b.Issues, issueAnswer(issue))
	}
	return b
}

func newItem(rank int, x *Item) itemAnswer {
	item := itemAnswer{Rank: rank, Code: newCode(x.Code), Kind: x.Kind.String(), Status: x.Status, Probability: round(x.Probability),
		Reasons: make([]reasonAnswer, len(x.Reasons)), Similar: newSimilar(x.Similar), Warnings: newFindings(x.Warnings)}
	for i, r := range x.Reasons {
		item.Reasons[i] = reasonAnswer{r.Text, round(r.Weight), list(r.Sources)}
	}
	return item
}

// newSimilar suppresses small numbers whatever the recommender did.
func newSimilar(s Similar) similarAnswer {
	if s.Received == nil || *s.Received < fewest {
		return similarAnswer{N: s.N, Below: fewest}
	}
	return similarAnswer{N: s.N, Received: s.Received}
}

func newFindings(findings []Finding) []findingAnswer {
	all := make([]findingAnswer, len(findings))
	for i := range findings {
		f := &findings[i]
		all[i] = findingAnswer{f.Text, f.Rule, f.Tier, f.Severity, list(f.References), f.Source, f.Assumption}
	}
	return all
}

// round keeps six decimals.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// finite reports whether JSON can hold every number of the answer.
func finite(a *Answer) bool {
	for i := range a.Items {
		if !finiteItem(&a.Items[i]) {
			return false
		}
	}
	for i := range a.Blocked {
		if x := a.Blocked[i].Probability; x-x != 0 {
			return false
		}
	}
	return a.Explained == nil || finiteItem(&a.Explained.Item)
}

func finiteItem(x *Item) bool {
	for _, r := range x.Reasons {
		if r.Weight-r.Weight != 0 {
			return false
		}
	}
	return x.Probability-x.Probability == 0
}
