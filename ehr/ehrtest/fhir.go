package ehrtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Topic is the topic that can be subscribed to: any change of a patient's data.
const Topic = "http://ehr.example.org/SubscriptionTopic/patient-data-change"

// types that can be read and searched.
var types = []string{"AllergyIntolerance", "CarePlan", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Immunization", "Medication",
	"MedicationAdministration", "MedicationRequest", "MedicationStatement", "Observation", "Patient", "Procedure", "ServiceRequest"}

func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	if s.misbehave("metadata", w) {
		return
	}
	f := s.fault()
	var resources []any
	op := func(name, definition string) []any {
		if f.NoBulk {
			return nil
		}
		return []any{map[string]any{"name": name, "definition": definition}}
	}
	const bulk = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
	for _, t := range types {
		interactions := []any{map[string]string{"code": "read"}}
		if f.NoSearch != t {
			interactions = append(interactions, map[string]string{"code": "search-type"})
		}
		res := map[string]any{"type": t, "interaction": interactions, "searchParam": []any{map[string]string{"name": "patient", "type": "reference"}, map[string]string{"name": "_lastUpdated", "type": "date"}}}
		if t == "Patient" && !f.NoBulk {
			res["operation"] = op("export", bulk+"patient-export")
		}
		resources = append(resources, res)
	}
	if !f.NoBulk {
		resources = append(resources, map[string]any{"type": "Group", "operation": op("export", bulk+"group-export")})
	}
	if !f.NoSubscriptions {
		resources = append(resources, map[string]any{"type": "Subscription", "interaction": []any{map[string]string{"code": "create"}, map[string]string{"code": "read"}, map[string]string{"code": "delete"}},
			"extension": []any{map[string]string{"url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical", "valueCanonical": Topic}}})
	}
	version := "4.0.1"
	if f.R5 {
		version = "5.0.0"
	}
	rest := map[string]any{"mode": "server", "resource": resources, "security": map[string]any{"cors": !f.NoCORS, "extension": []any{map[string]any{
		"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": []any{map[string]string{"url": "token", "valueUri": "http://" + r.Host + "/token"}}}}}}
	if !f.NoBulk {
		rest["operation"] = op("export", bulk+"export")
	}
	send(w, http.StatusOK, map[string]any{"resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance", "fhirVersion": version,
		"format": []string{"json"}, "rest": []any{rest}})
}

func (s *Server) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.resources[r.PathValue("type")+"/"+r.PathValue("id")]
	s.mu.Unlock()
	if h == nil {
		outcome(w, http.StatusNotFound, "not-found")
		return
	}
	s.sendHeld(w, http.StatusOK, h)
}

func (s *Server) sendHeld(w http.ResponseWriter, status int, h *held) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.Header().Set("ETag", `W/"`+strconv.Itoa(h.version)+`"`)
	w.WriteHeader(status)
	_, _ = w.Write(h.raw)
}

// matches reports whether a resource meets the parameters that this EHR knows.
func (h *held) matches(q url.Values) bool {
	for name, values := range q {
		for _, v := range values {
			switch name {
			case "_id":
				if !slices.Contains(strings.Split(v, ","), h.id) {
					return false
				}
			case "patient", "subject":
				if !h.of(strings.TrimPrefix(v, "Patient/")) {
					return false
				}
			case "_lastUpdated":
				if !h.changed(v) {
					return false
				}
			}
		}
	}
	return true
}

// of reports whether a resource belongs to a patient.
func (h *held) of(patient string) bool { return h.patient() == patient }

func (h *held) patient() string {
	if h.typ == "Patient" {
		return h.id
	}
	var m struct{ Subject, Patient struct{ Reference string } }
	if json.Unmarshal(h.raw, &m) != nil {
		return ""
	}
	for _, ref := range []string{m.Subject.Reference, m.Patient.Reference} {
		if id, ok := strings.CutPrefix(ref, "Patient/"); ok {
			return id
		}
	}
	return ""
}

func (h *held) changed(v string) bool {
	prefix := "eq"
	if len(v) > 2 && v[0] >= 'a' {
		prefix, v = v[:2], v[2:]
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return false
	}
	switch prefix {
	case "ge":
		return !h.updated.Before(t)
	case "gt":
		return h.updated.After(t)
	case "le":
		return !h.updated.After(t)
	case "lt":
		return h.updated.Before(t)
	}
	return h.updated.Equal(t)
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	typ := r.PathValue("type")
	if s.fault().NoSearch == typ {
		outcome(w, http.StatusForbidden, "not-supported")
		return
	}
	q := r.URL.Query()
	count, at := 50, 0
	if n, err := strconv.Atoi(q.Get("_count")); err == nil && n >= 0 {
		count = min(n, 200)
	}
	if n, err := strconv.Atoi(q.Get("_page")); err == nil && n > 0 {
		at = n
	}
	s.mu.Lock()
	var found []*held
	for _, key := range s.order {
		if h := s.resources[key]; h.typ == typ && h.matches(q) {
			found = append(found, h)
		}
	}
	s.mu.Unlock()
	base := "http://" + r.Host + "/fhir/"
	links := []any{map[string]string{"relation": "self", "url": base + typ + "?" + q.Encode()}}
	entries := []any{}
	for i := at; i < len(found) && i < at+count; i++ {
		entries = append(entries, map[string]any{"fullUrl": base + typ + "/" + found[i].id, "resource": json.RawMessage(found[i].raw), "search": map[string]string{"mode": "match"}})
	}
	if at+count < len(found) && count > 0 {
		q.Set("_page", strconv.Itoa(at+count))
		links = append(links, map[string]string{"relation": "next", "url": base + typ + "?" + q.Encode()})
	}
	send(w, http.StatusOK, map[string]any{"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links, "entry": entries})
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("type") == "Subscription" {
		s.subscribe(w, r)
		return
	}
	s.write(w, r, "")
}

func (s *Server) update(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("type") == "Subscription" {
		s.resubscribe(w, r)
		return
	}
	s.write(w, r, r.PathValue("id"))
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, id string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	var m map[string]json.RawMessage
	if err != nil || json.Unmarshal(body, &m) != nil {
		outcome(w, http.StatusBadRequest, "structure")
		return
	}
	if id == "" {
		s.mu.Lock()
		s.next++
		id = fmt.Sprintf("new-%d", s.next)
		s.mu.Unlock()
		m["id"] = json.RawMessage(strconv.Quote(id))
	}
	h, created, err := s.keep(r.PathValue("type"), id, m)
	if err != nil {
		outcome(w, http.StatusBadRequest, "structure")
		return
	}
	s.notify(h, created)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	w.Header().Set("Location", "http://"+r.Host+"/fhir/"+h.typ+"/"+h.id+"/_history/"+strconv.Itoa(h.version))
	s.sendHeld(w, status, h)
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("type") == "Subscription" {
		s.unsubscribe(w, r)
		return
	}
	s.Delete(r.PathValue("type"), r.PathValue("id"))
	w.WriteHeader(http.StatusNoContent)
}
