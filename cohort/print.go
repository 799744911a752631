package cohort

import (
	"slices"
	"strconv"
	"strings"
)

// Print is the text form of a criterion. [Parse] makes the same of it.
func Print(c Criterion) string { return string(printed(nil, &c, 0)) }

// PrintEvent is the text form of one event.
func PrintEvent(e Event) string { return string(printedEvent(nil, &e)) }

// The binding of what stands around a criterion.
const (
	inAll = 1 + iota
	inNot
)

func printed(b []byte, c *Criterion, in int) []byte {
	group := func(list []Criterion, between string, bare bool, inside int) []byte {
		if !bare {
			b = append(b, '(')
		}
		for i := range list {
			if i > 0 {
				b = append(b, between...)
			}
			b = printed(b, &list[i], inside)
		}
		if !bare {
			b = append(b, ')')
		}
		return b
	}
	switch {
	case c.All != nil:
		return group(c.All, " ", in == 0, inAll)
	case c.Any != nil:
		return group(c.Any, " or ", in == 0, inAll)
	case c.Not != nil:
		return printed(append(b, '-'), c.Not, inNot)
	case c.Event != nil:
		return printedEvent(b, c.Event)
	case c.Sequence != nil:
		return printedSequence(b, c.Sequence)
	case c.Age != nil:
		return printedRange(append(b, "age:"...), *c.Age, "")
	case c.Sex != "":
		return append(append(b, "sex:"...), shown(c.Sex)...)
	case c.Life != "":
		return append(append(b, "life:"...), shown(c.Life)...)
	case c.Note != nil && c.Note.Denied:
		return append(append(b, "note.denied:"...), shown(c.Note.Phrase)...)
	case c.Note != nil:
		return append(append(b, "note:"...), shown(c.Note.Phrase)...)
	case c.Cohort != "":
		return append(append(b, "cohort:"...), shown(c.Cohort)...)
	case c.Like != nil:
		return printedLike(b, c.Like)
	case c.Score != nil:
		return printedScore(b, c.Score)
	}
	return b
}

func printedScore(b []byte, s *Score) []byte {
	b = append(append(b, "score:"...), shown(s.Model)...)
	if s.AtLeast != nil && s.AtMost != nil && *s.AtLeast != *s.AtMost {
		b = append(b, ':')
	}
	return printedRange(b, s.Range, "")
}

func printedLike(b []byte, l *Like) []byte {
	whom := l.Patient
	if l.Cohort != "" {
		whom = "@" + l.Cohort
	}
	b = append(append(b, "like:"...), shown(whom)...)
	if l.Top > 0 {
		b = strconv.AppendInt(append(b, " top "...), int64(l.Top), 10)
	}
	return b
}

func printedSequence(b []byte, steps []Step) []byte {
	for i := range steps {
		s := &steps[i]
		if i > 0 {
			b = append(b, " then "...)
		}
		b = printedEvent(b, &s.Event)
		if s.Within != "" {
			b = append(append(b, " within "...), s.Within...)
		}
		if s.Without != nil {
			b = printedEvent(append(b, " without "...), s.Without)
		}
	}
	return b
}

// printedKind is the field that stands for a kind.
var printedKind = map[string]string{"": "any", "medication": "drug", "test": "lab", "family-history": "family"}

func printedEvent(b []byte, e *Event) []byte {
	name, ok := printedKind[e.Kind]
	if !ok {
		name = e.Kind
	}
	b = append(b, name...)
	switch {
	case e.Text != "":
		b = append(append(b, ':'), shown(e.Text)...)
	case e.Code != "":
		b = append(append(b, ".code:"...), shown(e.Code)...)
	case e.Under != "":
		b = append(append(b, ".under:"...), shown(e.Under)...)
	case e.Set != "":
		b = append(append(b, ".set:"...), shown(e.Set)...)
	case e.Class != "":
		b = append(append(b, ".class:"...), shown(e.Class)...)
	default:
		b = append(b, ":*"...)
	}
	if e.Value != nil {
		if r := e.Value.Range; r.AtLeast != nil && r.AtMost != nil && *r.AtLeast != *r.AtMost {
			b = append(b, ':')
		}
		b = printedRange(b, e.Value.Range, e.Value.Unit)
	}
	if e.Count > 0 {
		b = strconv.AppendInt(append(b, " x"...), int64(e.Count), 10)
	}
	for _, m := range [...]struct{ name, value string }{{" within ", e.Within}, {" last ", e.Last}, {" since ", e.Since}, {" until ", e.Until}} {
		if m.value != "" {
			b = append(append(b, m.name...), m.value...)
		}
	}
	if e.Age != nil {
		b = printedRange(append(b, " at age:"...), *e.Age, "")
	}
	return b
}

func printedRange(b []byte, r Range, unit string) []byte {
	num := func(sign string, v *float64) {
		if v != nil {
			b = strconv.AppendFloat(append(b, sign...), *v, 'f', -1, 64)
		}
	}
	switch {
	case r.AtLeast != nil && r.AtMost != nil && *r.AtLeast == *r.AtMost:
		num("=", r.AtLeast)
	case r.AtLeast != nil && r.AtMost != nil:
		num("", r.AtLeast)
		num("..", r.AtMost)
	default:
		num(">", r.Above)
		num(">=", r.AtLeast)
		num("<", r.Below)
		num("<=", r.AtMost)
	}
	if unit == "" {
		return b
	}
	if simple(unit) && !strings.ContainsAny(unit[:1], "0123456789.-") && !keyword(unit) {
		return append(append(b, ' '), unit...)
	}
	return append(b, quote(unit)...)
}

// keyword reports whether a word means something where a unit may stand.
func keyword(word string) bool {
	low := strings.ToLower(word)
	return slices.Contains(keywords, low) || low[0] == 'x' && allDigits(low[1:])
}

var keywords = []string{"within", "without", "last", "since", "until", "at", "then", "and", "or", "not", "|", "&", "!"}

// simple reports whether a word needs no quotes.
func simple(word string) bool {
	return word != "" && word[0] != '-' && word != "*" && !strings.ContainsAny(word, " \t\n\r\v\f\"“”():<>=≥≤\u0085\u00a0") && strings.IndexFunc(word, odd) < 0
}

func odd(r rune) bool { return r < ' ' || r > 0x7e }

func quote(word string) string { return `"` + strings.ReplaceAll(word, `"`, `""`) + `"` }
