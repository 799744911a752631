package server

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ember/bulk"
	"ember/cohort"
	"ember/parquet"
	"ember/server/auth"
)

// cohortExport is one export of a saved cohort, page after page of its members.
type cohortExport struct {
	c    *call
	ctx  context.Context
	name string
	mode string
	mask bulk.Mask // nil: ids as they are
	out  *streamed
}

// exportCohort is GET /v1/cohorts/{name}/export: all members as a FHIR Group, a column
// of ids, or with everything in their compartments. Memory is that of one page.
func (s *Server) exportCohort(ctx context.Context, c *call) error {
	v := c.r.URL.Query()
	format, _, err := one(v, "format")
	if err != nil {
		return err
	}
	mode, _, err := one(v, "deid")
	if err != nil {
		return err
	}
	k := kickOff{}
	if mode != "" {
		if err := k.mode(mode); err != nil {
			return err
		}
	}
	x := &cohortExport{c: c, ctx: ctx, name: c.params.ByName("name"), mode: k.e.Mode}
	write, ok := map[string]func(*cohortExport) error{"": (*cohortExport).group, "group": (*cohortExport).group, "csv": (*cohortExport).csv,
		"parquet": (*cohortExport).parquet, "ndjson": (*cohortExport).ndjson}[format]
	if !ok {
		return badParameter("format", "group, csv, parquet or ndjson")
	}
	if format == "ndjson" && x.mode == "" && !c.who.Has(auth.Export) {
		return c.deny(ctx, "", "the right export is missing for whole records", "give the token this right, or ask for deid=safe-harbor")
	}
	return x.send(write)
}

// send writes the answer; a fault after something has left ends it without its end, as
// what is cut must not look whole.
func (x *cohortExport) send(write func(*cohortExport) error) error {
	if _, err := x.c.s.deps.Cohorts.Show(x.name); err != nil {
		return err
	}
	switch {
	case x.c.s.deps.Bulk == nil && x.mode != "":
		return ErrNotFound
	case x.c.s.deps.Bulk != nil:
		var err error
		if x.mask, err = x.c.s.deps.Bulk.Mask(x.mode, x.c.base()+"/"); err != nil {
			return err
		}
	}
	if x.mode != "" {
		x.c.w.Header()["Ember-Deid"] = []string{x.mode}
	}
	x.out = &streamed{c: x.c}
	err := write(x)
	if err == nil {
		err = x.out.flush()
	}
	if err != nil && x.out.begun {
		x.c.s.deps.Log.Error("export of a cohort broken off", "request", x.c.id, "cause", scrub(err.Error()))
		_ = http.NewResponseController(x.c.w).SetWriteDeadline(longAgo)
		return nil
	}
	return err
}

// members yields the ids of all members; each is on record before it is yielded.
func (x *cohortExport) members() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for more, after := true, ""; more; {
			page, rest, err := x.c.s.deps.Cohorts.Members(x.ctx, x.name, after, exportPage)
			if err == nil {
				err = x.c.namedPatients(x.ctx, x.name, page)
			}
			if err != nil {
				yield("", err)
				return
			}
			for _, id := range page {
				if after = id; !yield(id, nil) {
					return
				}
			}
			more = rest && len(page) > 0
		}
	}
}

// told is what stands for a member.
func (x *cohortExport) told(id string) string {
	if x.mask == nil {
		return id
	}
	return x.mask.ID("Patient", id)
}

func (x *cohortExport) attach(ending, media string) {
	x.out.media = media
	x.c.w.Header()["Content-Disposition"] = []string{`attachment; filename="` + x.name + ending + `"`}
}

// csv is a column of ids.
func (x *cohortExport) csv() error {
	x.attach(".csv", "text/csv; charset=utf-8")
	w := csv.NewWriter(x.out)
	if err := w.Write([]string{"patient"}); err != nil {
		return err
	}
	for id, err := range x.members() {
		if err == nil {
			err = w.Write([]string{x.told(id)})
		}
		if err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// parquet is the same column; the mode stands in the file.
func (x *cohortExport) parquet() error {
	x.attach(".parquet", "application/vnd.apache.parquet")
	mode := x.mode
	if mode == "" {
		mode = "none"
	}
	w := parquet.NewWriter(x.out, []parquet.Column{{Name: "patient", Kind: parquet.Text}}, [2]string{"ember.cohort", x.name}, [2]string{"ember.deid", mode})
	for id, err := range x.members() {
		if err == nil {
			w.AppendText(0, []byte(x.told(id)))
			err = w.EndRow()
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// ndjson is every resource of every member, member after member.
func (x *cohortExport) ndjson() error {
	if x.c.s.deps.Bulk == nil {
		return ErrNotFound
	}
	x.attach(".ndjson", "application/fhir+ndjson")
	e := bulk.Export{Level: bulk.Patient, Mode: x.mode, Base: x.c.base() + "/"}
	for line, err := range x.c.s.deps.Bulk.Records(x.ctx, e, x.members()) {
		if err == nil {
			_, err = x.out.Write(line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// group is a FHIR Group of persons, as R4 has it. The definition is its text and an
// extension's value, since characteristics cannot say it; it may name patients, so it
// is told only with them.
func (x *cohortExport) group() error {
	saved, err := x.c.s.deps.Cohorts.Show(x.name)
	if err != nil {
		return err
	}
	head, err := x.groupHead(saved)
	if err != nil {
		return err
	}
	x.out.media = fhirJSON
	if _, err := x.out.Write(head[:len(head)-1]); err != nil {
		return err
	}
	n, between := 0, `,"member":[`
	for id, err := range x.members() {
		if err == nil {
			_, err = io.WriteString(x.out, between+`{"entity":{"reference":"Patient/`+x.told(id)+`"}}`)
		}
		if err != nil {
			return err
		}
		n, between = n+1, ","
	}
	end := `,"quantity":` + strconv.Itoa(n) + "}"
	if n > 0 {
		end = "]" + end
	}
	_, err = io.WriteString(x.out, end)
	return err
}

func (x *cohortExport) groupHead(s cohort.Saved) ([]byte, error) {
	type extension struct {
		URL         string `json:"url"`
		ValueString string `json:"valueString"`
	}
	type tag struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	type meta struct {
		LastUpdated string `json:"lastUpdated"`
		Tag         []tag  `json:"tag,omitempty"`
	}
	group := struct {
		ResourceType string           `json:"resourceType"`
		ID           string           `json:"id,omitempty"`
		Meta         meta             `json:"meta"`
		Extension    []extension      `json:"extension,omitempty"`
		Identifier   []map[string]any `json:"identifier"`
		Active       bool             `json:"active"`
		Type         string           `json:"type"`
		Actual       bool             `json:"actual"`
		Name         string           `json:"name"`
	}{
		ResourceType: "Group", Meta: meta{LastUpdated: s.Made.Format(time.RFC3339)},
		Identifier: []map[string]any{{"system": "urn:ember:cohort", "value": s.Name}},
		Active:     true, Type: "person", Actual: true, Name: s.Name,
	}
	if x.mode == "" {
		group.Extension = []extension{{"urn:ember:cohort-definition", s.Text}}
	} else {
		group.Meta.Tag = []tag{{"urn:ember:deid", x.mode}}
	}
	if id := strings.ReplaceAll(s.Name, "_", "-"); logicalID.MatchString(id) {
		group.ID = id
	}
	return json.Marshal(group)
}

// streamed sends an answer of any length, some at a time.
type streamed struct {
	c     *call
	media string
	buf   []byte
	begun bool
}

// streamFrom is how much is sent at once.
const streamFrom = 32 << 10

// Write implements io.Writer.
func (s *streamed) Write(b []byte) (int, error) {
	s.buf = append(s.buf, b...)
	if len(s.buf) < streamFrom {
		return len(b), nil
	}
	return len(b), s.send()
}

func (s *streamed) send() error {
	if !s.begun {
		s.begun = true
		s.c.w.Header()["Content-Type"] = []string{s.media}
		s.c.w.WriteHeader(http.StatusOK)
	}
	err := s.c.tell(string(s.buf))
	s.buf = s.buf[:0]
	return err
}

// flush sends what is left: a short answer as one.
func (s *streamed) flush() error {
	if !s.begun {
		s.begun = true
		s.c.send(http.StatusOK, s.media, s.buf)
		return nil
	}
	if len(s.buf) == 0 {
		return nil
	}
	return s.send()
}
