package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"ember/fhir"
	"ember/recommender"
	"ember/recommender/safety"
)

// fewest is the smallest number of similar patients that is told: smaller ones
// could point at a person.
const fewest = 11

const atLayout = "2006-01-02T15:04:05.000Z"

var errNotFinite = errors.New("server: the recommender gave a number that is not finite")

// appendAnswer appends the answer's JSON to b, which is empty, and gives an
// ETag over all of it but its id and moment, so that a client who polls hears
// of a change and of nothing else.
//
// It is written by hand because this is the hottest path: an encoder that works
// from structs takes twice the time.
func appendAnswer(b []byte, id string, q question, on about, a *recommender.Answer) (body []byte, tag string, err error) {
	b = text(b, `{"id":`, id)
	b = text(b, `,"patient":`, "Patient/"+on.patient)
	b = text(b, `,"at":`, q.at.Format(atLayout))
	content := len(b)
	b = append(b, `,"live":`...)
	b = strconv.AppendBool(b, q.live)
	b = text(b, `,"want":`, q.want.String())
	b = text(b, `,"model":{"name":`, a.Model.Name)
	b = text(b, `,"version":`, a.Model.Version)
	b = text(b, `},"dataVersion":`, on.version)
	b = text(b, `,"rules":`, a.Rules)
	b = array(b, `,"items":`, len(a.Items), func(b []byte, i int) []byte { return appendItem(b, i+1, &a.Items[i]) })
	b = array(b, `,"sets":`, len(a.Sets), func(b []byte, i int) []byte { return appendSet(b, &a.Sets[i]) })
	b = array(b, `,"blocked":`, len(a.Blocked), func(b []byte, i int) []byte { return appendBlocked(b, &a.Blocked[i]) })
	b = texts(b, `,"checks":`, a.Checks)
	b = texts(b, `,"unchecked":`, a.Unchecked)
	b = texts(b, `,"degraded":`, a.Degraded)
	b = append(b, `,"abstained":`...)
	b = strconv.AppendBool(b, a.Abstained)
	b = some(b, `,"abstainReason":`, a.AbstainReason)
	if x := a.Explained; x != nil {
		b = append(b, `,"explained":{"rank":`...)
		b = strconv.AppendInt(b, int64(x.Rank), 10)
		b = text(b, `,"outcome":`, x.Outcome)
		b = appendItem(append(b, `,"item":`...), x.Rank, &x.Item)
		b = append(appendFindings(b, `,"blocked":`, x.Blocked), '}')
	}
	if len(on.issues) > 0 {
		b = array(b, `,"issues":`, len(on.issues), func(b []byte, i int) []byte { return appendIssue(b, &on.issues[i]) })
	}
	b = append(text(b, `,"intendedUse":`, a.IntendedUse), '}')
	if !finite(a) {
		return nil, "", errNotFinite
	}
	return b, `W/"` + strconv.FormatUint(xxhash.Sum64(b[content:]), 16) + `"`, nil
}

func appendItem(b []byte, rank int, x *recommender.Item) []byte {
	b = append(b, `{"rank":`...)
	b = strconv.AppendInt(b, int64(rank), 10)
	b = appendCode(b, `,"code":`, x.Code)
	b = text(b, `,"kind":`, x.Kind.String())
	b = text(b, `,"status":`, x.Status)
	b = number(b, `,"probability":`, x.Probability)
	if x.Preference != 0 {
		b = number(b, `,"preference":`, x.Preference)
	}
	if x.Explored {
		b = append(b, `,"explored":true`...)
	}
	b = array(b, `,"reasons":`, len(x.Reasons), func(b []byte, i int) []byte {
		r := &x.Reasons[i]
		b = text(b, `{"text":`, r.Text)
		b = number(b, `,"weight":`, r.Weight)
		return append(texts(b, `,"sources":`, r.Sources), '}')
	})
	b = appendSimilar(b, x.Similar)
	return append(appendFindings(b, `,"warnings":`, x.Warnings), '}')
}

func appendSet(b []byte, x *recommender.Set) []byte {
	b = number(b, `{"coverage":`, x.Coverage)
	b = number(b, `,"probability":`, x.Probability)
	b = append(b, `,"size":`...)
	return append(strconv.AppendInt(b, int64(x.Size), 10), '}')
}

// appendSimilar suppresses small numbers whatever the recommender did.
func appendSimilar(b []byte, s recommender.Similar) []byte {
	b = append(b, `,"similar":{"n":`...)
	b = strconv.AppendInt(b, int64(s.N), 10)
	if s.Received == nil || *s.Received < fewest {
		b = append(b, `,"received":null,"below":`...)
		b = strconv.AppendInt(b, fewest, 10)
	} else {
		b = append(b, `,"received":`...)
		b = strconv.AppendInt(b, int64(*s.Received), 10)
	}
	return append(b, '}')
}

func appendBlocked(b []byte, x *recommender.Blocked) []byte {
	b = appendCode(b, `{"code":`, x.Code)
	b = text(b, `,"kind":`, x.Kind.String())
	b = text(b, `,"status":`, x.Status)
	b = number(b, `,"probability":`, x.Probability)
	return append(appendFindings(b, `,"reasons":`, x.Findings), '}')
}

// appendFindings appends what rules say: sources are the patient's own facts,
// citation is where the rule comes from.
func appendFindings(b []byte, name string, findings []safety.Finding) []byte {
	return array(b, name, len(findings), func(b []byte, i int) []byte {
		f := &findings[i]
		b = text(b, `{"text":`, f.Text)
		b = text(b, `,"rule":`, f.Rule)
		b = text(b, `,"tier":`, f.Tier)
		b = some(b, `,"severity":`, f.Severity)
		b = texts(b, `,"sources":`, f.References)
		b = some(b, `,"citation":`, f.Source)
		return append(some(b, `,"assumption":`, f.Assumption), '}')
	})
}

func appendIssue(b []byte, issue *fhir.Issue) []byte {
	b = text(b, `{"severity":`, issue.Severity)
	b = text(b, `,"code":`, issue.Code)
	b = text(b, `,"path":`, issue.Path)
	return append(text(b, `,"detail":`, issue.Detail), '}')
}

// answerID is the same for the same question about the same data by the same
// model and rules.
func answerID(q question, on about, a *recommender.Answer) string {
	h := sha256.New()
	for _, part := range [...]string{on.patient, on.version, q.at.Format(time.RFC3339Nano), strconv.FormatBool(q.live), q.want.String(), strconv.Itoa(q.limit),
		q.explain.Key(), a.Model.Name, a.Model.Version, a.Rules, strings.Join(on.left, ",")} {
		_, _ = io.WriteString(h, part)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// finite reports whether JSON can hold every number of the answer.
func finite(a *recommender.Answer) bool {
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

func finiteItem(x *recommender.Item) bool {
	for i := range x.Reasons {
		if w := x.Reasons[i].Weight; w-w != 0 {
			return false
		}
	}
	return x.Probability-x.Probability == 0
}

// number appends a name and a number to six decimals; null when it is none.
func number(b []byte, name string, v float64) []byte {
	b = append(b, name...)
	switch {
	case v-v != 0:
		return append(b, "null"...)
	case math.Abs(v) < 1e9:
		return millionths(b, int64(math.Round(v*1e6)))
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

// millionths appends v / 1,000,000 without zeros at the end.
func millionths(b []byte, v int64) []byte {
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	b = strconv.AppendInt(b, v/1e6, 10)
	rest := v % 1e6
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for digit := int64(1e5); rest > 0; digit /= 10 {
		b = append(b, byte('0'+rest/digit))
		rest %= digit
	}
	return b
}
