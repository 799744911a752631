package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ember/fhir"
	"ember/server/auth"
)

// create is POST /fhir/{type}; with If-None-Exist it may find what is there.
func (s *Server) create(ctx context.Context, c *call) error {
	typ, err := c.typeParam()
	if err != nil {
		return err
	}
	condition := c.r.Header.Get("If-None-Exist")
	if condition == "" && c.r.URL.RawQuery != "" { // some clients put it into the address
		condition, _ = c.condition()
	}
	return c.put(ctx, Write{Type: typ, IfNoneExist: condition})
}

// update is PUT /fhir/{type}/{id}: it creates what is not there.
func (s *Server) update(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	if _, ours := authored[typ+"/"+id]; ours {
		return errAuthored
	}
	version, err := parseIfMatch(c.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	return c.put(ctx, Write{Type: typ, ID: id, IfVersion: version, IfAbsent: ifAbsent(c.r.Header.Get("If-None-Match"))})
}

func (c *call) put(ctx context.Context, w Write) (err error) {
	if _, err := c.form(false); err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	if w.Body, err = c.readBody(); err != nil {
		return err
	}
	return c.write(ctx, w)
}

// write stores a resource, recorded, and answers as Prefer asks for.
func (c *call) write(ctx context.Context, w Write) error {
	if err := c.auditBegun(ctx, patientOf(w.Type, w.ID), ref(w.Type, w.ID)); err != nil {
		return err
	}
	done, err := c.s.deps.Writer.Put(ctx, w)
	status := http.StatusOK
	switch {
	case err != nil:
		status, done.ID = faultOf(err).Status, w.ID
	case done.Created:
		status = http.StatusCreated
	}
	if done.Patient == "" {
		done.Patient = patientOf(w.Type, done.ID)
	}
	if err := c.audit(context.WithoutCancel(ctx), c.entry(auth.ActionWrite, done.Patient, ref(w.Type, done.ID), status)); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return c.sendWritten(ctx, status, w.Type, done)
}

// sendWritten answers a write as Prefer asks for: with the resource, unless
// the client wants less or may not read.
func (c *call) sendWritten(ctx context.Context, status int, typ string, done Written) error {
	c.setVersion(typ, done.ID, done.Version, done.Updated)
	switch prefer := c.r.Header.Get("Prefer"); {
	case strings.Contains(prefer, "return=OperationOutcome"), len(done.Issues) > 0 && !strings.Contains(prefer, "return="):
		issues := done.Issues
		if len(issues) == 0 {
			issues = []fhir.Issue{{Severity: fhir.Information, Code: "informational", Detail: "stored"}}
		}
		return c.sendOutcome(status, issues)
	case strings.Contains(prefer, "return=minimal"), !c.who.Has(auth.Read):
		c.send(status, fhirJSON, nil)
		return nil
	}
	r, err := c.s.deps.Resources.Read(ctx, typ, done.ID, done.Version, false)
	if err != nil {
		return err
	}
	if r.Patient == "" {
		r.Patient = patientOf(typ, done.ID)
	}
	if !c.maySee(&r, auth.CanRead) {
		c.send(status, fhirJSON, nil)
		return nil
	}
	c.send(status, fhirJSON, r.Body)
	return nil
}

// read is GET /fhir/{type}/{id}.
func (s *Server) read(ctx context.Context, c *call) error { return c.get(ctx, 0) }

// readVersion is GET /fhir/{type}/{id}/_history/{vid}.
func (s *Server) readVersion(ctx context.Context, c *call) error {
	version, err := strconv.ParseUint(c.params.ByName("vid"), 10, 64)
	if err != nil || version == 0 {
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "there is no such version",
			Hint: "versions are numbers from 1; the current one is in the ETag"}
	}
	return c.get(ctx, version)
}

func (c *call) get(ctx context.Context, version uint64) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	raw, err := parseRaw(c.r)
	if err != nil {
		return err
	}
	if version == 0 {
		if ours, err := c.readAuthored(ctx, typ, id); ours {
			return err
		}
	}
	r, err := c.stored(ctx, typ, id, version, raw)
	if err != nil {
		return err
	}
	c.setVersion(typ, id, r.Version, r.Updated)
	if notModified(c.r.Header.Get("If-None-Match"), etag(r.Version)) {
		c.send(http.StatusNotModified, fhirJSON, nil)
		return nil
	}
	if r.Body, err = c.shaped(typ, r.Body, raw); err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, r.Body)
	return nil
}

// stored is a resource on record that the caller may see; that it is looked at is
// recorded.
func (c *call) stored(ctx context.Context, typ, id string, version uint64, raw bool) (Resource, error) {
	if err := c.nothingOf(ctx, typ, auth.CanRead, "read"); err != nil {
		return Resource{}, err
	}
	r, err := c.s.deps.Resources.Read(ctx, typ, id, version, raw)
	if errors.Is(err, ErrGone) && (c.who.Limited() || c.who.Scoped()) {
		return r, ErrNotFound // whose it was is not known any more
	}
	if err != nil {
		return r, err
	}
	if r.Patient == "" {
		r.Patient = patientOf(typ, id)
	}
	status := http.StatusOK
	if !c.maySee(&r, auth.CanRead) {
		status = http.StatusForbidden
	}
	if err := c.audit(ctx, c.entry(auth.ActionRead, r.Patient, ref(typ, id), status)); err != nil {
		return r, err
	}
	if status == http.StatusForbidden {
		return r, ErrNotFound // whether it is there is none of this caller's business
	}
	return r, nil
}

// remove is DELETE /fhir/{type}/{id}.
func (s *Server) remove(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	version, err := parseIfMatch(c.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	if err := c.auditBegun(ctx, patientOf(typ, id), ref(typ, id)); err != nil {
		return err
	}
	done, err := s.deps.Writer.Delete(ctx, typ, id, version)
	status := http.StatusNoContent
	if err != nil {
		status = faultOf(err).Status
	}
	if done.Patient == "" {
		done.Patient = patientOf(typ, id)
	}
	if err := c.audit(context.WithoutCancel(ctx), c.entry(auth.ActionDelete, done.Patient, ref(typ, id), status)); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if done.Version > 0 {
		c.w.Header()["Etag"] = []string{etag(done.Version)}
	}
	c.send(status, fhirJSON, nil)
	return nil
}

// setVersion sets the headers that name a stored version.
func (c *call) setVersion(typ, id string, version uint64, updated time.Time) {
	h := c.w.Header()
	h["Etag"] = []string{etag(version)}
	if !updated.IsZero() {
		h["Last-Modified"] = []string{updated.UTC().Format(http.TimeFormat)}
	}
	if c.r.Method == http.MethodPost || c.r.Method == http.MethodPut || c.r.Method == http.MethodPatch {
		h["Location"] = []string{c.base() + "/" + location(typ, id, version)}
	}
}

// patientOf is the id when the resource is a Patient, else "".
func patientOf(typ, id string) string {
	if typ == "Patient" {
		return id
	}
	return ""
}

func ref(typ, id string) string {
	if id == "" {
		return typ
	}
	return typ + "/" + id
}

// parseIfMatch reads W/"3" or "3" as 3, and nothing or * as 0.
func parseIfMatch(header string) (uint64, error) {
	if header == "" || header == "*" {
		return 0, nil
	}
	tag := strings.TrimPrefix(header, "W/")
	version, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(tag, `"`), `"`), 10, 63) // store.Absent is none
	if err != nil || version == 0 {
		return 0, &Fault{Status: http.StatusBadRequest, Code: "value", Detail: "If-Match is not understood",
			Hint: `send the ETag that a read gave, as W/"3"`}
	}
	return version, nil
}

func parseRaw(r *http.Request) (bool, error) {
	if r.URL.RawQuery == "" {
		return false, nil
	}
	text, ok, err := one(r.URL.Query(), "_raw")
	if err != nil || !ok {
		return false, err
	}
	raw, err := strconv.ParseBool(text)
	if err != nil {
		return false, badParameter("_raw", "true or false")
	}
	return raw, nil
}

// nobodys reports whether resources of a type are about no patient by nature. Of
// any other type, one without a patient may be about somebody who is not known
// yet, so a caller limited to some patients does not see it.
func nobodys(typ string) bool {
	switch typ {
	case "Medication", "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Substance",
		"CodeSystem", "ValueSet", "ConceptMap", "StructureDefinition", "Questionnaire", "PlanDefinition", "ActivityDefinition",
		"Library", "OperationDefinition", "SubscriptionTopic":
		return true
	}
	return false
}
