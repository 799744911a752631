package ingest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"ember/fhir"
	"ember/store"
)

// counterpart is the key of those who wait for an identifier, or of who has the
// one that is waited for.
func counterpart(key []byte) ([]byte, bool) {
	switch {
	case bytes.HasPrefix(key, []byte("i|")):
		return append([]byte("w"), key[1:]...), true
	case bytes.HasPrefix(key, []byte("w|")):
		return append([]byte("i"), key[1:]...), true
	}
	return nil, false
}

// kept are what the resource's own splices resolved: it holds on, within its
// Bundle or not.
func (in *Ingest) kept(r store.Resource, h *fhir.Header) *links {
	l := &links{refs: map[string]string{}, identifiers: map[string]string{}, patient: r.Patient}
	if s := h.SubjectIdentifier; len(s.Value) > 0 && r.Patient != "" {
		l.identifiers[string(identifierKey("Patient", string(s.System), string(s.Value)))] = "Patient/" + r.Patient
	}
	splices, err := fhir.DecodeSplices(r.Aside)
	if err != nil {
		return l
	}
	for _, s := range splices {
		if s.Start >= s.End || s.End > len(r.Raw) {
			continue
		}
		from, to := unquote(r.Raw[s.Start:s.End]), unquote([]byte(s.With))
		if fhir.ParseReference(to).Kind != fhir.Relative {
			continue
		}
		l.refs[from] = to
		p := fhir.ParseReference(from)
		if system, value, ok := p.Identifier(); ok {
			l.identifiers[string(identifierKey(p.Type, system, value))] = to
		}
	}
	return l
}

// unquote reads the inside of a JSON string.
func unquote(b []byte) string {
	var s string
	quoted := append(append([]byte{'"'}, b...), '"')
	if json.Unmarshal(quoted, &s) != nil {
		return string(b)
	}
	return s
}

// touchedByShared are the patients whose timelines read one of the written
// resources though it lies elsewhere: a Medication, a record that was replaced.
func (in *Ingest) touchedByShared(writes []store.Write, changed []int) []string {
	var patients []string
	for _, i := range changed {
		w := &writes[i]
		if w.Type == "Medication" || w.Type == "Patient" {
			patients = append(patients, in.affected(w.Type, w.ID, w.Patient)...)
		}
	}
	return patients
}

// affected are the patients whose timeline a change of this resource changes.
func (in *Ingest) affected(typ, id, patient string) []string {
	patients := []string{patient}
	switch typ {
	case "Medication":
		refs, err := in.opt.Store.Lookup(medicationKey("Medication/" + id))
		if err != nil {
			return patients
		}
		for _, r := range refs {
			if res, err := in.opt.Store.Get(r.Type, r.ID); err == nil {
				patients = append(patients, res.Patient)
			}
		}
	case "Patient":
		versions, err := in.opt.Store.History(typ, id) // a merge may have been taken back
		if err != nil {
			return patients
		}
		for _, r := range versions {
			patients = append(patients, in.successors(r)...)
		}
	}
	return patients
}

// successors are the ids of the records that replace this Patient resource.
func (in *Ingest) successors(r store.Resource) (ids []string) {
	raw, err := current(r)
	if err != nil {
		return nil
	}
	for _, key := range replacedBy(raw) {
		ids = append(ids, strings.TrimPrefix(string(key), "r|"))
	}
	return ids
}

// replaced are the ids of the records that this patient's record replaces, also
// by way of others.
func (in *Ingest) replaced(patient string) []string {
	ids := []string{patient}
	for i := 0; i < len(ids); i++ {
		refs, err := in.opt.Store.Lookup(replacedKey(ids[i]))
		if err != nil {
			continue
		}
		for _, r := range refs {
			if r.Type == "Patient" && !slices.Contains(ids, r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids[1:]
}

// replacedBy are the keys of a Patient resource that another one replaces.
func replacedBy(raw []byte) [][]byte {
	if !bytes.Contains(raw, []byte("replaced-by")) {
		return nil
	}
	var p struct {
		Link []struct {
			Type  string
			Other struct{ Reference string }
		}
	}
	if json.Unmarshal(raw, &p) != nil {
		return nil // the mapper reports what is wrong with it
	}
	var keys [][]byte
	for _, l := range p.Link {
		if ref := fhir.ParseReference(l.Other.Reference); l.Type == "replaced-by" && ref.Type == "Patient" && ref.Kind == fhir.Relative {
			keys = append(keys, replacedKey(ref.ID))
		}
	}
	return keys
}
