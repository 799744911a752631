package synth

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// coding is one code with its words, by the short name of its system.
type coding struct{ system, code, display string }

// Systems of codes and identifiers in the output.
const (
	sysSNOMED = "http://snomed.info/sct"
	sysLOINC  = "http://loinc.org"
	sysRxNorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
	sysICD    = "http://hl7.org/fhir/sid/icd-10-cm"
	sysCVX    = "http://hl7.org/fhir/sid/cvx"
	sysUCUM   = "http://unitsofmeasure.org"
	hl7       = "http://terminology.hl7.org/CodeSystem/"
)

// stamp is a moment in seconds since 1970, UTC.
type stamp int64

const (
	hour stamp = 3600
	day        = 24 * hour
	year       = 36525 * day / 100
)

func (t stamp) time() time.Time { return time.Unix(int64(t), 0).UTC() }

// The append functions below write members of an object that has at least one
// member already; raw writes fixed JSON as it is.

func (p *page) begin(kind string, u id) {
	p.raw(`{"resourceType":"`, kind, `","id":"`)
	p.buf = append(p.buf, u[:]...)
	p.raw(`"`)
}

func (p *page) end(kind string) {
	p.raw(`}`)
	p.close(kind)
}

func (p *page) raw(parts ...string) {
	for _, s := range parts {
		p.buf = append(p.buf, s...)
	}
}

func (p *page) key(key string) { p.raw(`,"`, key, `":`) }

// quote writes a JSON string (RFC 8259, section 7).
func (p *page) quote(s string) {
	const hex = "0123456789abcdef"
	p.buf = append(p.buf, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				p.buf = append(append(p.buf, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		p.buf = append(p.buf, s[start:i]...)
		switch c {
		case '"', '\\':
			p.buf = append(p.buf, '\\', c)
		case '\n':
			p.buf = append(p.buf, '\\', 'n')
		case '\t':
			p.buf = append(p.buf, '\\', 't')
		default:
			p.buf = append(p.buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	p.buf = append(append(p.buf, s[start:]...), '"')
}

func (p *page) str(key, s string) {
	p.key(key)
	p.quote(s)
}

func (p *page) ref(key, kind string, u id) {
	p.key(key)
	p.refValue(kind, u)
}

func (p *page) refValue(kind string, u id) {
	p.raw(`{"reference":"`, kind, `/`)
	p.buf = append(p.buf, u[:]...)
	p.raw(`"}`)
}

func (p *page) time(key string, t stamp) {
	p.key(key)
	p.buf = append(p.buf, '"')
	p.buf = t.time().AppendFormat(p.buf, time.RFC3339)
	p.buf = append(p.buf, '"')
}

func (p *page) date(key string, t stamp) {
	p.key(key)
	p.buf = append(p.buf, '"')
	p.buf = t.time().AppendFormat(p.buf, time.DateOnly)
	p.buf = append(p.buf, '"')
}

// number writes a decimal rounded to the given places.
func (p *page) number(v float64, places int) {
	scale := math.Pow10(places)
	p.buf = strconv.AppendFloat(p.buf, math.Round(v*scale)/scale, 'f', -1, 64)
}

func (p *page) quantity(key string, v float64, places int, unit string) {
	p.key(key)
	p.raw(`{"value":`)
	p.number(v, places)
	p.raw(`,"unit":"`, unit, `","system":"`, sysUCUM, `","code":"`, unit, `"}`)
}

// concept writes a CodeableConcept of the codings that have a code; text ""
// is left out.
func (p *page) concept(key, text string, codes ...coding) {
	p.key(key)
	p.conceptValue(text, codes...)
}

func (p *page) conceptValue(text string, codes ...coding) {
	p.raw(`{`)
	n := 0
	for _, c := range codes {
		if c.code == "" {
			continue
		}
		if n == 0 {
			p.raw(`"coding":[`)
		} else {
			p.raw(`,`)
		}
		n++
		p.raw(`{"system":"`, c.system, `","code":"`, c.code, `"`)
		if c.display != "" {
			p.str("display", c.display)
		}
		p.raw(`}`)
	}
	if n > 0 {
		p.raw(`]`)
	}
	if text != "" {
		if n > 0 {
			p.raw(`,`)
		}
		p.raw(`"text":`)
		p.quote(text)
	}
	p.raw(`}`)
}

// status writes a required coded status as a CodeableConcept.
func (p *page) status(key, system, code string) {
	p.raw(`,"`, key, `":{"coding":[{"system":"`, hl7, system, `","code":"`, code, `"}]}`)
}

func (p *page) period(key string, from, to stamp) {
	p.raw(`,"`, key, `":{"start":"`)
	p.buf = from.time().AppendFormat(p.buf, time.RFC3339)
	if to > 0 {
		p.raw(`","end":"`)
		p.buf = to.time().AppendFormat(p.buf, time.RFC3339)
	}
	p.raw(`"}`)
}

func (p *page) base64(key string, data []byte) {
	p.raw(`,"`, key, `":"`)
	p.buf = base64.StdEncoding.AppendEncode(p.buf, data)
	p.raw(`"`)
}
