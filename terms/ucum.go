package terms

import (
	"math"
	"strconv"
	"strings"
)

// dims are the exponents of a unit's dimensions, in the order of dimNames.
type dims [9]int8

// dimNames name the dimensions in units.tsv: length, time, mass, temperature,
// amount, charge equivalents, arbitrary (enzyme and international) units,
// osmoles, luminous intensity.
const dimNames = "LTMKNEUOC"

// unit is a unit of measure: value × factor + offset in base units (metre,
// second, gram, kelvin, mole, equivalent, unit, osmole, candela).
type unit struct {
	factor, offset float64
	dims           dims
}

// atom is a unit symbol of the table.
type atom struct {
	unit
	metric bool // takes prefixes
}

// units are the atoms and prefixes of UCUM that laboratories use, and the other
// spellings they use.
type units struct {
	atoms    map[string]atom
	synonyms map[string]string // written in lower case without spaces → UCUM
}

// parse reads a unit as UCUM writes it, else as laboratories do ("MG/DL",
// "K/uL", "x10^9/L"). The prefixes from mega up are not read except in "MHz":
// laboratories that write "Mg" or "ML" mean mg and mL.
func (u units) parse(s string) (unit, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return unit{}, s == "" // no unit is the unit one
	}
	folded := strings.ReplaceAll(strings.ToLower(s), " ", "")
	if to, ok := u.synonyms[folded]; ok {
		return u.term(to)
	}
	if x, ok := u.term(s); ok {
		return x, ok
	}
	return u.term(u.unfold(folded))
}

// unfold gives the parts of a lower-cased unit their usual spelling.
func (u units) unfold(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] != '/' && s[j] != '.' && s[j] != '{' {
			j++
		}
		part := s[i:j]
		if to, ok := u.synonyms[part]; ok {
			part = to
		}
		b.WriteString(part)
		if j < len(s) && s[j] == '{' {
			k := strings.IndexByte(s[j:], '}')
			if k < 0 {
				return ""
			}
			j += k + 1
			i = j
			continue
		}
		if j < len(s) {
			b.WriteByte(s[j])
			j++
		}
		i = j
	}
	return b.String()
}

func one() unit { return unit{factor: 1} }

// term reads products and quotients from left to right, as UCUM does:
// a/b/c = a/(b·c), a.b = a·b.
func (u units) term(s string) (unit, bool) {
	if s == "" {
		return unit{}, false
	}
	out, affine, parts := one(), 0.0, 0
	op := byte('.')
	for i := 0; i < len(s); {
		if s[i] == '/' && i == 0 {
			op = '/'
			i++
			continue
		}
		j, ok := componentEnd(s, i)
		if !ok {
			return unit{}, false
		}
		x, ok := u.component(s[i:j])
		if !ok {
			return unit{}, false
		}
		out = combine(out, x, op)
		affine = x.offset
		parts++
		if j == len(s) {
			if parts == 1 && op == '.' {
				out.offset = affine
			}
			return out, true
		}
		op = s[j]
		i = j + 1
	}
	return unit{}, false
}

// componentEnd is where the component that begins at i ends: at the next '.' or
// '/' outside brackets, braces and parentheses.
func componentEnd(s string, i int) (int, bool) {
	depth := 0
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth--
		case '.', '/':
			if depth == 0 {
				return j, j > i
			}
		}
	}
	return len(s), depth == 0 && i < len(s)
}

func combine(a, b unit, op byte) unit {
	sign := int8(1)
	if op == '/' {
		sign = -1
		a.factor /= b.factor
	} else {
		a.factor *= b.factor
	}
	for i := range a.dims {
		a.dims[i] += sign * b.dims[i]
	}
	a.offset = 0
	return a
}

// component reads one symbol with prefix, exponent and annotation, a number, or
// a term in parentheses.
func (u units) component(s string) (unit, bool) {
	if i := strings.IndexByte(s, '{'); i >= 0 {
		if !strings.HasSuffix(s, "}") {
			return unit{}, false
		}
		if i == 0 {
			return one(), true
		}
		s = s[:i]
	}
	if s == "" {
		return unit{}, false
	}
	if s[0] == '(' {
		if len(s) < 3 || s[len(s)-1] != ')' {
			return unit{}, false
		}
		return u.term(s[1 : len(s)-1])
	}
	if x, ok := number(s); ok {
		return x, true
	}
	if x, ok := u.symbol(s); ok {
		return x, true
	}
	body, exp := splitExponent(s)
	if exp == 1 || exp == 0 {
		return unit{}, false
	}
	x, ok := u.symbol(body)
	if !ok || x.offset != 0 {
		return unit{}, false
	}
	out := one()
	out.factor = math.Pow(x.factor, float64(exp))
	for i := range out.dims {
		out.dims[i] = x.dims[i] * int8(exp)
	}
	return out, true
}

// number reads 10*3, 10^3, 10*-3 and positive integers.
func number(s string) (unit, bool) {
	if rest, ok := strings.CutPrefix(s, "10"); ok && len(rest) > 1 && (rest[0] == '*' || rest[0] == '^') {
		e, err := strconv.Atoi(rest[1:])
		if err != nil || e < -30 || e > 30 {
			return unit{}, false
		}
		return unit{factor: math.Pow10(e)}, true
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return unit{}, false
	}
	return unit{factor: float64(n)}, true
}

func splitExponent(s string) (string, int) {
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	if i > 0 && (s[i-1] == '-' || s[i-1] == '+') {
		i--
	}
	e, err := strconv.Atoi(strings.TrimPrefix(s[i:], "+"))
	if err != nil || e < -9 || e > 9 || i == 0 {
		return s, 1
	}
	return s[:i], e
}

// symbol is an atom, with a prefix where it takes one.
func (u units) symbol(s string) (unit, bool) {
	if a, ok := u.atoms[s]; ok {
		return a.unit, true
	}
	for _, n := range [...]int{2, 1} {
		if len(s) <= n {
			continue
		}
		f, ok := prefix(s[:n])
		if !ok {
			continue
		}
		if a, ok := u.atoms[s[n:]]; ok && a.metric {
			a.factor *= f
			return a.unit, true
		}
	}
	return unit{}, false
}

func prefix(s string) (float64, bool) {
	switch s {
	case "k":
		return 1e3, true
	case "h":
		return 1e2, true
	case "da":
		return 1e1, true
	case "d":
		return 1e-1, true
	case "c":
		return 1e-2, true
	case "m":
		return 1e-3, true
	case "u", "µ", "μ":
		return 1e-6, true
	case "n":
		return 1e-9, true
	case "p":
		return 1e-12, true
	case "f":
		return 1e-15, true
	case "a":
		return 1e-18, true
	}
	return 0, false
}
