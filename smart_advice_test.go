package ember_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// advised are the types that a timeline is made of; the first ones are those without which
// nobody is advised.
var advised = []string{"Patient", "Encounter", "Condition", "AllergyIntolerance", "MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense", "Observation", "Procedure",
	"DiagnosticReport", "ServiceRequest", "ImagingStudy", "Media", "Immunization", "CarePlan", "DocumentReference", "FamilyMemberHistory"}

const mostNeeded = 10

// TestAdviceStaysInScope asks for recommendations, cards and vectors under random scopes:
// none is given of another patient, none without the types that safety rests on, and none
// names a resource of a type that the token does not show.
func TestAdviceStaysInScope(t *testing.T) {
	h, idp := openSMART(t, trainedDir(t), "user=read,search,recommend", "scope=ember/predict predict")
	r := rand.New(rand.NewPCG(7, 24))
	given, refused := 0, 0
	for range 250 {
		launched, asked := fmt.Sprint("rare-", r.IntN(4)), fmt.Sprint("rare-", r.IntN(2))
		types := slices.Clone(advised)
		switch r.IntN(4) {
		case 0: // any of them is missing
			at := r.IntN(len(types))
			types = slices.Delete(types, at, at+1)
		case 1: // only some that may be
			types = append(types[:mostNeeded:mostNeeded], types[mostNeeded+r.IntN(8):]...)
		}
		level := []string{"patient", "patient", "patient", "user"}[r.IntN(4)]
		conditioned, whole := "", r.IntN(5) == 0
		if r.IntN(6) == 0 {
			conditioned = types[r.IntN(len(types))]
		}
		scope := "ember/predict "
		for _, typ := range types {
			switch {
			case whole:
			case typ == conditioned:
				scope += level + "/" + typ + ".rs?_id=x "
			default:
				scope += level + "/" + typ + []string{".rs ", ".read ", ".cruds "}[r.IntN(3)]
			}
		}
		if whole {
			scope += level + "/*.rs"
		}
		sees := func(typ string) bool { return whole || slices.Contains(types, typ) && typ != conditioned }
		lacks := func(of []string) bool {
			return slices.ContainsFunc(of, func(typ string) bool { return !sees(typ) })
		}
		other := level == "patient" && launched != asked
		as := h.as(idp.Token(smartBase, scope, launched))
		for path, all := range map[string]bool{"/v1/patients/" + asked + "/recommendations?want=treatments": false, "/fhir/Patient/" + asked + "/$recommend?want=treatments": false, "/v1/embeddings": true} {
			method, body := "GET", ""
			if all {
				method, body = "POST", `{"model":"ember-patients","input":"`+asked+`"}`
			}
			rep := as(method, path, body, "Content-Type: application/json")
			must := other || lacks(advised[:mostNeeded]) || all && lacks(advised)
			if must != (rep.status == 403) || !must && rep.status != 200 {
				t.Fatalf("%s for %s under %q: %d %s", path, launched, scope, rep.status, rep.body)
			}
			if must {
				refused++
				continue
			}
			given++
			for _, typ := range advised[mostNeeded:] {
				if !sees(typ) && !all && strings.Contains(string(rep.body), `"`+typ+`/`) {
					t.Fatalf("%s under %q names a %s: %s", path, scope, typ, rep.body)
				}
			}
			if !all && lacks(advised) != strings.Contains(string(rep.body), "was not looked at") {
				t.Fatalf("%s under %q does not say what it rests on: %s", path, scope, rep.body)
			}
		}
	}
	if given < 100 || refused < 100 {
		t.Errorf("%d given, %d refused", given, refused)
	}
}
