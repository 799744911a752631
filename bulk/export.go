package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"ember/store"
)

// tellEvery is how many resources are read between two reports of progress.
const tellEvery = 4096

// export writes the files of a job.
func (s *Service) export(ctx context.Context, j *Job) error {
	j.Seq = s.opt.Store.Head()
	snap := s.opt.Store.Snapshot()
	defer snap.Close()
	j.At = snap.At()
	x, err := s.newExporter(ctx, j)
	if err != nil {
		return err
	}
	err = x.all(snap)
	return errors.Join(err, x.close())
}

// exporter is one export under way.
type exporter struct {
	s       *Service
	ctx     context.Context
	j       *Job
	pick    *picker
	mask    Mask // nil: as it is
	parts   map[string]*series
	deleted *series
	graves  graves
	total   int64
	read    int64
	damaged int64
	masked  int64 // left out by the mask
	begun   bool
	last    string // whose was looked at last
	refused bool   // of last
	counted bool   // of last
	line    []byte
	scratch []byte
}

func (s *Service) newExporter(ctx context.Context, j *Job) (*exporter, error) {
	x := &exporter{s: s, ctx: ctx, j: j, parts: map[string]*series{}}
	for typ, n := range s.opt.Store.Counts() {
		if len(j.Export.Types) == 0 || j.Export.Level != Group && slices.Contains(j.Export.Types, typ) {
			x.total += n
		}
	}
	var err error
	if x.pick, err = newPicker(s, j.Export); err != nil {
		return nil, err
	}
	if j.Export.Mode != "" {
		if x.mask, err = s.opt.Mask(j.Export.Mode, j.Export.Base, j.At); err != nil {
			return nil, fmt.Errorf("bulk: the key of de-identification: %w", err)
		}
		j.Key = x.mask.Key()
	}
	return x, nil
}

// all reads the snapshot in one pass.
func (x *exporter) all(snap *store.Snapshot) error {
	scan := store.Scan{Patients: x.s.patients(x.ctx, x.j.Export), Deleted: !x.j.Export.Since.IsZero()}
	if len(x.j.Export.Types) > 0 {
		scan.Types = x.j.Export.Types
	}
	for r, err := range snap.Read(x.ctx, scan) {
		if errors.Is(err, store.ErrCorrupt) && r != nil {
			x.damaged++
			continue
		}
		if err != nil {
			return err
		}
		if x.read++; x.read%tellEvery == 0 {
			x.s.progress(x.j.ID, x.read, max(x.total, x.read))
		}
		if err := x.one(r); err != nil {
			return err
		}
	}
	return x.ctx.Err()
}

// one writes a resource, if it is wanted and may be seen.
func (x *exporter) one(r *store.Resource) error {
	if r.Deleted {
		if x.wanted(r) {
			return x.grave(r)
		}
		return nil
	}
	ok, err := x.render(r)
	if err != nil || !ok {
		return err
	}
	if x.last != "" && !x.counted {
		x.counted = true
		x.j.Patients++
	}
	x.j.Resources++
	return x.part(r.Type).write(x.line, 1)
}

// wanted reports whether a resource is of what is exported, and may be seen. Whose it is
// is x.last afterwards.
func (x *exporter) wanted(r *store.Resource) bool {
	if patient := owner(r); patient != x.last || !x.begun {
		x.begun, x.last, x.counted = true, patient, false
		if x.refused = patient != "" && x.s.opt.Refuses(patient); x.refused {
			x.j.Refusing = append(x.j.Refusing, x.s.tag(patient))
		}
	}
	return !x.refused && x.pick.level(r, x.last) && x.pick.timely(r.Updated)
}

// render makes the line of a resource, in x.line; ok is false when there is none.
func (x *exporter) render(r *store.Resource) (ok bool, err error) {
	if !x.wanted(r) {
		return false, nil
	}
	body, err := x.s.opt.Served(*r)
	if err != nil {
		x.damaged++
		return false, nil
	}
	if ok, err := x.pick.meets(x.ctx, r, body); err != nil || !ok {
		return false, err
	}
	body = x.pick.elements(r.Type, body)
	if x.mask != nil {
		if x.scratch, ok = x.mask.Resource(x.scratch[:0], r.Type, r.ID, x.last, body); !ok {
			x.masked++
			return false, nil
		}
		body = x.scratch
	}
	x.line = append(oneLine(x.line[:0], body), '\n')
	return true, nil
}

// owner is the patient whose a resource is, "" for nobody.
func owner(r *store.Resource) string {
	if r.Type == "Patient" {
		return r.ID
	}
	return r.Patient
}

// oneLine appends JSON without line breaks and the indentation after them: outside of
// strings, where alone they can stand, they say nothing.
func oneLine(dst, body []byte) []byte {
	for len(body) > 0 {
		i := slices.IndexFunc(body, func(c byte) bool { return c == '\n' || c == '\r' })
		if i < 0 {
			break
		}
		dst = append(dst, body[:i]...)
		for i < len(body) && (body[i] == '\n' || body[i] == '\r' || body[i] == ' ' || body[i] == '\t') {
			i++
		}
		body = body[i:]
	}
	return append(dst, body...)
}

func (x *exporter) part(typ string) *series {
	p := x.parts[typ]
	if p == nil {
		p = x.s.series(x.j.ID, typ, typ)
		x.parts[typ] = p
	}
	return p
}

// gravesALine is how many deleted resources one Bundle names.
const gravesALine = 1000

// graves collects deletions for a Bundle.
type graves struct {
	ResourceType string  `json:"resourceType"`
	Type         string  `json:"type"`
	Entry        []grave `json:"entry"`
}

type grave struct {
	Request struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	} `json:"request"`
}

// grave notes a resource that is deleted.
func (x *exporter) grave(r *store.Resource) error {
	id := r.ID
	if x.mask != nil {
		id = x.mask.ID(r.Type, r.ID)
	}
	var g grave
	g.Request.Method, g.Request.URL = "DELETE", r.Type+"/"+id
	if x.graves.Entry = append(x.graves.Entry, g); len(x.graves.Entry) < gravesALine {
		return nil
	}
	return x.bury()
}

// bury writes the deletions that were collected.
func (x *exporter) bury() error {
	if len(x.graves.Entry) == 0 {
		return nil
	}
	x.graves.ResourceType, x.graves.Type = "Bundle", "transaction"
	b, err := json.Marshal(&x.graves)
	if err != nil {
		return fmt.Errorf("bulk: writing deletions: %w", err)
	}
	x.graves.Entry = x.graves.Entry[:0]
	if x.deleted == nil {
		x.deleted = x.s.series(x.j.ID, "deleted", "Bundle")
	}
	return x.deleted.write(append(b, '\n'), 1)
}

// close ends all files and names them in the job.
func (x *exporter) close() error {
	errs := []error{x.bury()}
	for _, typ := range slices.Sorted(mapKeys(x.parts)) {
		errs = append(errs, x.parts[typ].close())
		x.j.Output = append(x.j.Output, x.parts[typ].files...)
	}
	if x.deleted != nil {
		errs = append(errs, x.deleted.close())
		x.j.Deleted = x.deleted.files
	}
	notes := x.s.series(x.j.ID, "error", "OperationOutcome")
	for _, n := range []struct {
		count        int64
		code, detail string
	}{
		{x.damaged, "incomplete", " resources are damaged and were left out; ember doctor says which"},
		{x.masked, "suppressed", " resources are of types of which de-identification keeps nothing"},
	} {
		if n.count > 0 {
			errs = append(errs, notes.write(outcome("warning", n.code, strconv.FormatInt(n.count, 10)+n.detail), 1))
		}
	}
	errs = append(errs, notes.close())
	x.j.Errors = notes.files
	return errors.Join(errs...)
}

func mapKeys[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// outcome is an OperationOutcome on a line.
func outcome(severity, code, text string) []byte {
	type issue struct {
		Severity    string `json:"severity"`
		Code        string `json:"code"`
		Diagnostics string `json:"diagnostics"`
	}
	b, err := json.Marshal(struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}{"OperationOutcome", []issue{{severity, code, text}}})
	if err != nil { // strings are always encoded
		return nil
	}
	return append(b, '\n')
}

// patients are those whose compartments are read, nil for everything.
func (s *Service) patients(ctx context.Context, e *Export) iter.Seq2[string, error] {
	switch {
	case e.Level == Group:
		return func(yield func(string, error) bool) {
			for p, err := range s.opt.Members(ctx, e.Group) {
				if err == nil && e.Patients != nil && !slices.Contains(e.Patients, p) {
					continue
				}
				if !yield(p, err) {
					return
				}
			}
		}
	case e.Patients != nil:
		return all(e.Patients)
	case e.Limited && e.Level == System:
		return all(append([]string{""}, e.Scope...))
	case e.Limited:
		return all(e.Scope)
	}
	return nil
}

func all(list []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, p := range list {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// problem is why a job failed, in words that may be told.
func problem(err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return "the group is not there any more"
	case errors.Is(err, errFetch):
		return err.Error()
	case errors.Is(err, errNoSpace):
		return "the disk is full"
	}
	return "it failed; the server's log says why"
}

// timely reports whether a version's time is within the bounds, in whole milliseconds,
// as answers show it.
func (p *picker) timely(t time.Time) bool {
	t = t.Truncate(time.Millisecond)
	return (p.e.Since.IsZero() || t.After(p.e.Since)) && (p.e.Until.IsZero() || t.Before(p.e.Until))
}
