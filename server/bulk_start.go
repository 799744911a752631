package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"ember/bulk"
	"ember/fhir"
	"ember/search"
	"ember/server/auth"
)

// exportOf is the kick-off of an export at a level.
func (s *Server) exportOf(level bulk.Level) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		prefer, err := c.async()
		if err != nil {
			return err
		}
		k := kickOff{lenient: prefer["handling=lenient"], e: bulk.Export{Level: level, Base: c.base() + "/"}}
		if level == bulk.Group {
			if k.e.Group, err = c.idParam(); err != nil {
				return err
			}
			if err := s.deps.Bulk.HasGroup(ctx, k.e.Group); err != nil {
				return bulkFault(err)
			}
		}
		if err := k.read(c); err != nil {
			return err
		}
		if err := c.exportable(ctx, &k.e); err != nil {
			return err
		}
		what := strings.TrimPrefix(c.r.URL.Path, "/fhir/")
		if k.e.Mode != "" {
			what += "?deid=" + k.e.Mode
		}
		return c.startBulk(ctx, what, bulk.Job{Export: &k.e})
	}
}

// async reads Prefer, which must ask for an answer later; its parts are in lower case.
func (c *call) async() (map[string]bool, error) {
	if err := c.accept(fhirJSON); err != nil {
		return nil, err
	}
	prefer := map[string]bool{}
	for _, h := range c.r.Header.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(h, func(r rune) bool { return r == ',' || r == ';' }) {
			prefer[strings.ToLower(strings.TrimSpace(part))] = true
		}
	}
	if !prefer["respond-async"] {
		return nil, &Fault{Status: http.StatusBadRequest, Code: "required", Path: "Prefer", Detail: "this answers later only", Hint: "send the header Prefer: respond-async"}
	}
	return prefer, nil
}

// exportable bounds an export by what the caller may see, and looks for who is named.
func (c *call) exportable(ctx context.Context, e *bulk.Export) error {
	if c.who.Limited() {
		e.Scope, e.Limited = c.who.Patients, true
	}
	if err := c.exportScoped(ctx, e); err != nil {
		return err
	}
	for _, id := range e.Patients {
		if err := c.seePatient(ctx, id); err != nil {
			return err
		}
		if _, err := c.s.deps.Resources.Read(ctx, "Patient", id, 0, true); err != nil {
			if errors.Is(err, ErrNotFound) || errors.Is(err, ErrGone) {
				return &Fault{Status: http.StatusNotFound, Code: "not-found", Path: "patient", Detail: "one of the patients is not there", Hint: "name patients that are stored here"}
			}
			return err
		}
	}
	return nil
}

// startBulk keeps a job, and says where it is.
func (c *call) startBulk(ctx context.Context, what string, j bulk.Job) error {
	action := auth.ActionExport
	if j.Import != nil {
		action = auth.ActionImport
	}
	e := c.entry(action, "", what, 0)
	e.Outcome = auth.Begun
	if err := c.audit(ctx, e); err != nil {
		return err
	}
	j.Principal, j.URL = c.who.Name, c.origin()+c.r.URL.RequestURI()
	j, err := c.s.deps.Bulk.Start(j)
	if err != nil {
		return bulkFault(err)
	}
	c.w.Header()["Content-Location"] = []string{c.origin() + bulkPath + j.ID}
	return c.sendOutcome(http.StatusAccepted, []Issue{{Severity: "information", Code: "informational", Detail: "it has begun; ask at the address in Content-Location"}})
}

// origin is the address of the server as the client reached it.
func (c *call) origin() string { return strings.TrimSuffix(c.base(), "/fhir") }

// kickOff is an export in the making.
type kickOff struct {
	e       bulk.Export
	lenient bool
	types   map[string]bool
}

// read takes the parameters of the query and of the body.
func (k *kickOff) read(c *call) error {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return badParameter("the query", "NAME=VALUE joined by &")
	}
	for name, values := range q {
		for _, v := range values {
			if err := k.set(name, v); err != nil {
				return err
			}
		}
	}
	if c.r.Method == http.MethodPost {
		if err := k.body(c); err != nil {
			return err
		}
	}
	return k.check()
}

// body takes Parameters, or a form; an empty body says nothing.
func (k *kickOff) body(c *call) error {
	body, err := c.body(c.s.opt.Limits.BodyBytes)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil || len(strings.TrimSpace(string(b))) == 0 {
		return err
	}
	if media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err == nil && media == "application/x-www-form-urlencoded" {
		return &Fault{Status: http.StatusUnsupportedMediaType, Code: "not-supported", Detail: "a form is not understood", Hint: "send a Parameters resource as " + fhirJSON}
	}
	p, err := parameterList(b)
	if err != nil {
		return err
	}
	for _, one := range p {
		v, ok := one.text()
		if !ok {
			return badParameter("Parameters.parameter", "a value of the type that the parameter has")
		}
		if err := k.set(one.Name, v); err != nil {
			return err
		}
	}
	return nil
}

// unsupported are parameters of the specification, and of its next version, that say
// nothing here.
const unsupported = " includeAssociatedData organizeOutputBy allowPartialManifests "

// set takes one parameter.
func (k *kickOff) set(name, value string) (err error) {
	if value == "" {
		return nil
	}
	switch name {
	case "_outputFormat":
		switch strings.ReplaceAll(value, " ", "+") { // an unescaped + in a query
		case "application/fhir+ndjson", "application/ndjson", "ndjson":
			return nil
		}
		return badParameter(name, "application/fhir+ndjson, application/ndjson or ndjson")
	case "_since":
		k.e.Since, err = instant(name, value)
		return err
	case "_until":
		k.e.Until, err = instant(name, value)
		return err
	case "_type":
		return k.typeNames(value)
	case "_typeFilter":
		return k.filter(value)
	case "_elements":
		return k.elements(value)
	case "deid":
		return k.mode(value)
	case "patient":
		return k.patient(value)
	case "_format", "_pretty":
		return nil
	}
	if k.lenient {
		return nil
	}
	detail := "this parameter is not understood"
	if strings.Contains(unsupported, " "+name+" ") {
		detail = "this parameter is not supported"
	}
	return &Fault{Status: http.StatusBadRequest, Code: "not-supported", Path: safeName(name), Detail: detail,
		Hint: "leave it out, or send Prefer: respond-async, handling=lenient; there are _outputFormat, _since, _until, _type, _typeFilter, _elements, patient and deid"}
}

func instant(name, value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, " ", "+"))
	if err == nil {
		return t, nil
	}
	if first, _, ok := interval(value); ok { // a date stands for its beginning
		return time.UnixMilli(first).UTC(), nil
	}
	return t, badParameter(name, "an instant, as in 2024-05-01T12:00:00Z")
}

func (k *kickOff) typeNames(value string) error {
	if k.types == nil { // also where no name is known: then nothing is wanted, not all
		k.types = map[string]bool{}
	}
	for typ := range strings.SplitSeq(value, ",") {
		typ = strings.TrimSpace(typ)
		switch known := typeName.MatchString(typ) && fhir.IsType(typ); {
		case !known && k.lenient:
			continue
		case !typeName.MatchString(typ):
			return badParameter("_type", "names of types by commas, as in Condition,Observation")
		case !known:
			return &Fault{Status: http.StatusBadRequest, Code: "value", Path: "_type", Detail: typ + " is no type of resources in FHIR R4",
				Hint: "leave it out, or send Prefer: respond-async, handling=lenient to have it ignored"}
		}
		if !k.types[typ] {
			k.types[typ] = true
			k.e.Types = append(k.e.Types, typ)
		}
	}
	return nil
}

// filterStart is where another filter begins after a comma.
var filterStart = regexp.MustCompile(`,[A-Z][A-Za-z]+\?`)

func (k *kickOff) filter(value string) error {
	for value != "" {
		one := value
		if at := filterStart.FindStringIndex(value); at != nil {
			one, value = value[:at[0]], value[at[0]+1:]
		} else {
			value = ""
		}
		q, err := bulk.ParseFilter(one)
		if err == nil && len(q.Ignored) > 0 && !k.lenient {
			err = &search.Error{Code: "not-supported", Param: "_typeFilter", Detail: "a parameter in it is not known for the type", Hint: "/fhir/metadata lists what is known"}
		}
		if err == nil && !q.Selective() { // nothing of it was understood
			continue
		}
		if err != nil {
			return err
		}
		k.e.Filters = append(k.e.Filters, one)
	}
	return nil
}

var elementName = regexp.MustCompile(`^([A-Z][A-Za-z]{1,63}\.)?[a-z][A-Za-z0-9]{0,63}$`)

func (k *kickOff) elements(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if !elementName.MatchString(name) {
			return badParameter("_elements", "names of elements by commas, as in id,Patient.birthDate")
		}
		k.e.Elements = append(k.e.Elements, name)
	}
	return nil
}

func (k *kickOff) mode(value string) error {
	switch value {
	case "none":
		k.e.Mode = ""
	case "safe-harbor", "shifted":
		k.e.Mode = value
	default:
		return badParameter("deid", "none, safe-harbor or shifted")
	}
	return nil
}

// mostNamedPatients bounds the patients that one export names.
const mostNamedPatients = 10_000

func (k *kickOff) patient(value string) error {
	if k.e.Level == bulk.System {
		return &Fault{Status: http.StatusBadRequest, Code: "not-supported", Path: "patient", Detail: "an export of the system names no patients", Hint: "use /fhir/Patient/$export"}
	}
	for id := range strings.SplitSeq(value, ",") {
		id = strings.TrimPrefix(strings.TrimSpace(id), "Patient/")
		if !logicalID.MatchString(id) || len(k.e.Patients) >= mostNamedPatients {
			return badParameter("patient", "up to 10000 references, as Patient/123")
		}
		k.e.Patients = append(k.e.Patients, id)
	}
	return nil
}

// check holds filters and elements to the types that are wanted.
func (k *kickOff) check() error {
	if len(k.e.Types) == 0 && k.types != nil {
		return badParameter("_type", "a type that there is")
	}
	if k.types == nil || k.lenient {
		return nil
	}
	for _, f := range k.e.Filters {
		if typ, _, _ := strings.Cut(f, "?"); !k.types[typ] {
			return badParameter("_typeFilter", "a type that is in _type too")
		}
	}
	return nil
}

// bulkFault gives an error of bulk data its status.
func bulkFault(err error) error {
	switch {
	case errors.Is(err, bulk.ErrNotFound):
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "not found", Hint: "what came of an export is kept for a while only; begin another"}
	case errors.Is(err, bulk.ErrBusy):
		return &Fault{Status: http.StatusTooManyRequests, Code: "throttled", Detail: "this caller has as many jobs as one may have at once",
			Hint: "wait for one, or end it by DELETE", RetryAfter: 10 * time.Second}
	case errors.Is(err, bulk.ErrUnfinished):
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "this job has no files", Hint: "ask for its status"}
	}
	return err
}
