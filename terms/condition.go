package terms

import (
	"strings"

	"ember/record"
)

// Condition tells a disorder from a finding and gives the concept a diagnosis
// counts as: the ICD-10-CM category (three characters) where there is such a
// code, else the category of an ICD-9-CM code that the site's map leads to,
// else the ICD-9-CM category, else a SNOMED code as found, else another code of
// a public system, else the normalised text path.
//
// A SNOMED display's semantic tag decides the kind: only "(disorder)" and
// "(morphologic abnormality)" are conditions. ICD chapters XVIII (R, symptoms)
// and XX, XXI (V–Y, Z, circumstances) are findings, except shock (R57) and
// sepsis' severity (R65), which are treated as disorders are; so are the
// corresponding ranges of ICD-9-CM (780–799, E and V codes), except 785.5 and
// 995.9. Without tag and ICD code words decide ("history of", "suspected",
// "pain": findings), and what is left is a condition.
func (t *Terms) Condition(codes []record.Code, text string) (record.Kind, record.Code) {
	k := t.conditions.get(codes, text, "", func() kinded {
		return kinded{t.conditionKind(codes, text), t.conditionConcept(codes, text)}
	})
	return k.kind, k.code
}

func (t *Terms) conditionKind(codes []record.Code, text string) record.Kind {
	for _, c := range codes {
		switch icdOf(c.System) {
		case icd10:
			return kindIf(t.finding10(squash(c.Value)))
		case icd9:
			return kindIf(finding9(squash(c.Value)))
		}
	}
	for _, w := range append(displaysOf(codes), text) {
		if w == "" {
			continue
		}
		body, tag := splitTag(w)
		switch tag {
		case "disorder", "morphologic abnormality", "disease":
			return record.Condition
		case "":
			return kindIf(t.words.saysFinding(body))
		default:
			return record.Finding
		}
	}
	return record.Condition
}

func kindIf(finding bool) record.Kind {
	if finding {
		return record.Finding
	}
	return record.Condition
}

func (t *Terms) finding10(code string) bool {
	if code == "" || strings.HasPrefix(code, "R57") || strings.HasPrefix(code, "R65") {
		return false
	}
	return strings.IndexByte("RVWXYZ", code[0]) >= 0
}

func finding9(code string) bool {
	if code == "" || strings.HasPrefix(code, "7855") {
		return false
	}
	if code[0] == 'E' || code[0] == 'V' {
		return true
	}
	return code >= "780" && code < "800" && len(code) >= 3
}

func (t *Terms) conditionConcept(codes []record.Code, text string) record.Code {
	for _, c := range codes {
		if icdOf(c.System) == icd10 && len(squash(c.Value)) >= 3 {
			return t.category(record.ICD10CM, squash(c.Value)[:3], c.Display)
		}
	}
	for _, c := range codes {
		if icdOf(c.System) != icd9 || len(squash(c.Value)) < 3 {
			continue
		}
		code := squash(c.Value)
		if to, ok := t.icd9[code]; ok {
			return t.category(record.ICD10CM, to[:3], "")
		}
		n := 3
		if code[0] == 'E' && len(code) > 3 {
			n = 4
		}
		return t.category(record.ICD9CM, code[:n], c.Display)
	}
	return t.conceptOf(codes, text)
}

// category is a category's code with the best words for it.
func (t *Terms) category(system, value, display string) record.Code {
	c := record.Code{System: system, Value: strings.Clone(value)}
	if d := t.displays[keyOf(c)]; d != "" {
		c.Display = d
	} else {
		c.Display = strings.Clone(display)
	}
	return c
}

// conceptOf is the code an event without a better mapping counts as: a code of
// a public system, SNOMED first; the site's map of its own codes; the
// normalised text; the first code as found.
func (t *Terms) conceptOf(codes []record.Code, text string) record.Code {
	for _, c := range codes {
		if c.System == record.SNOMED && c.Value != "" {
			return t.asFound(c)
		}
	}
	for _, c := range codes {
		if to, ok := t.localCode[keyOf(c)]; ok {
			return to
		}
	}
	for _, c := range codes {
		if c.Value != "" && publicSystem(c.System) {
			return t.asFound(c)
		}
	}
	for _, w := range append([]string{text}, displaysOf(codes)...) {
		if p := textPath(w); p != "" {
			return record.Code{System: record.Text, Value: p, Display: strings.Clone(w)}
		}
	}
	if len(codes) > 0 && !codes[0].Zero() {
		return cloneCode(codes[0])
	}
	return record.Code{System: record.Text, Value: "unknown"}
}

func (t *Terms) asFound(c record.Code) record.Code {
	c = cloneCode(c)
	if body, tag := splitTag(c.Display); tag != "" {
		c.Display = body
	}
	if c.Display == "" {
		c.Display = t.displays[keyOf(c)]
	}
	return c
}

// publicSystem reports whether codes of the system mean the same everywhere.
func publicSystem(system string) bool {
	for _, p := range [...]string{"http://snomed.info/", "http://loinc.org", "http://www.nlm.nih.gov/", "http://hl7.org/fhir/sid/", "http://www.cms.gov/", "https://www.cms.gov/", "http://www.ama-assn.org/", "http://www.ada.org/", "urn:oid:", "http://www.icd10data.com/"} {
		if strings.HasPrefix(system, p) {
			return true
		}
	}
	return false
}

// textPath is the normal form of free text: lower case, single spaces, and the
// steps of a path joined by " > " whatever stood between them.
func textPath(text string) string {
	s := strings.ToLower(text)
	sep := "|"
	if strings.Contains(s, ">") && strings.Contains(s, " > ") {
		sep = " > "
	}
	parts := list(s, sep)
	for i, p := range parts {
		parts[i] = strings.Join(strings.Fields(p), " ")
	}
	if n := len(parts); n > 1 && parts[n-1] == parts[n-2] {
		parts = parts[:n-1]
	}
	return strings.Join(parts, " > ")
}

// splitTag takes the semantic tag in parentheses off the end of a display.
func splitTag(display string) (body, tag string) {
	s := strings.TrimSpace(display)
	i := strings.LastIndexByte(s, '(')
	if i <= 0 || !strings.HasSuffix(s, ")") {
		return s, ""
	}
	tag = strings.ToLower(s[i+1 : len(s)-1])
	switch tag {
	case "disorder", "finding", "situation", "procedure", "regime/therapy", "person", "event", "substance",
		"organism", "observable entity", "morphologic abnormality", "physical object", "social concept",
		"occupation", "qualifier value", "body structure", "product", "medicinal product", "disease",
		"environment", "record artifact", "specimen", "physical force", "assessment scale", "tumor staging":
		return strings.TrimSpace(s[:i]), tag
	}
	return s, ""
}

type icd uint8

const (
	icd10 icd = iota + 1
	icd9
)

// icdOf tells which ICD a code system is, 0 for none of them.
func icdOf(system string) icd {
	switch system {
	case record.ICD10CM, "http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.90", "urn:oid:2.16.840.1.113883.6.3":
		return icd10
	case record.ICD9CM, "http://hl7.org/fhir/sid/icd-9", "urn:oid:2.16.840.1.113883.6.103", "http://terminology.hl7.org/CodeSystem/icd9":
		return icd9
	}
	return 0
}

// squash is an ICD code in upper case without its dot.
func squash(code string) string {
	return strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(code), ".", ""))
}
