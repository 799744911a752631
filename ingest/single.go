package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

// Condition is what must hold for a write to happen.
type Condition struct {
	IfVersion   uint64 // the current version, 0 = any; store.ErrConflict otherwise
	IfNoneExist string // a search: the resource that meets it is the outcome
	// Where is a search: the one resource that meets it is updated, and created when
	// there is none. "" for an update by id.
	Where string
}

// Put stores one resource under a type and id, "" for one of its own. A resource
// that is created without an id gets one by chance: creating twice makes two.
func (in *Ingest) Put(ctx context.Context, typ, id string, body []byte, on Condition) (Outcome, error) {
	var h fhir.Header
	out := Outcome{Type: typ, ID: id, Issues: clone(fhir.Scan(body, &h))}
	switch {
	case fhir.Refused(out.Issues):
		out.Status = http.StatusBadRequest
		return out, nil
	case h.Type != typ:
		out.refuse(http.StatusBadRequest, "value", "resourceType", "is not the type in the address")
		return out, nil
	case id != "" && h.ID != id && on.Where == "":
		out.refuse(http.StatusBadRequest, "value", typ+".id", "is not the id in the address")
		return out, nil
	}
	if on.IfNoneExist != "" {
		defer in.conditions.hold(typ + "?" + on.IfNoneExist)()
		if met, err := in.meets(ctx, typ, on.IfNoneExist, &out); met || err != nil {
			return out, err
		}
	}
	if on.Where != "" {
		defer in.conditions.hold(typ + "?" + on.Where)()
		if id = in.meant(ctx, typ, on.Where, h.ID, &out); out.Status >= 400 {
			return out, nil
		}
	}
	if id == "" {
		fresh, err := uuid.NewRandom()
		if err != nil {
			return out, fmt.Errorf("ingest: making an id: %w", err)
		}
		id = fresh.String()
	}
	g := search.GuardOf(ctx)
	issues := out.Issues
	for try := 1; ; try++ {
		out.Issues = clone(issues)
		w := in.writeAs(g, &h, body, id, &links{bases: basesOf(ctx)}, &out.Issues)
		w.IfVersion = on.IfVersion
		if !in.allowed(g, &w, typ, out.ID == "", &out) {
			return out, nil
		}
		done, err := in.one(ctx, w, out)
		if g != nil && on.IfVersion == 0 && isConflict(err) && try < mostTries {
			continue
		}
		return done, err
	}
}

// meets completes out when the condition of a create is met already or cannot
// be answered.
func (in *Ingest) meets(ctx context.Context, typ, condition string, out *Outcome) (bool, error) {
	system, value, ok := fhir.ParseReference(typ + "?" + condition).Identifier()
	var ref string
	var n int
	if ok && plainIdentifier(condition) && search.GuardOf(ctx) == nil {
		ref, n = in.find(identifierKey(typ, system, value))
	} else {
		refs, ok := in.match(ctx, typ, condition, "If-None-Exist", out)
		if !ok {
			return true, nil
		}
		if n = len(refs); n > 0 {
			ref = typ + "/" + refs[0].ID
		}
	}
	switch n {
	case 0:
		return false, nil
	case 1:
		r, err := in.opt.Store.Get(typ, strings.TrimPrefix(ref, typ+"/"))
		if err != nil {
			return true, fmt.Errorf("ingest: %s: %w", ref, err)
		}
		out.Status, out.ID, out.Version, out.Updated, out.Patient, out.Unchanged = http.StatusOK, r.ID, r.Version, r.Updated, r.Patient, true
		return true, nil
	}
	out.refuse(http.StatusPreconditionFailed, "multiple-matches", "If-None-Exist", "several resources meet the condition")
	return true, nil
}

// plainIdentifier reports whether a condition is nothing but system|value of an
// identifier, for which there is a key.
func plainIdentifier(condition string) bool {
	return strings.HasPrefix(condition, "identifier=") && !strings.ContainsAny(condition, "&,\\") &&
		(strings.Contains(condition, "|") || strings.Contains(condition, "%7C") || strings.Contains(condition, "%7c"))
}

// meant is the id of the one resource that a conditional update means, or the one
// it brought, or "" for a new one.
func (in *Ingest) meant(ctx context.Context, typ, where, brought string, out *Outcome) (id string) {
	refs, ok := in.match(ctx, typ, where, "condition", out)
	switch {
	case !ok:
	case len(refs) > 1:
		out.refuse(http.StatusPreconditionFailed, "multiple-matches", "condition", "several resources meet the condition")
	case len(refs) == 1 && brought != "" && brought != refs[0].ID:
		out.refuse(http.StatusBadRequest, "value", typ+".id", "is not the id of the resource that meets the condition")
	case len(refs) == 1:
		return refs[0].ID
	}
	return brought
}

// DeleteWhere deletes the one resource of a type that meets a search. That there is
// none is no error: the outcome is then without an id.
func (in *Ingest) DeleteWhere(ctx context.Context, typ, where string) (Outcome, error) {
	out := Outcome{Type: typ, Status: http.StatusNoContent}
	defer in.conditions.hold(typ + "?" + where)()
	refs, ok := in.match(ctx, typ, where, "condition", &out)
	switch {
	case !ok || len(refs) == 0:
		return out, nil
	case len(refs) > 1:
		out.refuse(http.StatusPreconditionFailed, "multiple-matches", "condition", "several resources meet the condition")
		return out, nil
	}
	return in.Delete(ctx, typ, refs[0].ID, 0)
}

// Delete leaves a tombstone; store.ErrNotFound for what never was.
func (in *Ingest) Delete(ctx context.Context, typ, id string, ifVersion uint64) (Outcome, error) {
	r, err := in.opt.Store.Get(typ, id)
	out := Outcome{Type: typ, ID: id, Status: http.StatusNoContent, Version: r.Version, Patient: r.Patient}
	if errors.Is(err, store.ErrGone) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("ingest: deleting %s/%s: %w", typ, id, err)
	}
	w := store.Write{Type: typ, ID: id, Patient: r.Patient, Delete: true, IfVersion: ifVersion}
	if g := search.GuardOf(ctx); !in.allowed(g, &w, typ, false, &out) {
		return Outcome{}, fmt.Errorf("ingest: deleting %s/%s: %w", typ, id, store.ErrNotFound)
	}
	return in.one(ctx, w, out)
}

func (in *Ingest) one(ctx context.Context, w store.Write, out Outcome) (Outcome, error) {
	out.ID, out.Patient = w.ID, w.Patient
	outs := []Outcome{out}
	err := in.commit(ctx, []store.Write{w}, outs)
	if err != nil {
		return out, fmt.Errorf("ingest: %s/%s: %w", w.Type, w.ID, err)
	}
	return outs[0], nil
}

// Served is a stored resource as answers show it: with the id it was given, its
// references resolved, and its version and time in meta.
func Served(r store.Resource) ([]byte, error) {
	splices, err := fhir.DecodeSplices(r.Aside)
	if err != nil {
		return nil, fmt.Errorf("ingest: %s/%s: %w", r.Type, r.ID, err)
	}
	var h fhir.Header
	fhir.ScanMeta(r.Raw, &h)
	meta := h.SetMeta(strconv.FormatUint(r.Version, 10), r.Updated.UTC().Format(time.RFC3339Nano))
	return fhir.Apply(r.Raw, append(splices, meta...)), nil
}
