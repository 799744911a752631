package terms

import (
	"strconv"
	"strings"

	"ember/record"
)

func (l *loader) loadChapters() error {
	rows, err := l.builtin("icd-chapters", "icd", "first", "last", "display", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		system := record.ICD10CM
		if r.fields[0] == "icd9" {
			system = record.ICD9CM
		}
		l.t.chapters[system] = append(l.t.chapters[system], chapter{r.fields[1], r.fields[2], r.fields[3]})
	}
	return nil
}

func (l *loader) loadUnits() error {
	rows, err := l.builtin("units", "symbol", "factor", "offset", "dimensions", "prefixes", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		var a atom
		if a.factor, err = strconv.ParseFloat(r.fields[1], 64); err != nil || a.factor <= 0 {
			return r.bad("factor is not a positive number")
		}
		if a.offset, err = strconv.ParseFloat(r.fields[2], 64); err != nil {
			return r.bad("offset is not a number")
		}
		var ok bool
		if a.dims, ok = parseDims(r.fields[3]); !ok {
			return r.bad("unreadable dimensions")
		}
		a.metric = r.fields[4] == "y"
		l.t.units.atoms[r.fields[0]] = a
	}
	rows, err = l.builtin("unit-synonyms", "written", "ucum", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if _, ok := l.t.units.term(r.fields[1]); !ok {
			return r.bad("not a unit")
		}
		l.t.units.synonyms[r.fields[0]] = r.fields[1]
	}
	return nil
}

// parseDims reads dimensions such as "M1L-1T-2", "-" for none.
func parseDims(s string) (d dims, ok bool) {
	if s == "-" {
		return d, true
	}
	for len(s) > 0 {
		i := strings.IndexByte(dimNames, s[0])
		if i < 0 {
			return d, false
		}
		j := 1
		for j < len(s) && (s[j] == '-' || s[j] >= '0' && s[j] <= '9') {
			j++
		}
		e, err := strconv.ParseInt(s[1:j], 10, 8)
		if err != nil {
			return d, false
		}
		d[i] += int8(e)
		s = s[j:]
	}
	return d, true
}

func (l *loader) loadAnalytes() error {
	rows, err := l.builtin("analytes", "loinc", "display", "unit", "molar_mass", "charge", "misnamed", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		a := analyte{unit: r.fields[2]}
		if _, ok := l.t.units.parse(a.unit); !ok {
			return r.bad("not a unit")
		}
		for i, to := range map[int]*float64{3: &a.molar, 4: &a.charge} {
			if r.fields[i] == "" {
				continue
			}
			if *to, err = strconv.ParseFloat(r.fields[i], 64); err != nil {
				return r.bad("not a number")
			}
		}
		for _, pair := range list(r.fields[5], ";") {
			from, to, _ := strings.Cut(pair, "=")
			if a.fold == nil {
				a.fold = map[string]string{}
			}
			a.fold[from] = to
		}
		l.t.analytes[r.fields[0]] = a
		l.t.displays[codeKey{record.LOINC, r.fields[0]}] = r.fields[1]
	}
	return nil
}

func (l *loader) loadLabs() error {
	rows, err := l.builtin("labs", "name", "loinc", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		l.t.labs[plain(r.fields[0])] = r.fields[1]
	}
	return nil
}

func (l *loader) loadValueSets() error {
	columns := []string{"set", "system", "pattern", "display", "source"}
	rows, err := l.builtin("value-sets", columns...)
	if err != nil {
		return err
	}
	own, err := l.own("value-sets", columns...)
	if err != nil {
		return err
	}
	for _, r := range own {
		l.t.sets[r.fields[0]] = nil // the site's set replaces the built-in one
	}
	for i, r := range append(rows, own...) {
		s, named := l.t.sets[r.fields[0]]
		if named && s == nil && i < len(rows) {
			continue
		}
		if s == nil {
			s = newValueSet()
			l.t.sets[r.fields[0]] = s
		}
		if !s.add(r.fields[1], r.fields[2]) {
			return r.bad("unusable system or pattern")
		}
		if r.fields[1] == "snomed" && r.fields[3] != "" {
			l.t.displays[codeKey{record.SNOMED, r.fields[2]}] = r.fields[3]
		}
	}
	return nil
}

func (l *loader) loadHierarchy() error {
	rows, err := l.own("hierarchy", "system", "value", "parent_system", "parent_value", "display")
	if err != nil {
		return err
	}
	for _, r := range rows {
		f := r.fields
		if f[0] == "" || f[1] == "" || f[2] == "" || f[3] == "" {
			return r.bad("empty code")
		}
		k := codeKey{f[0], f[1]}
		l.t.hierarchical[f[0]], l.t.hierarchical[f[2]] = true, true
		l.t.parents[k] = append(l.t.parents[k], record.Code{System: f[2], Value: f[3], Display: f[4]})
		if f[4] != "" {
			l.t.displays[codeKey{f[2], f[3]}] = f[4]
		}
	}
	return nil
}

func (l *loader) loadDisplays() error {
	rows, err := l.own("displays", "system", "value", "display")
	if err != nil {
		return err
	}
	for _, r := range rows {
		l.t.displays[codeKey{r.fields[0], r.fields[1]}] = r.fields[2]
	}
	return nil
}

func (l *loader) loadICD9() error {
	rows, err := l.own("icd9-icd10", "icd9", "icd10")
	if err != nil {
		return err
	}
	for _, r := range rows {
		from, to := squash(r.fields[0]), squash(r.fields[1])
		if len(from) < 3 || len(to) < 3 {
			return r.bad("not a code")
		}
		if _, ok := l.t.icd9[from]; !ok {
			l.t.icd9[from] = to
		}
	}
	return nil
}

// loadLocal reads the site's map of its own codes and order texts.
func (l *loader) loadLocal() error {
	rows, err := l.own("local-codes", "system", "value", "target", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		f := r.fields
		if f[0] == "" || f[1] == "" {
			return r.bad("empty code")
		}
		if system, value, ok := strings.Cut(f[2], "|"); ok {
			c := record.Code{System: system, Value: value}
			c.Display = l.t.Display(c)
			l.t.localCode[codeKey{f[0], f[1]}] = c
			if i, ok := l.t.ingredientOfCode(c); ok {
				l.t.local[codeKey{f[0], f[1]}] = l.t.drugOf([]int{i}, "local-code")
			}
			continue
		}
		ids, err := l.resolve(r, f[2])
		if err != nil {
			return err
		}
		if f[0] == "text" {
			l.t.localText[plain(f[1])] = l.t.drugOf(ids, "local")
			continue
		}
		l.t.local[codeKey{f[0], f[1]}] = l.t.drugOf(ids, "local-code")
	}
	return nil
}
