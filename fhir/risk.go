package fhir

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// ModelSystem is the code system of what Ember's models are called, "name/version".
const ModelSystem = "urn:ember:model"

// Risk is what a version of a model says of a patient at a moment.
type Risk struct {
	ID          string // logical id
	Patient     string // logical id
	Model       string
	Version     string
	At          time.Time // what was known then was looked at
	Until       time.Time // of the horizon; zero = the end of the stay
	Outcome     string    // in words, what may happen
	Probability float64   // 0 to 1
	Measured    string    // how good the version is, in words; "" = unknown
}

// RiskAssessment is a risk as a resource. Its method is the version of the model that
// says so.
func RiskAssessment(r Risk) ([]byte, error) {
	at := r.At.UTC().Format(time.RFC3339)
	system, code, subject := ModelSystem, r.Model+"/"+r.Version, "Patient/"+r.Patient
	display := "model " + r.Model + ", version " + r.Version
	probability := json.Number(strconv.FormatFloat(r.Probability, 'f', 4, 64))
	period := fhir.Period{Start: &at}
	if !r.Until.IsZero() {
		end := r.Until.UTC().Format(time.RFC3339)
		period.End = &end
	}
	out := fhir.RiskAssessment{
		Id: &r.ID, Status: fhir.ObservationStatusFinal,
		Method:             &fhir.CodeableConcept{Coding: []fhir.Coding{{System: &system, Code: &code, Display: &display}}, Text: &display},
		Subject:            fhir.Reference{Reference: &subject},
		OccurrenceDateTime: &at,
		Performer:          &fhir.Reference{Display: &display},
		Prediction: []fhir.RiskAssessmentPrediction{{
			Outcome: &fhir.CodeableConcept{Text: &r.Outcome}, ProbabilityDecimal: &probability, WhenPeriod: &period,
		}},
	}
	if r.Measured != "" {
		out.Note = []fhir.Annotation{{Text: r.Measured}}
	}
	return Encode(out)
}
