package fhir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"ember/record"
)

// ErrBroken: the text is no JSON or ends too early.
var ErrBroken = errors.New("fhir: the Bundle cannot be read to its end")

// Bundle maps one patient's Bundle (collection, searchset, transaction, …), held
// in memory only, to a timeline. References by fullUrl and urn:uuid are resolved
// within it. Resources that cannot be used are left out and reported. It fails
// with [ErrNoPatient], with [ErrManyPatients] when any resource is about somebody
// else, with [ErrBroken], [ErrTooLarge] or the error of raw or ctx; the issues
// are given also then.
func (m *Mapper) Bundle(ctx context.Context, raw io.Reader) (record.Timeline, []Issue, error) {
	in := inMemory{byRef: map[string][]byte{}, urls: map[string]string{}}
	var broken bool
	err := Read(ctx, raw, "bundle", Limits{}, in.add, func(s Summary) error {
		broken = broken || s.Broken
		return nil
	})
	switch {
	case err != nil:
		return record.Timeline{}, in.issues, err
	case broken:
		return record.Timeline{}, in.issues, ErrBroken
	}
	patient, err := in.patient()
	if err != nil {
		return record.Timeline{}, in.issues, err
	}
	g := m.pool.Get().(*mapping)
	defer m.pool.Put(g)
	g.reset(patient, func(ref string) ([]byte, bool) { raw, ok := in.byRef[ref]; return raw, ok })
	g.urns = in.urls
	for _, r := range in.resources {
		g.resource(r.Resource)
	}
	for _, path := range in.unusable {
		g.unusableAllergy(path)
	}
	t, _, issues := g.finish()
	return t, append(in.issues, issues...), nil
}

// inMemory are the resources of one Bundle.
type inMemory struct {
	resources []bundled
	byRef     map[string][]byte
	urls      map[string]string // fullUrl to reference
	issues    []Issue
	unusable  []string // paths of allergies that were refused
}

type bundled struct {
	Resource
	path        string
	subject     string // as written
	identifiers []string
	wanted      string // identifier of a subject without a literal reference
}

func (in *inMemory) add(e Entry, issues []Issue) error {
	in.issues = append(in.issues, issues...)
	if e.Raw == nil || Refused(issues) || e.Method == "DELETE" {
		if Refused(issues) && e.Method != "DELETE" && e.Header != nil && e.Header.Type == "AllergyIntolerance" {
			in.unusable = append(in.unusable, e.Path)
		}
		return nil
	}
	h := e.Header
	id := h.ID
	if r := ParseReference(e.FullURL); id == "" && r.ID != "" {
		id = r.ID
	}
	if id == "" {
		id = "entry-" + strconv.Itoa(e.Index)
	}
	b := bundled{path: e.Path, subject: string(h.Subject.Text), Resource: Resource{Ref: h.Type + "/" + id, Raw: slices.Clone(e.Raw)}}
	for _, i := range h.Identifiers {
		b.identifiers = append(b.identifiers, string(i.System)+"|"+string(i.Value))
	}
	if len(h.SubjectIdentifier.Value) > 0 {
		b.wanted = string(h.SubjectIdentifier.System) + "|" + string(h.SubjectIdentifier.Value)
	}
	if _, twice := in.byRef[b.Ref]; twice {
		in.issues = append(in.issues, Issue{Warning, "duplicate", e.Path, "this resource was given before; the first is used"})
		return nil
	}
	in.byRef[b.Ref] = b.Raw
	if e.FullURL != "" {
		in.urls[e.FullURL] = b.Ref
	}
	in.resources = append(in.resources, b)
	return nil
}

// patient is the id of the one patient all resources are about.
func (in *inMemory) patient() (string, error) {
	var self *bundled
	for i := range in.resources {
		r := &in.resources[i]
		if ParseReference(r.Ref).Type != "Patient" {
			continue
		}
		if self != nil {
			return "", ErrManyPatients
		}
		self = r
	}
	if self == nil {
		return "", ErrNoPatient
	}
	for _, r := range in.resources {
		if !mapped(ParseReference(r.Ref).Type) || in.about(r, self) {
			continue
		}
		return "", fmt.Errorf("%w: %s has another subject", ErrManyPatients, r.path)
	}
	return ParseReference(self.Ref).ID, nil
}

// about reports whether a resource is the patient's. What has no subject is
// taken to be.
func (in *inMemory) about(r bundled, self *bundled) bool {
	switch {
	case r.subject == "" && r.wanted == "":
		return true
	case r.subject == "":
		return slices.Contains(self.identifiers, r.wanted)
	}
	if in.urls[r.subject] == self.Ref {
		return true
	}
	ref := ParseReference(r.subject)
	if ref.Kind == Conditional {
		system, value, ok := ref.Identifier()
		return ok && slices.Contains(self.identifiers, system+"|"+value)
	}
	return ref.String() == self.Ref
}
