package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ember/fhir/path"
	"ember/fhir/view"
	"ember/server/auth"
)

// viewRoutes are the run operation of SQL on FHIR under the names it has had.
func (s *Server) viewRoutes() []route {
	h := s.runView
	if s.deps.Views == nil {
		h = func(context.Context, *call) error { return ErrNotFound }
	}
	var all []route
	for _, pattern := range [...]string{"/fhir/ViewDefinition/$run", "/fhir/ViewDefinition/$viewdefinition-run", "/fhir/$viewdefinition-run"} {
		all = append(all, route{http.MethodPost, pattern, auth.Read | auth.Search, false, classLoad, h})
	}
	return all
}

// ViewSource says what a view is run over.
type ViewSource struct {
	Type     string
	Patients []string  // logical ids; nil = all
	Since    time.Time // only what was written then or later; zero = all
}

// Views gives what views are run over.
type Views interface {
	// OfType yields the current resources of the type, in an order that is the same
	// each time, without those of patients whose Consent refuses it. Memory does not
	// grow with their number. A Body is valid until the next one.
	OfType(ctx context.Context, from ViewSource) iter.Seq2[Resource, error]
}

// viewRun is one run of a view.
type viewRun struct {
	definition json.RawMessage
	format     string
	limit      int // rows, -1 = all
	noHeader   bool
	source     ViewSource
	inline     []json.RawMessage // instead of what is stored
	isInline   bool
}

// runView is POST /fhir/ViewDefinition/$run.
func (s *Server) runView(ctx context.Context, c *call) error {
	if _, err := c.form(false); err != nil {
		return err
	}
	run, err := c.viewRun()
	if err != nil {
		return err
	}
	f, err := c.viewFormat(run.format)
	if err != nil {
		return err
	}
	v, err := view.Compile(run.definition)
	if err != nil {
		return viewFault(err)
	}
	run.source.Type = v.Resource()
	e := c.entry(auth.ActionRead, "", "ViewDefinition/$run?resource="+v.Resource(), 0)
	e.Outcome = auth.Begun
	if err := c.audit(ctx, e); err != nil {
		return err
	}
	out := &viewAnswer{ctx: ctx, c: c, media: f.MediaType(), named: map[string]bool{}}
	table := view.NewTable(out, v, f, !run.noHeader)
	err = s.viewRows(ctx, c, v, run, table, out)
	if err == nil {
		err = table.Close()
	}
	if err == nil {
		err = out.end()
	}
	if err != nil && out.begun {
		// Rows have left: a table that is cut must not look whole.
		s.deps.Log.Error("view broken off", "request", c.id, "cause", scrub(err.Error()))
		_ = http.NewResponseController(c.w).SetWriteDeadline(longAgo)
		return nil
	}
	return viewFault(err)
}

var errEnough = errors.New("server: enough rows")

// viewRows writes the rows of all resources.
func (s *Server) viewRows(ctx context.Context, c *call, v *view.View, run *viewRun, table *view.Table, out *viewAnswer) error {
	r := v.NewRunner(c.begun)
	row := func(row [][]path.Value) error {
		if run.limit >= 0 && table.Rows() >= run.limit {
			return errEnough
		}
		return table.Row(row)
	}
	seen := func(*Resource) bool { return true }
	if c.who.Scoped() && !run.isInline {
		scope := c.lists(run.source.Patients)
		seen = func(r *Resource) bool { return s.deps.Finder != nil && s.deps.Finder.Sees(scope, r) }
	}
	for res, err := range run.resources(ctx, s.deps.Views) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && !seen(&res) {
			continue
		}
		before := table.Rows()
		if err == nil {
			// The patient is named before a row of theirs can leave.
			out.about(res.Patient)
			err = r.Rows(res.Body, row)
			if table.Rows() == before {
				out.forget()
			}
		}
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resources are those that came with the request, or the stored ones.
func (run *viewRun) resources(ctx context.Context, from Views) iter.Seq2[Resource, error] {
	if !run.isInline {
		return from.OfType(ctx, run.source)
	}
	return func(yield func(Resource, error) bool) {
		for _, b := range run.inline {
			if !yield(Resource{Body: b}, nil) {
				return
			}
		}
	}
}

// viewFault gives a fault of a view its status: 422 for what only the data shows.
func viewFault(err error) error {
	var f *view.Fault
	if !errors.As(err, &f) {
		return err
	}
	out := &Fault{Status: http.StatusBadRequest, Code: "invalid", Path: f.Path, Detail: f.Text}
	if f.Resource != "" {
		out.Status, out.Code = http.StatusUnprocessableEntity, "processing"
	}
	return out
}

// viewFormat is the _format, or what Accept asks for, or NDJSON.
func (c *call) viewFormat(name string) (view.Format, error) {
	if name != "" {
		f, err := view.ParseFormat(strings.ReplaceAll(name, " ", "+"))
		if err != nil {
			return f, badParameter("_format", "ndjson, csv, json or parquet")
		}
		return f, nil
	}
	header := c.r.Header.Get("Accept")
	if header == "" {
		return view.NDJSON, nil
	}
	for part := range strings.SplitSeq(header, ",") {
		media, params, _ := strings.Cut(part, ";")
		if media = strings.TrimSpace(media); quality(params) == 0 {
			continue
		}
		if media == "*/*" || media == "application/*" {
			return view.NDJSON, nil
		}
		if f, err := view.ParseFormat(media); err == nil {
			return f, nil
		}
	}
	return 0, &Fault{Status: http.StatusNotAcceptable, Code: "not-supported", Detail: "none of the types in Accept can be given",
		Hint: "this answers application/x-ndjson, text/csv, application/json and application/vnd.apache.parquet"}
}

// viewRun reads the body, a ViewDefinition or Parameters, and the query, which goes
// before it.
func (c *call) viewRun() (*viewRun, error) {
	body, err := c.body(c.s.opt.Limits.BodyBytes)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	run := &viewRun{limit: -1}
	if err := run.readBody(b); err != nil {
		return nil, err
	}
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, badParameter("the query", "NAME=VALUE joined by &")
	}
	for name, values := range q {
		for _, value := range values {
			if err := run.set(name, value); err != nil {
				return nil, err
			}
		}
	}
	return run, nil
}

// viewParameter is one of Parameters; only what the operation takes is read.
type viewParameter struct {
	Name     string          `json:"name"`
	Resource json.RawMessage `json:"resource"`
	Code     *string         `json:"valueCode"`
	String   *string         `json:"valueString"`
	ID       *string         `json:"valueId"`
	Instant  *string         `json:"valueInstant"`
	DateTime *string         `json:"valueDateTime"`
	URI      *string         `json:"valueUri"`
	URL      *string         `json:"valueUrl"`
	Integer  *int64          `json:"valueInteger"`
	Positive *int64          `json:"valuePositiveInt"`
	Boolean  *bool           `json:"valueBoolean"`
	Ref      *struct {
		Reference string `json:"reference"`
	} `json:"valueReference"`
}

// text is the value as a query would have it.
func (p *viewParameter) text() (string, bool) {
	for _, s := range [...]*string{p.Code, p.String, p.ID, p.Instant, p.DateTime, p.URI, p.URL} {
		if s != nil {
			return *s, true
		}
	}
	for _, n := range [...]*int64{p.Integer, p.Positive} {
		if n != nil {
			return strconv.FormatInt(*n, 10), true
		}
	}
	switch {
	case p.Boolean != nil:
		return strconv.FormatBool(*p.Boolean), true
	case p.Ref != nil:
		return p.Ref.Reference, true
	}
	return "", false
}

func badView(at, detail, hint string) error {
	return &Fault{Status: http.StatusBadRequest, Code: "invalid", Path: at, Detail: detail, Hint: hint}
}

// parameterList are the parameters of a Parameters resource.
func parameterList(b []byte) ([]viewParameter, error) {
	var p struct {
		ResourceType string          `json:"resourceType"`
		Parameter    []viewParameter `json:"parameter"`
	}
	if err := json.Unmarshal(b, &p); err != nil || p.ResourceType != "Parameters" {
		return nil, badView("", "the body is no Parameters resource", "")
	}
	return p.Parameter, nil
}

func (run *viewRun) readBody(b []byte) error {
	var head struct {
		ResourceType string          `json:"resourceType"`
		Parameter    []viewParameter `json:"parameter"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return badView("", "the body is not JSON of a ViewDefinition or Parameters", "")
	}
	if head.ResourceType != "Parameters" {
		run.definition = b
		return nil
	}
	for i := range head.Parameter {
		p := &head.Parameter[i]
		at := "Parameters.parameter[" + strconv.Itoa(i) + "]"
		if err := run.parameter(at, p); err != nil {
			return err
		}
	}
	if run.definition == nil {
		return badView("Parameters", "the parameter viewResource is missing", "put the ViewDefinition there, or send it as the body")
	}
	return nil
}

func (run *viewRun) parameter(at string, p *viewParameter) error {
	value, given := p.text()
	switch p.Name {
	case "viewResource":
		if run.definition != nil || p.Resource == nil {
			return badView(at, "one viewResource with a resource is expected", "")
		}
		run.definition = p.Resource
		return nil
	case "resource":
		run.isInline = true
		if p.Resource == nil && p.String != nil {
			p.Resource = json.RawMessage(*p.String)
		}
		if !json.Valid(p.Resource) {
			return badView(at, "a resource is expected, or one as JSON in valueString", "")
		}
		run.inline = append(run.inline, p.Resource)
		return nil
	}
	if !given {
		return badView(at, "a value is missing, or of another type than the parameter has", "")
	}
	return run.set(p.Name, value)
}

// set sets a parameter that is a word.
func (run *viewRun) set(name, value string) error {
	switch name {
	case "_format":
		run.format = value
	case "_limit":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return badParameter("_limit", "a number of rows, from 0")
		}
		run.limit = n
	case "header":
		on, err := strconv.ParseBool(value)
		if err != nil {
			return badParameter("header", "true or false")
		}
		run.noHeader = !on
	case "patient":
		id := strings.TrimPrefix(value, "Patient/")
		if !logicalID.MatchString(id) {
			return badParameter("patient", "an id, as in Patient/123")
		}
		if !slices.Contains(run.source.Patients, id) {
			run.source.Patients = append(run.source.Patients, id)
		}
	case "_since":
		t, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, " ", "+"))
		if err != nil {
			return badParameter("_since", "an instant, as in 2024-05-01T12:00:00Z")
		}
		run.source.Since = t
	default:
		return &Fault{Status: http.StatusBadRequest, Code: "not-supported", Path: name, Detail: "this parameter is not understood",
			Hint: "there are viewResource, resource, _format, _limit, header, patient and _since"}
	}
	return nil
}

// viewAnswer holds rows back until it is on record whose they are.
type viewAnswer struct {
	ctx     context.Context
	c       *call
	media   string
	begun   bool
	named   map[string]bool // patients on record already, of late
	pending []auth.Entry
	last    string
}

// mostNamed bounds how many patients are remembered; one who comes again after that
// is on record twice.
const mostNamed = 1 << 16

// about says whose rows come next.
func (a *viewAnswer) about(patient string) {
	a.last = ""
	if patient == "" || a.named[patient] {
		return
	}
	if len(a.named) >= mostNamed {
		clear(a.named)
	}
	a.last, a.named[patient] = patient, true
	a.pending = append(a.pending, a.c.entry(auth.ActionRead, patient, "", http.StatusOK))
}

// forget takes back the last name: the resource gave no row.
func (a *viewAnswer) forget() {
	if a.last != "" && len(a.pending) > 0 {
		delete(a.named, a.last)
		a.pending = a.pending[:len(a.pending)-1]
	}
	a.last = ""
}

// Write records whose rows these are and sends them.
func (a *viewAnswer) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(a.pending) > 0 {
		if err := a.c.audit(a.ctx, a.pending...); err != nil {
			return 0, err
		}
		a.pending, a.last = a.pending[:0], ""
	}
	if !a.begun {
		a.begun = true
		a.c.w.Header()["Content-Type"] = []string{a.media}
		a.c.w.WriteHeader(http.StatusOK)
	}
	return len(b), a.c.tell(string(b))
}

// end records that all of it left.
func (a *viewAnswer) end() error {
	if err := a.c.audit(a.ctx, a.c.entry(auth.ActionRead, "", "ViewDefinition/$run", http.StatusOK)); err != nil {
		return err
	}
	if !a.begun {
		a.c.w.Header()["Content-Type"] = []string{a.media}
		a.c.w.WriteHeader(http.StatusOK)
		a.c.w.WriteHeaderNow()
	}
	return nil
}
