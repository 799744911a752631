package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"ember/cohort"
	"ember/record"
	"ember/server/auth"
)

// cohortRequest is what the routes of cohorts take.
type cohortRequest struct {
	Name       string          `json:"name"`
	Patient    string          `json:"patient"`
	Text       string          `json:"text"`
	Definition json.RawMessage `json:"definition"`
}

// definition reads the body: {"text": …} or {"definition": …}, or a text as it is.
func (c *call) definition() (q cohortRequest, asked cohort.Question, err error) {
	if media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err == nil && media == "text/plain" {
		b, err := c.smallBody()
		if err != nil {
			return q, asked, err
		}
		q.Text = string(b)
	} else if err := c.parse(&q); err != nil {
		return q, asked, err
	}
	if asked, err = q.question(c.begun); err == nil {
		err = c.naming(&asked)
	}
	return q, asked, err
}

// naming says whether the caller may name patients in a definition, and records whom
// it names before anything is looked up.
func (c *call) naming(asked *cohort.Question) error {
	asked.Named = c.who.Has(auth.Members)
	if ids := cohort.Named(asked.Criterion); asked.Named && len(ids) > 0 {
		return c.namedPatients(c.r.Context(), "", ids)
	}
	return nil
}

// question is the definition asked at a moment.
func (q cohortRequest) question(now time.Time) (asked cohort.Question, err error) {
	asked.Now = now
	switch {
	case q.Definition != nil && q.Text != "":
		return asked, &Fault{Status: http.StatusBadRequest, Code: "value", Path: "text", Detail: "text and definition are both there", Hint: "send one of them"}
	case q.Definition != nil:
		asked.Criterion, err = cohort.Decode(q.Definition)
	default:
		asked.Criterion, err = cohort.Parse(q.Text)
	}
	return asked, placed(err, q.Text)
}

func (c *call) smallBody() ([]byte, error) {
	r, err := c.body(1 << 20)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("server: reading the body: %w", err)
	}
	return b, nil
}

// placed says where in what was sent a definition is wrong: the character of a text,
// counted from 1, or the path in the JSON.
func placed(err error, text string) error {
	var bad *cohort.Error
	if !errors.As(err, &bad) {
		return err
	}
	f := faultOf(err)
	f.Path = "definition"
	switch {
	case bad.Offset >= 0:
		f.Path = "text:" + strconv.Itoa(character(text, bad.Offset))
	case bad.Path == "name":
		f.Path = "name"
	case bad.Path != "":
		f.Path = "definition." + bad.Path
	}
	return f
}

// character is the number of the character at a byte, from 1.
func character(text string, offset int) int {
	return 1 + utf8.RuneCountInString(text[:max(0, min(offset, len(text)))])
}

// countJSON is a count: null when it is suppressed, which stands for 0 to 10.
type countJSON struct {
	Count      *int `json:"count"`
	Suppressed bool `json:"suppressed"`
}

func counted(c cohort.Count) countJSON {
	if c.Suppressed {
		return countJSON{nil, true}
	}
	return countJSON{&c.Number, false}
}

type codeJSON struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

func coded(c record.Code) codeJSON { return codeJSON{c.System, c.Value, c.Display} }

// placeJSON is where in what was sent: a character of the text, or a path.
type placeJSON struct {
	At   int    `json:"at,omitempty"`
	Path string `json:"path,omitempty"`
}

func placeOf(offset int, path, text string) placeJSON {
	if offset < 0 || text == "" {
		return placeJSON{Path: path}
	}
	return placeJSON{At: character(text, offset)}
}

type meantJSON struct {
	placeJSON
	Asked    string     `json:"asked"`
	Number   int        `json:"number"`
	Concepts []codeJSON `json:"concepts"`
}

type warningJSON struct {
	placeJSON
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

type cellJSON struct {
	Label string    `json:"label"`
	Code  *codeJSON `json:"code,omitempty"`
	countJSON
	Odds *oddsJSON `json:"odds,omitempty"`
}

// oddsJSON compares a cohort with everybody else.
type oddsJSON struct {
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	P     float64 `json:"p"`
}

type facetsJSON struct {
	Ages       []cellJSON `json:"ages"`
	Sexes      []cellJSON `json:"sexes"`
	Conditions []cellJSON `json:"conditions"`
	Drugs      []cellJSON `json:"drugs"`
	Tests      []cellJSON `json:"tests"`
	Procedures []cellJSON `json:"procedures"`
}

type answerJSON struct {
	Text string `json:"text"`
	countJSON
	Position uint64        `json:"position"`
	Meant    []meantJSON   `json:"meant"`
	Warnings []warningJSON `json:"warnings"`
	Facets   *facetsJSON   `json:"facets,omitempty"`
	Noise    *noiseJSON    `json:"noise,omitempty"`
}

// noiseJSON says what was added to each number.
type noiseJSON struct {
	Epsilon float64 `json:"epsilon"`
	Spent   float64 `json:"spent"`
}

func answerOf(a cohort.Answer, text string) answerJSON {
	out := answerJSON{Text: a.Text, countJSON: counted(a.Count), Position: a.Position, Meant: []meantJSON{}, Warnings: []warningJSON{}}
	for _, m := range a.Meant {
		one := meantJSON{placeOf(m.Offset, m.Path, text), m.Asked, m.Number, []codeJSON{}}
		for _, code := range m.Concepts {
			one.Concepts = append(one.Concepts, coded(code))
		}
		out.Meant = append(out.Meant, one)
	}
	for _, w := range a.Warnings {
		out.Warnings = append(out.Warnings, warningJSON{placeOf(w.Offset, w.Path, text), w.Detail, w.Hint})
	}
	if a.Noise != nil {
		noise := noiseJSON(*a.Noise)
		out.Noise = &noise
	}
	if a.Facets != nil {
		out.Facets = &facetsJSON{cells(a.Facets.Ages), cells(a.Facets.Sexes), cells(a.Facets.Conditions), cells(a.Facets.Drugs), cells(a.Facets.Tests), cells(a.Facets.Procedures)}
	}
	return out
}

func cells(list []cohort.Cell) []cellJSON {
	out := make([]cellJSON, 0, len(list))
	for _, one := range list {
		cell := cellJSON{Label: one.Label, countJSON: counted(one.Count)}
		if !one.Code.Zero() {
			code := coded(one.Code)
			cell.Code = &code
			if one.Odds != nil {
				odds := oddsJSON(*one.Odds)
				cell.Odds = &odds
			}
		}
		out = append(out, cell)
	}
	return out
}

// countCohort is POST /v1/cohorts/count.
func (s *Server) countCohort(ctx context.Context, c *call) error {
	return c.ask(ctx, s.deps.Cohorts.Count)
}

// cohortFacets is POST /v1/cohorts/facets.
func (s *Server) cohortFacets(ctx context.Context, c *call) error {
	return c.ask(ctx, s.deps.Cohorts.Facets)
}

func (c *call) ask(ctx context.Context, how func(context.Context, string, cohort.Question) (cohort.Answer, error)) error {
	q, asked, err := c.definition()
	if err != nil {
		return err
	}
	a, err := how(ctx, c.who.Name, asked)
	if err != nil {
		return placed(err, q.Text)
	}
	if err := c.looked(ctx, ""); err != nil {
		return err
	}
	return c.answer(http.StatusOK, answerOf(a, q.Text))
}

// cohortNames is GET /v1/cohorts/names.
func (s *Server) cohortNames(_ context.Context, c *call) error {
	v := c.r.URL.Query()
	limit, err := wholeNumber(v, "limit", defaultHits, mostLimit)
	if err != nil {
		return err
	}
	prefix, _, err := one(v, "q")
	if err != nil {
		return err
	}
	if len(prefix) > mostWords || !utf8.ValidString(prefix) {
		return badParameter("q", "up to 1000 bytes of UTF-8")
	}
	type nameJSON struct {
		Field string `json:"field"`
		Value string `json:"value"`
		Label string `json:"label"`
	}
	names := []nameJSON{}
	for _, n := range s.deps.Cohorts.Names(prefix, limit) {
		names = append(names, nameJSON(n))
	}
	return c.answer(http.StatusOK, map[string]any{"names": names})
}

type savedJSON struct {
	Name       string          `json:"name"`
	Text       string          `json:"text"`
	Definition json.RawMessage `json:"definition"`
	Made       time.Time       `json:"made"`
	By         string          `json:"by"`
	Position   uint64          `json:"position"`
	Origin     string          `json:"origin,omitempty"`
	countJSON
}

// savedOf leaves out whom a definition names, for those who may not name patients.
func (c *call) savedOf(s cohort.Saved) (savedJSON, error) {
	if !c.who.Has(auth.Members) {
		var err error
		if s, err = s.Veiled(); err != nil {
			return savedJSON{}, err
		}
	}
	return savedJSON{s.Name, s.Text, s.Definition, s.Made, s.By, s.Position, s.Origin, counted(s.Count)}, nil
}

// saveCohort is POST /v1/cohorts.
func (s *Server) saveCohort(ctx context.Context, c *call) error {
	q, asked, err := c.definition()
	if err != nil {
		return err
	}
	var saved cohort.Saved
	err = c.changed(ctx, "Cohort/"+plainName(q.Name), http.StatusCreated, func() (err error) {
		saved, err = s.deps.Cohorts.Save(ctx, c.who.Name, q.Name, asked)
		return placed(err, q.Text)
	})
	if err != nil {
		return err
	}
	c.w.Header()["Location"] = []string{"/v1/cohorts/" + saved.Name}
	out, err := c.savedOf(saved)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, out)
}

// plainName is a name as it may stand in the audit record.
func plainName(name string) string {
	if len(name) > 64 {
		return "?"
	}
	return name
}

// listCohorts is GET /v1/cohorts.
func (s *Server) listCohorts(ctx context.Context, c *call) error {
	all, err := s.deps.Cohorts.List()
	if err != nil {
		return err
	}
	if err := c.looked(ctx, "Cohort"); err != nil {
		return err
	}
	out := []savedJSON{}
	for _, one := range all {
		shown, err := c.savedOf(one)
		if err != nil {
			return err
		}
		out = append(out, shown)
	}
	return c.answer(http.StatusOK, map[string]any{"cohorts": out})
}

type changeJSON struct {
	savedJSON
	Now      *answerJSON `json:"now,omitempty"`
	Entered  *countJSON  `json:"entered,omitempty"`
	Left     *countJSON  `json:"left,omitempty"`
	Standing *countJSON  `json:"standing,omitempty"`
}

// showCohort is GET /v1/cohorts/{name}; with rerun=true it says what has changed.
func (s *Server) showCohort(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	again := false
	if text, given, err := one(c.r.URL.Query(), "rerun"); err != nil {
		return err
	} else if given {
		if again, err = strconv.ParseBool(text); err != nil {
			return badParameter("rerun", "true or false")
		}
	}
	var out changeJSON
	if again {
		change, err := s.deps.Cohorts.Rerun(ctx, c.who.Name, name, c.begun, c.who.Has(auth.Members))
		if err != nil {
			return err
		}
		now, entered, left, standing := answerOf(change.Now, ""), counted(change.Entered), counted(change.Left), counted(change.Standing)
		saved, err := c.savedOf(change.Saved)
		if err != nil {
			return err
		}
		out = changeJSON{saved, &now, &entered, &left, &standing}
	} else {
		saved, err := s.deps.Cohorts.Show(name)
		if err != nil {
			return err
		}
		if out.savedJSON, err = c.savedOf(saved); err != nil {
			return err
		}
	}
	if err := c.looked(ctx, "Cohort/"+name); err != nil {
		return err
	}
	return c.answer(http.StatusOK, out)
}

// dropCohort is DELETE /v1/cohorts/{name}.
func (s *Server) dropCohort(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	if _, err := s.deps.Cohorts.Show(name); err != nil {
		return err
	}
	if err := c.changed(ctx, "Cohort/"+name, http.StatusNoContent, func() error { return s.deps.Cohorts.Delete(name) }); err != nil {
		return err
	}
	c.send(http.StatusNoContent, plainJSON, nil)
	return nil
}
