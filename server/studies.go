package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"ember/cohort"
	"ember/cohort/study"
	"ember/record"
	"ember/server/auth"
)

func (s *Server) studyRoutes() []route {
	var all []route
	for name, handle := range map[string]func(context.Context, *call) error{"survival": s.survival, "table": s.tableOne, "values": s.cohortValues, "periods": s.periods,
		"attrition": s.attrition, "aligned": s.aligned, "match": s.matchCohort} {
		all = append(all, route{http.MethodPost, "/v1/cohorts/" + name, auth.Cohorts, false, classData, s.studied(handle)})
	}
	return all
}

// studied is a handler that needs studies; without them nothing is there.
func (s *Server) studied(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.Studies == nil {
		return func(context.Context, *call) error { return ErrNotFound }
	}
	return h
}

// definitionJSON is a definition as text, which is a string, or as an object.
type definitionJSON json.RawMessage

// UnmarshalJSON keeps the bytes, so that errors can name the place.
func (d *definitionJSON) UnmarshalJSON(b []byte) error {
	*d = append((*d)[:0], b...)
	return nil
}

// reader reads the definitions of a request and remembers their texts by place.
type reader struct {
	texts map[string]string
	named []string // the patients that they name
	err   error
}

// one is a definition; the zero Criterion where there is none.
func (r *reader) one(part string, d definitionJSON) (c cohort.Criterion) {
	b := bytes.TrimSpace(d)
	if len(b) == 0 || string(b) == "null" || r.err != nil {
		return c
	}
	var err error
	var text string
	if json.Unmarshal(b, &text) == nil {
		c, err = cohort.Parse(text)
	} else {
		c, err = cohort.Decode(b)
	}
	if r.texts == nil {
		r.texts = map[string]string{}
	}
	r.texts[part] = text
	r.named = append(r.named, cohort.Named(c)...)
	r.err = r.placed(part, err)
	return c
}

func (r *reader) maybe(part string, d definitionJSON) *cohort.Criterion {
	if len(d) == 0 || string(d) == "null" {
		return nil
	}
	c := r.one(part, d)
	return &c
}

func (r *reader) list(part string, all []definitionJSON) (out []cohort.Criterion) {
	for i, d := range all {
		out = append(out, r.one(fmt.Sprintf("%s[%d]", part, i), d))
	}
	return out
}

// placed says where in the request a definition is wrong: the character of its text, or
// the path in its JSON.
func (r *reader) placed(part string, err error) error {
	var bad *cohort.Error
	if !errors.As(err, &bad) {
		return err
	}
	f := *faultOf(err)
	f.Path = part
	if bad.Offset >= 0 {
		f.Path += ":" + strconv.Itoa(character(r.texts[part], bad.Offset))
	} else if bad.Path != "" {
		f.Path += "." + bad.Path
	}
	f.Path = strings.TrimPrefix(f.Path, ".")
	return &f
}

// failed is an error of a study, at its place.
func (r *reader) failed(err error) error {
	var side *study.SideError
	if errors.As(err, &side) {
		part := side.Part
		if _, ok := r.texts[part]; !ok { // the definition of a group
			part += ".who"
		}
		return r.placed(part, side.Err)
	}
	return r.placed("", err)
}

type groupJSON struct {
	Name  string         `json:"name"`
	Who   definitionJSON `json:"who"`
	Index definitionJSON `json:"index"`
}

// designJSON is what studies of groups take.
type designJSON struct {
	Groups   []groupJSON    `json:"groups"`
	Index    definitionJSON `json:"index"`
	After    string         `json:"after"`
	Lookback string         `json:"lookback"`
	Baseline string         `json:"baseline"`
}

func (d *designJSON) design(c *call, r *reader) study.Design {
	out := study.Design{After: d.After, Lookback: d.Lookback, Baseline: d.Baseline, Now: c.begun, Named: c.who.Has(auth.Members)}
	for i, g := range d.Groups {
		part := fmt.Sprintf("groups[%d]", i)
		out.Groups = append(out.Groups, study.Group{Name: g.Name, Who: r.one(part+".who", g.Who), Index: r.maybe(part+".index", g.Index)})
	}
	out.Index = r.maybe("index", d.Index)
	return out
}

// named records whom the definitions name before anything is looked up.
func (c *call) named(ctx context.Context, r *reader) error {
	if r.err == nil && len(r.named) > 0 && c.who.Has(auth.Members) {
		return c.namedPatients(ctx, "", r.named)
	}
	return r.err
}

// study asks once the definitions are read, and audits.
func (c *call) study(ctx context.Context, r *reader, ask func() error) error {
	if err := c.named(ctx, r); err != nil {
		return err
	}
	if err := ask(); err != nil {
		return r.failed(err)
	}
	return c.looked(ctx, "")
}

// survival is POST /v1/cohorts/survival.
func (s *Server) survival(ctx context.Context, c *call) error {
	var body struct {
		designJSON
		Outcome definitionJSON `json:"outcome"`
		Death   study.Death    `json:"death"`
		Keep    bool           `json:"keep"`
	}
	if err := c.parse(&body); err != nil {
		return err
	}
	var r reader
	q := study.SurvivalQuestion{Design: body.design(c, &r), Outcome: r.maybe("outcome", body.Outcome), Death: body.Death, Keep: body.Keep}
	var a study.Survival
	if err := c.study(ctx, &r, func() (err error) { a, err = s.deps.Studies.Survival(ctx, c.who.Name, q); return err }); err != nil {
		return err
	}
	if strings.HasPrefix(c.r.Header.Get("Accept"), "image/svg+xml") {
		c.w.Header()["Vary"] = append(c.w.Header()["Vary"], "Accept")
		c.send(http.StatusOK, "image/svg+xml", a.SVG())
		return nil
	}
	return c.answer(http.StatusOK, survivalOf(&a))
}

// tableOne is POST /v1/cohorts/table.
func (s *Server) tableOne(ctx context.Context, c *call) error {
	var body struct {
		designJSON
		Rows  []definitionJSON `json:"rows"`
		Tests []definitionJSON `json:"tests"`
		Top   *int             `json:"top"`
	}
	if err := c.parse(&body); err != nil {
		return err
	}
	var r reader
	q := study.TableQuestion{Design: body.design(c, &r), Rows: r.list("rows", body.Rows), Tests: r.list("tests", body.Tests), Top: defaultRows}
	if body.Top != nil {
		q.Top = *body.Top
	}
	var a study.Table
	if err := c.study(ctx, &r, func() (err error) { a, err = s.deps.Studies.Table(ctx, c.who.Name, q); return err }); err != nil {
		return err
	}
	return c.answer(http.StatusOK, tableOf(&a))
}

// defaultRows is how many concepts of a kind a table names where nobody says.
const defaultRows = 10

// cohortValues is POST /v1/cohorts/values.
func (s *Server) cohortValues(ctx context.Context, c *call) error {
	var body struct {
		designJSON
		Tests []definitionJSON `json:"tests"`
	}
	if err := c.parse(&body); err != nil {
		return err
	}
	var r reader
	q := study.ValuesQuestion{Design: body.design(c, &r), Tests: r.list("tests", body.Tests)}
	var a study.Values
	if err := c.study(ctx, &r, func() (err error) { a, err = s.deps.Studies.Values(ctx, c.who.Name, q); return err }); err != nil {
		return err
	}
	return c.answer(http.StatusOK, valuesOf(&a))
}

// periods is POST /v1/cohorts/periods.
func (s *Server) periods(ctx context.Context, c *call) error {
	var body struct {
		Who   definitionJSON `json:"who"`
		Event definitionJSON `json:"event"`
		By    string         `json:"by"`
	}
	if err := c.parse(&body); err != nil {
		return err
	}
	if body.By == "" {
		body.By = "year"
	}
	var r reader
	q := study.PeriodsQuestion{Who: r.one("who", body.Who), Event: r.one("event", body.Event), By: body.By, Now: c.begun, Named: c.who.Has(auth.Members)}
	var a study.Periods
	if err := c.study(ctx, &r, func() (err error) { a, err = s.deps.Studies.Periods(ctx, c.who.Name, q); return err }); err != nil {
		return err
	}
	return c.answer(http.StatusOK, periodsOf(&a))
}

// attrition is POST /v1/cohorts/attrition, with a body as for count.
func (s *Server) attrition(ctx context.Context, c *call) error {
	q, asked, err := c.definition()
	if err != nil {
		return err
	}
	a, err := s.deps.Studies.Attrition(ctx, c.who.Name, asked)
	if err != nil {
		return placed(err, q.Text)
	}
	if err := c.looked(ctx, ""); err != nil {
		return err
	}
	return c.answer(http.StatusOK, attritionOf(&a, q.Text))
}

// aligned is POST /v1/cohorts/aligned.
func (s *Server) aligned(ctx context.Context, c *call) error {
	var body struct {
		Who   definitionJSON `json:"who"`
		Index definitionJSON `json:"index"`
		After string         `json:"after"`
		Kinds []string       `json:"kinds"`
		Top   int            `json:"top"`
	}
	if err := c.parse(&body); err != nil {
		return err
	}
	if body.Top < 0 || body.Top > mostLimit {
		return badParameter("top", "0 to "+strconv.Itoa(mostLimit))
	}
	var kinds []record.Kind
	for i, name := range body.Kinds {
		k, ok := record.ParseKind(name)
		if !ok {
			return badParameter(fmt.Sprintf("kinds[%d]", i), "condition, finding, medication, procedure, test, …")
		}
		kinds = append(kinds, k)
	}
	var r reader
	q := study.AlignedQuestion{Who: r.one("who", body.Who), Index: r.one("index", body.Index), After: body.After, Kinds: kinds, Top: body.Top, Now: c.begun, Named: c.who.Has(auth.Members)}
	var a study.Aligned
	if err := c.study(ctx, &r, func() (err error) { a, err = s.deps.Studies.Aligned(ctx, c.who.Name, q); return err }); err != nil {
		return err
	}
	return c.answer(http.StatusOK, alignedOf(&a))
}

// matchCohort is POST /v1/cohorts/match. It saves a cohort, so it is audited as a change.
func (s *Server) matchCohort(ctx context.Context, c *call) error {
	var body struct {
		designJSON
		Save       string           `json:"save"`
		Covariates []definitionJSON `json:"covariates"`
		Tests      []definitionJSON `json:"tests"`
		Ratio      int              `json:"ratio"`
		Years      *int             `json:"years"`
		Caliper    float64          `json:"caliper"`
	}
	if err := c.parse(&body); err != nil {
		return err
	}
	var r reader
	q := study.MatchQuestion{Design: body.design(c, &r), Save: body.Save, Covariates: r.list("covariates", body.Covariates), Tests: r.list("tests", body.Tests),
		Ratio: body.Ratio, Years: body.Years, Caliper: body.Caliper}
	if err := c.named(ctx, &r); err != nil {
		return err
	}
	var a study.Matched
	err := c.changed(ctx, "Cohort/"+plainName(q.Save), http.StatusCreated, func() (err error) {
		if a, err = s.deps.Studies.Match(ctx, c.who.Name, q); err != nil {
			err = r.failed(err)
		}
		return err
	})
	if err != nil {
		return err
	}
	c.w.Header()["Location"] = []string{"/v1/cohorts/" + a.Saved.Name}
	saved, err := c.savedOf(a.Saved)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, matchedOf(&a, saved))
}
