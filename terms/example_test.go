package terms_test

import (
	"fmt"

	"ember/record"
	"ember/terms"
)

func ExampleTerms_Drug() {
	t, err := terms.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := t.Drug(nil, "furosemide (LASIX) inj 40 mg")
	fmt.Println(d.Concept.Value, d.Ingredients[0].Name, d.Is("loop-diuretic"), d.How)
	d = t.Drug(nil, "HYDROcodone-acetaminophen 5-325 mg tab")
	fmt.Println(d.Concept.Value, d.Is("opioid"))
	d = t.Drug([]record.Code{{System: "urn:site:formulary", Value: "4711"}}, "")
	fmt.Println(d.Concept.Value, d.Mapped)
	// Output:
	// 4603 furosemide true name
	// acetaminophen / hydrocodone true
	// 4711 false
}

func ExampleTerms_Allergen() {
	t, err := terms.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Allergen(nil, "SULFA").Classes)
	fmt.Println(t.Allergen(nil, "NKDA").None)
	fmt.Println(t.Allergen(nil, "Penicillin G").Ingredients[0].Name)
	// Output:
	// [sulfonamide-antibiotic]
	// true
	// penicillin g
}

func ExampleTerms_Condition() {
	t, err := terms.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	kind, concept := t.Condition([]record.Code{{System: record.ICD10CM, Value: "E11.9"}}, "")
	fmt.Println(kind, concept.Value, t.Ancestors(concept)[0].Display)
	kind, concept = t.Condition([]record.Code{{System: record.SNOMED, Value: "73595000", Display: "Stress (finding)"}}, "")
	fmt.Println(kind, concept.Value, concept.Display)
	// Output:
	// condition E11 Endocrine, nutritional and metabolic diseases
	// finding 73595000 Stress
}

func ExampleTerms_Convert() {
	t, err := terms.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	v, ok := t.Convert(5.5, "mmol/L", "mg/dL", "2345-7") // glucose
	fmt.Printf("%.0f %v\n", v, ok)
	_, ok = t.Convert(5.5, "mmol/L", "mg/dL", "") // of what?
	fmt.Println(ok)
	// Output:
	// 99 true
	// false
}
