// Package deid tells of FHIR resources what may be told without telling whose they are.
//
// [New] makes a [Scrubber] of a key and a [Mode]; it copies what a table allows, by path,
// from the bytes of a resource as they lie, and leaves out everything else: what the
// table does not know is not told. Ids become HMACs under the key, in references as well,
// so that what belongs together stays together as long as the key is the same.
//
// [SafeHarbor] is the method of 45 CFR 164.514(b)(2): of dates the year, of places the
// state and three digits of the ZIP code, ages over 89 as 90 or over. [Shifted] moves all
// dates of a patient by the same number of days, so that times between them stay; it is
// not Safe Harbor.
//
// Its invariant: a byte of the answer is a byte of the package's own tables, a code of a
// public system, a number, a part of a date, or an HMAC.
package deid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"
)

// Mode is a way to hide patients.
type Mode string

// The modes.
const (
	SafeHarbor Mode = "safe-harbor"
	Shifted    Mode = "shifted"
)

// ParseMode reads a mode.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case SafeHarbor, Shifted:
		return m, nil
	}
	return "", errors.New("deid: the modes are safe-harbor and shifted")
}

// Options say how a Scrubber works.
type Options struct {
	Mode Mode
	// Key makes ids and moves of dates; at least 32 bytes that nobody else has.
	Key []byte
	// At is the time of the release, from which ages are counted.
	At time.Time
	// Base is the server's own address, with a slash at its end: references may begin
	// with it.
	Base string
	// Systems are further code systems whose codes may be told, by their addresses:
	// the site vouches that no code of them names a person.
	Systems []string
}

// Scrubber hides patients. It is for one goroutine.
type Scrubber struct {
	opt     Options
	mac     hash.Hash
	rules   *rules
	ids     map[string]string // made of late
	systems map[string]bool

	b       []byte // that is read
	out     []byte
	offset  int  // days, of the patient
	nobody  bool // the resource is no patient's
	patient string
	aged    bool // an observation of an age
	born    bool // an observation of a date of birth
	ninety  bool // the patient may be 90 or over
}

// New checks the options.
func New(opt Options) (*Scrubber, error) {
	if _, err := ParseMode(string(opt.Mode)); err != nil {
		return nil, err
	}
	if len(opt.Key) < 32 {
		return nil, errors.New("deid: the key is shorter than 32 bytes")
	}
	for _, s := range opt.Systems {
		if !strings.Contains(s, ":") || strings.ContainsAny(s, "\"\\ ") {
			return nil, fmt.Errorf("deid: %q is no address of a code system", s)
		}
	}
	return &Scrubber{opt: opt, mac: hmac.New(sha256.New, opt.Key), rules: parsed(), ids: map[string]string{}, systems: map[string]bool{}}, nil
}

// Key names the key without telling it: keys of the same name are the same.
func (s *Scrubber) Key() string {
	sum := s.sum("key", "")
	return hex.EncodeToString(sum[:4])
}

// sum is the HMAC of a text for one purpose.
func (s *Scrubber) sum(purpose, text string) (sum [sha256.Size]byte) {
	s.mac.Reset()
	s.mac.Write([]byte(purpose))
	s.mac.Write([]byte{0})
	s.mac.Write([]byte(text))
	s.mac.Sum(sum[:0])
	return sum
}

// mostIDs bounds the ids that are remembered.
const mostIDs = 1 << 14

// ID is what stands for the id of a resource: 128 bits of an HMAC in hex.
func (s *Scrubber) ID(typ, id string) string {
	ref := typ + "/" + id
	if known, ok := s.ids[ref]; ok {
		return known
	}
	if len(s.ids) >= mostIDs {
		clear(s.ids)
	}
	sum := s.sum("id", ref)
	out := hex.EncodeToString(sum[:16])
	s.ids[ref] = out
	return out
}

// mostDays is how far dates are moved at most.
const mostDays = 365

// begin sets what depends on whose a resource is. Patients are moved by 1 to 365 days
// to and fro, never by none.
func (s *Scrubber) begin(patient string) {
	if s.nobody = patient == ""; s.nobody || patient == s.patient {
		return
	}
	s.patient = patient
	sum := s.sum("days", patient)
	if s.offset = int(binary.BigEndian.Uint64(sum[:8])%(2*mostDays)) - mostDays; s.offset >= 0 {
		s.offset++
	}
}

const (
	observationValue = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	modeTag          = "urn:ember:deid"
)

// Resource appends to dst what may be told of a resource, on one line; patient is the
// logical id of whose it is, "" for nobody. ok is false, and dst as it was, when
// nothing may be told: of types that are not in the table, and of what is not JSON.
func (s *Scrubber) Resource(dst []byte, typ, id, patient string, body []byte) (out []byte, ok bool) {
	n := s.rules.types[typ]
	if n == nil {
		return dst, false
	}
	s.begin(patient)
	s.b, s.out, s.ninety = body, dst, false
	s.observe(typ)
	code := "ANONYED"
	if s.opt.Mode == Shifted {
		code = "PSEUDED"
	}
	s.text(`{"resourceType":"`, typ, `","id":"`, s.ID(typ, id), `","meta":{"security":[{"system":"`, observationValue, `","code":"`, code,
		`"}],"tag":[{"system":"`, modeTag, `","code":"`, string(s.opt.Mode), `"}`)
	if has(body, `"SUBSETTED"`) {
		s.text(`,{"system":"`, observationValue, `","code":"SUBSETTED"}`)
	}
	s.text(`]}`)
	i := space(body, 0)
	if i >= len(body) || body[i] != '{' {
		return dst, false
	}
	if s.members(i+1, n, false) < 0 {
		return dst, false
	}
	if s.ninety {
		s.text(`,"extension":[{"url":"urn:ember:age","valueString":"90+"}]`)
	}
	s.out = append(s.out, '}')
	return s.out, true
}

func (s *Scrubber) text(parts ...string) {
	for _, p := range parts {
		s.out = append(s.out, p...)
	}
}

// Codes of SNOMED CT and LOINC whose values are ages, or dates of birth.
var (
	ageCodes   = []string{`"397669002"`, `"424144002"`, `"445518008"`, `"105727008"`, `"30525-0"`, `"21611-9"`, `"21612-7"`, `"29553-5"`, `"30972-4"`, `"35659-2"`, `"63900-5"`}
	birthCodes = []string{`"184099003"`, `"21112-8"`}
)

// observe looks whether an Observation tells an age.
func (s *Scrubber) observe(typ string) {
	in := func(code string) bool { return has(s.b, code) }
	s.aged = typ == "Observation" && slices.ContainsFunc(ageCodes, in)
	s.born = typ == "Observation" && slices.ContainsFunc(birthCodes, in)
}
