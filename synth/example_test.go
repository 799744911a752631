package synth_test

import (
	"context"
	"encoding/json"
	"fmt"

	"ember/synth"
)

// A hospital of two hundred people, counted while it streams past.
func ExampleGenerate() {
	patients, orders, notes := 0, 0, 0
	opt := synth.Options{Patients: 200, Seed: 1, Profile: synth.Lean}
	err := synth.Generate(context.Background(), opt, func(r synth.Resource) error {
		if !json.Valid(r.JSON) {
			return fmt.Errorf("%s is not JSON", r.Type)
		}
		switch r.Type {
		case "Patient":
			patients++
		case "MedicationRequest":
			orders++
		case "DocumentReference":
			notes++
		}
		return nil
	})
	fmt.Println(err, patients >= 200, orders > 500, notes > 0)
	// Output: <nil> true true true
}
