package terms

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"ember/record"
)

// loader builds a Terms from the embedded tables and a site's files.
type loader struct {
	site string
	sum  hash.Hash
	t    *Terms
	ids  map[string]map[string]bool // class → ingredient names
}

// hash adds a table's name and content to the version.
func (l *loader) hash(name string, data []byte) {
	fmt.Fprintf(l.sum, "%s %d\n", name, len(data))
	l.sum.Write(bytes.TrimSpace(data))
}

func (l *loader) load() (*Terms, error) {
	l.sum = sha256.New()
	l.ids = map[string]map[string]bool{}
	l.t = &Terms{
		byName: map[string]int{}, byRxNorm: map[string]int{}, byCVX: map[string]int{},
		words:   words{noise: map[string]bool{}, additive: map[string]bool{}, salt: map[string]bool{}},
		classes: map[string]class{}, fluids: map[int]bool{}, insulins: map[int]bool{}, insulin: -1,
		local: map[codeKey]Drug{}, localCode: map[codeKey]record.Code{}, localText: map[string]Drug{},
		parents: map[codeKey][]record.Code{}, hierarchical: map[string]bool{}, displays: map[codeKey]string{}, sets: map[string]*valueSet{},
		icd9: map[string]string{}, chapters: map[string][]chapter{},
		units:    units{atoms: map[string]atom{}, synonyms: map[string]string{}},
		analytes: map[string]analyte{}, labs: map[string]string{},
		drugs: newMemo[Drug](), conditions: newMemo[kinded](), procedures: newMemo[kinded](), observations: newMemo[kinded](), parsed: newMemo[parsedUnit](),
	}
	for _, step := range []func() error{
		l.loadWords, l.loadClasses, l.loadIngredients, l.loadMembers, l.loadBrands, l.loadCVX, l.loadAllergens,
		l.loadChapters, l.loadUnits, l.loadAnalytes, l.loadLabs, l.loadValueSets,
		l.loadHierarchy, l.loadDisplays, l.loadICD9, l.loadLocal,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	l.t.version = hex.EncodeToString(l.sum.Sum(nil))[:12]
	return l.t, nil
}

func (l *loader) loadWords() error {
	rows, err := l.builtin("words", "list", "word", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if !l.t.words.add(r.fields[0], r.fields[1]) {
			return r.bad("unknown list")
		}
	}
	return nil
}

func (l *loader) loadClasses() error {
	rows, err := l.builtin("classes", "class", "display", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		l.t.classes[r.fields[0]] = class{display: r.fields[1], source: r.fields[2]}
	}
	return nil
}

func (l *loader) loadIngredients() error {
	rows, err := l.builtin("ingredients", "name", "rxnorm", "synonyms", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := l.addIngredient(r, r.fields[0], r.fields[1], r.fields[2], ""); err != nil {
			return err
		}
	}
	rows, err = l.own("drugs", "name", "rxnorm", "synonyms", "classes", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := l.addIngredient(r, r.fields[0], r.fields[1], r.fields[2], r.fields[3]); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) addIngredient(r row, name, rxnorm, synonyms, classes string) error {
	t := l.t
	if phrase(name) == "" || strings.Contains(name, " / ") {
		return r.bad("not a name of an ingredient")
	}
	in := Ingredient{Name: name, Code: record.Code{System: record.Ingredient, Value: name, Display: name}}
	codes := list(rxnorm, ";")
	for _, c := range codes {
		if _, err := strconv.ParseUint(c, 10, 32); err != nil {
			return r.bad("rxnorm is not a number")
		}
	}
	if len(codes) > 0 {
		in.Code = record.Code{System: record.RxNorm, Value: codes[0], Display: name}
	}
	i, known := t.byName[phrase(name)]
	if known {
		t.ingredients[i] = in
	} else {
		i = len(t.ingredients)
		t.ingredients = append(t.ingredients, in)
	}
	for _, c := range codes {
		t.byRxNorm[c] = i
	}
	for _, n := range append([]string{name}, list(synonyms, ";")...) {
		t.byName[phrase(n)] = i
		t.lexicon.add(n, entry{ids: []int{i}, weak: t.words.salt[phrase(n)]})
	}
	for _, c := range list(classes, ";") {
		l.member(c, name)
	}
	return nil
}

func (l *loader) member(class, name string) {
	if l.ids[class] == nil {
		l.ids[class] = map[string]bool{}
	}
	l.ids[class][name] = true
}

func (l *loader) loadMembers() error {
	rows, err := l.builtin("members", "class", "ingredient", "source")
	if err != nil {
		return err
	}
	own, err := l.own("members", "class", "ingredient", "source")
	if err != nil {
		return err
	}
	for _, r := range append(rows, own...) {
		name, out := strings.CutPrefix(r.fields[1], "-")
		i, ok := l.t.byName[phrase(name)]
		if !ok {
			return r.bad("unknown ingredient")
		}
		if r.fields[0] == "" {
			return r.bad("no class")
		}
		if out {
			delete(l.ids[r.fields[0]], l.t.ingredients[i].Name)
			continue
		}
		l.member(r.fields[0], l.t.ingredients[i].Name)
	}
	l.closeClasses()
	return nil
}

// closeClasses gives ingredients their classes and classes their members.
func (l *loader) closeClasses() {
	t := l.t
	for name, members := range l.ids {
		for n := range members {
			i := t.byName[phrase(n)]
			t.ingredients[i].Classes = append(t.ingredients[i].Classes, name)
		}
	}
	for i := range t.ingredients {
		slices.Sort(t.ingredients[i].Classes)
		for _, name := range t.ingredients[i].Classes {
			c := t.classes[name]
			if c.display == "" {
				c.display, c.source = name, "the site's own table"
			}
			c.members = append(c.members, t.ingredients[i])
			t.classes[name] = c
			switch name {
			case "fluid":
				t.fluids[i] = true
			case "insulin":
				t.insulins[i] = true
			}
		}
	}
	if i, ok := t.byName["insulin"]; ok {
		t.insulin = i
	}
	for name, c := range t.classes {
		slices.SortFunc(c.members, func(a, b Ingredient) int { return strings.Compare(a.Name, b.Name) })
		t.classes[name] = c
	}
}

func (l *loader) loadBrands() error {
	rows, err := l.builtin("brands", "brand", "ingredients", "source")
	if err != nil {
		return err
	}
	own, err := l.own("brands", "brand", "ingredients", "source")
	if err != nil {
		return err
	}
	for _, r := range append(rows, own...) {
		ids, err := l.resolve(r, r.fields[1])
		if err != nil {
			return err
		}
		l.t.lexicon.add(r.fields[0], entry{ids: ids, brand: true})
	}
	return nil
}

// resolve reads "a / b" as indexes of ingredients.
func (l *loader) resolve(r row, names string) ([]int, error) {
	var ids []int
	for _, n := range list(names, " / ") {
		i, ok := l.t.byName[phrase(n)]
		if !ok {
			return nil, r.bad("unknown ingredient %q", n)
		}
		ids = append(ids, i)
	}
	if len(ids) == 0 {
		return nil, r.bad("no ingredient")
	}
	return ids, nil
}

func (l *loader) loadCVX() error {
	rows, err := l.builtin("cvx", "cvx", "ingredient", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		ids, err := l.resolve(r, r.fields[1])
		if err != nil {
			return err
		}
		l.t.byCVX[r.fields[0]] = ids[0]
	}
	return nil
}

func (l *loader) loadAllergens() error {
	rows, err := l.builtin("allergens", "phrase", "kind", "target", "source")
	if err != nil {
		return err
	}
	for _, r := range rows {
		var a allergenTarget
		switch target := r.fields[2]; r.fields[1] {
		case "none":
			a.none = true
		case "class":
			if _, ok := l.t.classes[target]; !ok {
				return r.bad("unknown class")
			}
			a.class = target
		case "substance":
			a.substance = target
		case "ingredient":
			if a.ingredients, err = l.resolve(r, target); err != nil {
				return err
			}
		default:
			return r.bad("unknown kind")
		}
		if e, ok := l.t.allergens.entries[phrase(r.fields[0])]; ok {
			l.t.targets[e.ids[0]].merge(a)
			continue
		}
		l.t.targets = append(l.t.targets, a)
		l.t.allergens.add(r.fields[0], entry{ids: []int{len(l.t.targets) - 1}})
	}
	return nil
}
