package deid

import (
	"bytes"
	"strconv"
)

// inside is a string's text when nothing in it is escaped, nil otherwise.
func inside(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 {
		return nil
	}
	return raw[1 : len(raw)-1]
}

// primitive tells a value that is no object and no array, if its kind allows.
func (s *Scrubber) primitive(raw []byte, k kind) {
	switch k {
	case word:
		if w := inside(raw); w != nil && s.rules.words[string(w)] {
			s.out = append(s.out, raw...)
		}
	case flag:
		if string(raw) == "true" || string(raw) == "false" {
			s.out = append(s.out, raw...)
		}
	case number:
		if plainNumber(raw) && !(s.aged && old(raw, nil, nil)) {
			s.out = append(s.out, raw...)
		}
	case date:
		s.date(inside(raw), s.born)
	case birth:
		s.date(inside(raw), true)
	case instant:
		if s.opt.Mode == Shifted {
			s.date(inside(raw), false)
		}
	}
}

// plainNumber reports whether a value is a number as JSON has it.
func plainNumber(raw []byte) bool {
	if len(raw) == 0 || len(raw) > 32 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return false
	}
	_, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && bytes.IndexFunc(raw, func(r rune) bool { return r == 'x' || r == 'X' || r == '_' || r == 'p' || r == 'P' }) < 0
}

// coding tells system and code, where the system is public.
func (s *Scrubber) coding(i int) int {
	var system, code []byte
	end := s.each(i, func(key []byte, at int) int {
		end := skip(s.b, at)
		if end < 0 {
			return -1
		}
		switch string(key) {
		case "system":
			system = inside(s.b[at:end])
		case "code":
			code = inside(s.b[at:end])
		}
		return end
	})
	if end > 0 && plainCode(code) && s.public(system) {
		s.out = append(append(s.out, `{"system":"`...), system...)
		s.out = append(append(s.out, `","code":"`...), code...)
		s.out = append(s.out, `"}`...)
	}
	return end
}

// plainCode reports whether a code has the form of codes in public systems: no blanks,
// and not long.
func plainCode(code []byte) bool {
	if len(code) == 0 || len(code) > 40 {
		return false
	}
	for _, c := range code {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && bytes.IndexByte([]byte("-._:+/"), c) < 0 {
			return false
		}
	}
	return true
}

// public reports whether codes of a system may be told. What was found is remembered.
func (s *Scrubber) public(system []byte) bool {
	if ok, known := s.systems[string(system)]; known {
		return ok
	}
	ok := s.rules.systems[string(system)]
	for _, own := range s.opt.Systems {
		ok = ok || own == string(system)
	}
	for _, start := range s.rules.starts {
		rest, has := bytes.CutPrefix(system, []byte(start))
		ok = ok || has && plainCode(rest)
	}
	if len(s.systems) < 1000 {
		s.systems[string(system)] = ok
	}
	return ok
}

const ucum = "http://unitsofmeasure.org"

// quantity tells value, comparator and unit. A value whose unit cannot be told is not
// told. Ages over 89, and all years over 89, are 90 or over.
func (s *Scrubber) quantity(i int, isAge bool) int {
	var value, comparator, unit, system, code []byte
	end := s.each(i, func(key []byte, at int) int {
		end := skip(s.b, at)
		if end < 0 {
			return -1
		}
		switch raw := s.b[at:end]; string(key) {
		case "value":
			value = raw
		case "comparator":
			comparator = inside(raw)
		case "unit":
			if unit = inside(raw); unit == nil {
				unit = []byte("?")
			}
		case "system":
			system = inside(raw)
		case "code":
			code = inside(raw)
		}
		return end
	})
	if end < 0 || !plainNumber(value) {
		return end
	}
	isUCUM := string(system) == ucum && plainUnit(code)
	switch {
	case (isAge || inYears(code, unit)) && old(value, code, unit):
		value, comparator, code, isUCUM = []byte("90"), []byte(">="), []byte("a"), true
	case !isUCUM && (unit != nil || code != nil) && !s.rules.units[string(unit)]:
		return end
	}
	s.out = append(append(s.out, `{"value":`...), value...)
	if len(comparator) > 0 && len(comparator) <= 2 && s.rules.words[string(comparator)] && comparator[0] < 'A' {
		s.out = append(append(append(s.out, `,"comparator":"`...), comparator...), '"')
	}
	switch {
	case isUCUM:
		s.out = append(append(s.out, `,"unit":"`...), code...)
		s.out = append(append(append(s.out, `","system":"`+ucum+`","code":"`...), code...), '"')
	case unit != nil:
		s.out = append(append(append(s.out, `,"unit":"`...), unit...), '"')
	}
	s.out = append(s.out, '}')
	return end
}

// plainUnit reports whether a code may be one of UCUM. Words in braces are of the
// sender's making.
func plainUnit(code []byte) bool {
	if len(code) == 0 || len(code) > 24 {
		return false
	}
	for _, c := range code {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && bytes.IndexByte([]byte("[]/.*%'^_+-"), c) < 0 {
			return string(code) == "{score}"
		}
	}
	return true
}

// inYears reports whether a quantity is of years: by whatever code it is told, and in a
// range too, it may be an age.
func inYears(code, unit []byte) bool {
	for _, u := range [...][]byte{code, unit} {
		switch string(u) {
		case "a", "a_j", "a_g", "a_t", "ann", "y", "yr", "yrs", "ye", "year", "years", "Years", "{years}":
			return true
		}
	}
	return false
}

// old reports whether an age is over 89 years; one in a unit that is not known may be.
func old(value, code, unit []byte) bool {
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return true
	}
	if code == nil {
		code = unit
	}
	switch string(code) {
	case "mo", "month", "months":
		v /= 12
	case "wk", "week", "weeks":
		v /= 52
	case "d", "day", "days":
		v /= 365
	case "h", "min", "s":
		return false
	}
	return v > 89
}

// reference tells which resource is meant, by what stands for its id.
func (s *Scrubber) reference(i int) int {
	var to []byte
	end := s.each(i, func(key []byte, at int) int {
		end := skip(s.b, at)
		if end > 0 && string(key) == "reference" {
			to = inside(s.b[at:end])
		}
		return end
	})
	if s.opt.Base != "" {
		to = bytes.TrimPrefix(to, []byte(s.opt.Base))
	}
	typ, id, ok := bytes.Cut(to, []byte("/"))
	id, _, _ = bytes.Cut(id, []byte("/_history/"))
	if end < 0 || !ok || s.rules.types[string(typ)] == nil || len(id) == 0 || bytes.IndexByte(id, '/') >= 0 {
		return end
	}
	s.text(`{"reference":"`, string(typ), `/`, s.ID(string(typ), string(id)), `"}`)
	return end
}

// address tells country, state and the beginning of the ZIP code, of the United States;
// of elsewhere the country.
func (s *Scrubber) address(i int) int {
	var state, zip, country []byte
	end := s.each(i, func(key []byte, at int) int {
		end := skip(s.b, at)
		if end < 0 {
			return -1
		}
		switch raw := s.b[at:end]; string(key) {
		case "state":
			state = inside(raw)
		case "postalCode":
			zip = inside(raw)
		case "country":
			country = inside(raw)
		}
		return end
	})
	if end < 0 {
		return end
	}
	mark := len(s.out)
	add := func(name string, value []byte) {
		begin := `,"`
		if len(s.out) == mark {
			begin = `{"`
		}
		s.text(begin, name, `":"`, string(value), `"`)
	}
	here := country == nil || listed(american, country)
	if here && listed(states, state) {
		add("state", state)
	}
	if three := zip3(zip); here && three != nil {
		add("postalCode", three)
	}
	if country != nil && (here || len(country) == 2 && upper(country)) {
		add("country", country)
	}
	if len(s.out) > mark {
		s.out = append(s.out, '}')
	}
	return end
}

// listed reports whether a value is in a list parted by bars.
func listed(list string, value []byte) bool {
	return len(value) > 0 && bytes.IndexByte(value, '|') < 0 && bytes.Contains([]byte(list), append(append([]byte("|"), value...), '|'))
}

func upper(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}

// zip3 is what may be told of a ZIP code: three digits, 000 where few people live.
func zip3(zip []byte) []byte {
	if len(zip) != 5 && (len(zip) != 10 || zip[5] != '-') {
		return nil
	}
	for i, c := range zip {
		if (c < '0' || c > '9') && i != 5 {
			return nil
		}
	}
	three := zip[:3]
	if bytes.Contains([]byte(restricted), append(append([]byte(" "), three...), ' ')) {
		return []byte("000")
	}
	return three
}
