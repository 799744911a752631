package cohort

import (
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"

	"ember/index"
	"ember/record"
	"ember/terms"
)

// systems are the short names of code systems.
var systems = map[string]string{
	"snomed": record.SNOMED, "loinc": record.LOINC, "rxnorm": record.RxNorm, "icd10": record.ICD10CM, "icd10cm": record.ICD10CM,
	"icd9": record.ICD9CM, "icd9cm": record.ICD9CM, "cvx": record.CVX, "ingredient": record.Ingredient, "text": record.Text,
	"class": terms.ClassSystem, "act": index.VisitSystem,
}

func systemNames() []string { return slices.Sorted(maps.Keys(systems)) }

// codeOf reads "system|value" or "value"; unknown is a short name that stands for no
// system.
func codeOf(text string) (c record.Code, unknown string) {
	i := strings.LastIndexByte(text, '|')
	c.Value = strings.TrimSpace(text[i+1:])
	if i < 0 {
		return c, ""
	}
	name := strings.TrimSpace(text[:i])
	if s, ok := systems[strings.ToLower(strings.ReplaceAll(name, "-", ""))]; ok {
		c.System = s
		return c, ""
	}
	if !strings.Contains(name, ":") {
		return c, name
	}
	c.System = name
	return c, ""
}

// abbreviations are what people call laboratory tests, by the value set that is meant.
var abbreviations = map[string]string{
	"hba1c": "hemoglobin-a1c", "a1c": "hemoglobin-a1c", "creatinine": "serum-creatinine", "potassium": "serum-potassium", "k": "serum-potassium",
	"sbp": "systolic-blood-pressure", "dbp": "diastolic-blood-pressure", "gfr": "egfr", "chd": "coronary-disease", "cad": "coronary-disease",
	"chf": "heart-failure", "af": "atrial-fibrillation", "afib": "atrial-fibrillation", "aki": "acute-kidney-injury", "esrd": "end-stage-renal-disease",
}

// class finds a drug class by its name or what it is called; the hint is not empty
// when there is none.
func (e *Engine) class(asked string) (name, hint string) {
	all := e.opt.Terms.Classes()
	id := dashed(asked)
	if slices.Contains(all, id) {
		return id, ""
	}
	var found []string
	for _, c := range all {
		display, _ := e.opt.Terms.ClassText(c)
		if strings.HasPrefix(c, id+"-") || dashed(display) == id || dashed(display) == id+"s" || c+"s" == id {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0], ""
	case 0:
		if h := nearest(id, all); h != "" {
			return "", h
		}
		return "", "GET /v1/cohorts/names lists the classes"
	}
	return "", "say which: " + strings.Join(found, ", ")
}

func dashed(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == '-' || r == '_' || r == '/' }), "-")
}

// choice is which forms of coding a criterion admits, and how their values convert.
// It does not change.
type choice struct {
	vocabulary index.Vocabulary
	// form holds for each form 0 = not admitted, 1 = admitted without comparable
	// values, else 2 + the place in conversions.
	form        []uint16
	conversions []affine
	concepts    []chosenConcept
	units       []string // of admitted forms that do not convert to what is asked for
	mixed       []string // that values are compared in where none is asked for
}

type chosenConcept struct {
	kind  record.Kind
	code  record.Code
	whole bool // all forms are admitted
}

// affine turns a value into the unit asked for. Values below least and above most are
// out of the range asked for, others are to be looked at.
type affine struct {
	mul, add    float64
	least, most float32
}

// around sets least and most, a little wider than the range is.
func (a affine) around(r Range) affine {
	a.least, a.most = float32(math.Inf(-1)), float32(math.Inf(1))
	low, high := r.ends()
	if a.mul <= 0 {
		return a
	}
	wide := func(v float64) float64 { return 1e-5 * (abs(v) + abs(a.add) + 1e-30) / a.mul }
	if low != nil {
		a.least = float32((*low-a.add)/a.mul - wide(*low))
	}
	if high != nil {
		a.most = float32((*high-a.add)/a.mul + wide(*high))
	}
	return a
}

func (a affine) of(v float64) float64 { return v*a.mul + a.add }

// choose finds the forms that an event's words mean in a view. Answers are kept as
// long as no name or form is added to the index.
func (e *Engine) choose(v index.View, ev *Event) *choice {
	key := e.keyOf(ev)
	vocabulary := v.Vocabulary()
	e.mu.Lock()
	had := e.chosen[key]
	e.mu.Unlock()
	if had != nil && had.vocabulary == vocabulary {
		return had
	}
	c := e.find(v, ev)
	c.vocabulary = vocabulary
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.chosen) >= 1024 {
		clear(e.chosen)
	}
	e.chosen[key] = c
	return c
}

// keyOf hashes what a choice depends on, so that no words are kept.
func (e *Engine) keyOf(ev *Event) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	unit := "-"
	if ev.Value != nil {
		unit = "=" + string(printedRange(nil, ev.Value.Range, ev.Value.Unit))
	}
	for _, s := range [...]string{ev.Kind, ev.Text, ev.Code, ev.Under, ev.Set, ev.Class, unit} {
		_, _ = h.WriteString(s) // it never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

func (e *Engine) find(v index.View, ev *Event) *choice {
	admit := e.admission(v, ev)
	c := &choice{form: make([]uint16, v.FormsLen())}
	at := map[index.ConceptKey]int{}
	var refused []bool
	for id, f := range v.Forms() {
		if int(id) >= len(c.form) {
			break
		}
		key := index.ConceptKey{Kind: f.Kind, System: f.Concept.System, Value: f.Concept.Value}
		i, ok := at[key]
		admitted := admit(f)
		if !ok {
			i = len(c.concepts)
			at[key] = i
			c.concepts = append(c.concepts, chosenConcept{f.Kind, f.Concept, false})
			refused = append(refused, false)
		}
		if !admitted {
			refused[i] = true
			continue
		}
		c.concepts[i].whole = true // somebody admits it; all do unless refused
		c.form[id] = 1
		if ev.Value == nil {
			continue
		}
		if a, ok := e.conversion(f, ev.Value.Unit); ok {
			c.form[id] = uint16(2 + c.place(a.around(ev.Value.Range)))
			if unit := cmpOr(e.usualUnit(f), f.Unit); ev.Value.Unit == "" && unit != "" && !slices.Contains(c.mixed, unit) {
				c.mixed = append(c.mixed, unit)
			}
		} else if f.Unit != "" && !slices.Contains(c.units, f.Unit) {
			c.units = append(c.units, f.Unit)
		}
	}
	kept := c.concepts[:0]
	for i, one := range c.concepts {
		if one.whole {
			one.whole = !refused[i]
			kept = append(kept, one)
		}
	}
	c.concepts = kept
	return c
}

func (c *choice) place(a affine) int {
	if i := slices.Index(c.conversions, a); i >= 0 {
		return i
	}
	if len(c.conversions) == 1<<15 {
		return len(c.conversions) - 1
	}
	c.conversions = append(c.conversions, a)
	return len(c.conversions) - 1
}

// conversion is how values of a form are turned into a unit; "" is the usual unit of
// the test where that is known, else the numbers count as they stand. A value without
// a unit is in the usual one; where none is known it is not comparable with a unit.
func (e *Engine) conversion(f index.Form, unit string) (affine, bool) {
	tt := e.opt.Terms
	loinc := ""
	if f.Concept.System == record.LOINC {
		loinc = f.Concept.Value
	}
	usual, from := e.usualUnit(f), f.Unit
	if from == "" {
		from = usual
	}
	if unit == "" {
		unit = usual
	}
	if unit == "" || from == unit {
		return affine{mul: 1}, true
	}
	if from == "" {
		return affine{}, false
	}
	zero, ok := tt.Convert(0, from, unit, loinc)
	if !ok {
		return affine{}, false
	}
	one, ok := tt.Convert(1, from, unit, loinc)
	return affine{mul: one - zero, add: zero}, ok
}

// usualUnit is the unit that a form's test usually has, "" where none is known.
func (e *Engine) usualUnit(f index.Form) string {
	if f.Concept.System != record.LOINC {
		return ""
	}
	return e.opt.Terms.UsualUnit(f.Concept.Value)
}

// admission is the test of whether a form is meant. It depends on the view only for
// names.
func (e *Engine) admission(v index.View, ev *Event) func(index.Form) bool {
	kind, _ := kindOf(ev.Kind)
	which := e.which(v, ev, kind)
	return func(f index.Form) bool {
		switch {
		case kind == 0 && f.Kind == visitKind, kind != 0 && f.Kind != kind:
			return false
		}
		return which(f)
	}
}

func (e *Engine) which(v index.View, ev *Event, kind record.Kind) func(index.Form) bool {
	tt := e.opt.Terms
	anyCode := func(f index.Form, is func(record.Code) bool) bool {
		return is(f.Concept) || slices.ContainsFunc(f.Codes, is)
	}
	switch {
	case ev.Code != "":
		want, _ := codeOf(ev.Code)
		return func(f index.Form) bool { return anyCode(f, func(c record.Code) bool { return isCode(c, want) }) }
	case ev.Under != "":
		want, _ := codeOf(ev.Under)
		return func(f index.Form) bool {
			return anyCode(f, func(c record.Code) bool {
				return isCode(c, want) || below(c, want) || slices.ContainsFunc(tt.Ancestors(c), func(a record.Code) bool { return isCode(a, want) })
			})
		}
	case ev.Set != "":
		return func(f index.Form) bool { return anyCode(f, func(c record.Code) bool { return tt.In(ev.Set, c) }) }
	case ev.Class != "":
		class, _ := e.class(ev.Class)
		return func(f index.Form) bool {
			return (f.Kind == record.Medication || f.Kind == record.Allergy) && tt.DrugOfConcept(f.Concept).Is(class)
		}
	case ev.Text != "" && kind == visitKind:
		return visitCalled(ev.Text)
	case ev.Text != "":
		return e.called(v, ev.Text, kind)
	}
	return func(index.Form) bool { return true }
}

// isCode compares codes; without a system any will do. ICD codes are the same with
// and without the dot.
func isCode(c, want record.Code) bool {
	if want.System != "" && c.System != want.System {
		return false
	}
	if c.Value == want.Value {
		return true
	}
	return icd(c.System) && strings.EqualFold(strings.ReplaceAll(c.Value, ".", ""), strings.ReplaceAll(want.Value, ".", ""))
}

func icd(system string) bool {
	return system == record.ICD10CM || system == record.ICD9CM || system == "http://hl7.org/fhir/sid/icd-10" || system == "http://hl7.org/fhir/sid/icd-9"
}

// below reports whether an ICD code is a part of another.
func below(c, want record.Code) bool {
	if !icd(c.System) || want.System != "" && c.System != want.System {
		return false
	}
	code, of := strings.ToUpper(strings.ReplaceAll(c.Value, ".", "")), strings.ToUpper(strings.ReplaceAll(want.Value, ".", ""))
	return len(of) >= 3 && strings.HasPrefix(code, of)
}

// visitNames are the classes of encounters by what they are called.
var visitNames = map[string][]string{
	"inpatient": {"IMP", "ACUTE", "NONAC"}, "outpatient": {"AMB"}, "ambulatory": {"AMB"}, "emergency": {"EMER"}, "observation": {"OBSENC"},
	"virtual": {"VR"}, "home": {"HH"}, "shortstay": {"SS"},
}

func visitCalled(text string) func(index.Form) bool {
	classes := visitNames[strings.ToLower(text)]
	return func(f index.Form) bool {
		return slices.Contains(classes, f.Concept.Value) || strings.EqualFold(f.Concept.Value, text) ||
			slices.ContainsFunc(f.Codes, func(c record.Code) bool { return c.Value == text })
	}
}

// called admits the concepts with all words of a text in a name, the drugs and tests
// that the text means to terms, and the value set of that name.
func (e *Engine) called(v index.View, text string, kind record.Kind) func(index.Form) bool {
	tt := e.opt.Terms
	var kinds []record.Kind
	if kind != 0 {
		kinds = []record.Kind{kind}
	}
	named := map[index.ConceptKey]bool{}
	for _, c := range v.Called(text, kinds) {
		named[index.ConceptKey{System: c.System, Value: c.Value}] = true
	}
	set := dashed(text)
	if to, ok := abbreviations[set]; ok {
		set = to
	}
	if !slices.Contains(tt.ValueSets(), set) {
		set = ""
	}
	drug := terms.Drug{}
	if kind == 0 || kind == record.Medication || kind == record.Immunization {
		drug = tt.Drug(nil, text)
	}
	loinc := record.Code{}
	if kind == 0 || kind == record.Test || kind == record.Finding {
		if _, c := tt.Observation(nil, nil, text); c.System == record.LOINC {
			loinc = c
		}
	}
	return func(f index.Form) bool {
		switch {
		case named[index.ConceptKey{System: f.Concept.System, Value: f.Concept.Value}]:
			return true
		case set != "" && (tt.In(set, f.Concept) || slices.ContainsFunc(f.Codes, func(c record.Code) bool { return tt.In(set, c) })):
			return true
		case loinc.Value != "" && f.Concept.Is(loinc):
			return true
		}
		return drug.Mapped && f.Kind == record.Medication && contains(tt.DrugOfConcept(f.Concept), drug)
	}
}

// contains reports whether a drug has all ingredients of another.
func contains(d, of terms.Drug) bool {
	for _, want := range of.Ingredients {
		if !slices.ContainsFunc(d.Ingredients, func(i terms.Ingredient) bool { return i.Name == want.Name }) {
			return false
		}
	}
	return len(of.Ingredients) > 0
}
