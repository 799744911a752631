package server

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"ember/fhir"
	"ember/recommender"
	"ember/recommender/safety"
	"ember/record"
	"ember/server/auth"
	"ember/server/cds"
)

// guidanceRoutes are the recommender and the validator as operations of FHIR.
func (s *Server) guidanceRoutes() []route {
	return append(s.validateRoutes(), []route{
		{http.MethodGet, "/fhir/{type}/{id}/$recommend", auth.Recommend, false, classAsk, s.guideStored},
		{http.MethodPost, "/fhir/{type}/{id}/$recommend", auth.Recommend, false, classAsk, s.guideStored},
		{http.MethodPost, "/fhir/$recommend", auth.Recommend, false, classAsk, s.guideGiven},
		{http.MethodGet, "/fhir/{type}/{id}/$apply", auth.Recommend, false, classAsk, s.applyPlan},
		{http.MethodPost, "/fhir/{type}/{id}/$apply", auth.Recommend, false, classAsk, s.applyPlan},
	}...)
}

// guideStored is $recommend of Patient/{id}.
func (s *Server) guideStored(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	if typ != "Patient" {
		return &Fault{Status: http.StatusNotFound, Code: "not-supported", Detail: "this operation is there for patients only", Hint: "GET /fhir/Patient/{id}/$recommend"}
	}
	p, err := c.inputs("")
	if err != nil {
		return err
	}
	return c.guide(ctx, p, func(q question) (asked, error) { return c.askStored(ctx, id, q) })
}

// guideGiven is $recommend of the server: of a patient who is named, or whose data comes
// with the question and is not kept.
func (s *Server) guideGiven(ctx context.Context, c *call) error {
	p, err := c.inputs("data")
	if err != nil {
		return err
	}
	data, given := p.resources["data"]
	subject := p.Get("subject")
	switch {
	case given && subject != "":
		return badParameter("subject", "name a patient, or send their data; not both")
	case given:
		return c.guide(ctx, p, func(q question) (asked, error) { return c.askPosted(ctx, bytes.NewReader(data), q) })
	}
	id, err := subjectID(subject)
	if err != nil {
		return err
	}
	return c.guide(ctx, p, func(q question) (asked, error) { return c.askStored(ctx, id, q) })
}

func subjectID(subject string) (string, error) {
	if subject == "" {
		return "", &Fault{Status: http.StatusBadRequest, Code: "required", Detail: "the parameter subject is missing", Hint: "subject=Patient/123"}
	}
	id := strings.TrimPrefix(subject, "Patient/")
	if !logicalID.MatchString(id) {
		return "", badParameter("subject", "a patient who is on record here, as Patient/123")
	}
	return id, nil
}

// guide answers $recommend with a Bundle.
func (c *call) guide(ctx context.Context, p inputs, ask func(question) (asked, error)) error {
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	if !p.Has("want") {
		p.Set("want", recommender.Treatments.String())
	}
	g, err := c.guidance(ctx, p, ask)
	if err != nil {
		return err
	}
	entries, err := g.Entries(func(part string) string {
		return "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(fhir.RecommendationSystem+":"+g.ID+":"+part)).String()
	})
	if err != nil {
		return err
	}
	next := 0
	var b bytes.Buffer
	err = fhir.BundleResponse(&b, fhir.BundleHead{ID: g.ID, Type: "collection", Total: -1, Timestamp: g.Recorded.UTC().Format(time.RFC3339)}, func() (e fhir.BundleEntry, ok bool) {
		if next == len(entries) {
			return e, false
		}
		next++
		return entries[next-1], true
	})
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b.Bytes())
	return nil
}

// applyPlan is PlanDefinition/{id}/$apply of one of Ember's own plans: a CarePlan.
func (s *Server) applyPlan(ctx context.Context, c *call) error {
	typ, id, err := c.typeAndID()
	if err != nil {
		return err
	}
	want, ok := plans[id]
	if typ != "PlanDefinition" || !ok {
		return &Fault{Status: http.StatusNotFound, Code: "not-supported", Detail: "only the plans of Ember itself can be applied",
			Hint: "PlanDefinition/ember-treatments/$apply?subject=Patient/123, or PlanDefinition/ember-tests"}
	}
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	p, err := c.inputs("")
	if err != nil {
		return err
	}
	patient, err := subjectID(p.Get("subject"))
	if err != nil {
		return err
	}
	p.Set("want", want.String())
	g, err := c.guidance(ctx, p, func(q question) (asked, error) { return c.askStored(ctx, patient, q) })
	if err != nil {
		return err
	}
	b, err := g.CarePlan()
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

// guidance asks the recommender, records that, and keeps what will be responded to.
func (c *call) guidance(ctx context.Context, p inputs, ask func(question) (asked, error)) (*fhir.Guidance, error) {
	q, err := parseQuestion(p.Values, c.begun)
	if err != nil {
		return nil, err
	}
	with, err := ask(q)
	if err != nil {
		return nil, err
	}
	answer, err := c.s.deps.Recommender.Recommend(ctx, with.query)
	if err != nil {
		return nil, err
	}
	if !finite(&answer) {
		return nil, errNotFinite
	}
	with.on.remark(&answer)
	c.s.metrics.answered(q.want, &answer)
	id := answerID(q, with.on, &answer)
	if err := c.audit(ctx, c.entry(auth.ActionRecommend, with.on.patient, "", http.StatusOK)); err != nil {
		return nil, err
	}
	if err := c.keep(ctx, id, with.on, &answer); err != nil {
		return nil, err
	}
	g := c.guidanceOf(id, q, with, &answer)
	g.Software = strings.TrimSpace("Ember " + c.s.deps.Health.State(ctx).Versions["ember"])
	return g, nil
}

// guidanceOf is an answer as it goes into FHIR.
func (c *call) guidanceOf(id string, q question, with asked, a *recommender.Answer) *fhir.Guidance {
	g := &fhir.Guidance{ID: id, Module: c.base() + "/PlanDefinition/" + planOf(q.want) + "|" + a.Model.Version, Title: strings.ToUpper(q.want.String()[:1]) + q.want.String()[1:],
		Subject: "Patient/" + with.on.patient, At: q.at, Recorded: c.begun,
		Model: a.Model.Name, ModelVersion: a.Model.Version, Data: with.on.version, Rules: a.Rules, Checks: a.Checks, IntendedUse: a.IntendedUse, Remarks: a.Unchecked}
	for _, part := range a.Degraded {
		g.Remarks = append(g.Remarks, "answered without a part of the model that failed: "+part)
	}
	for _, issue := range with.on.issues[:min(len(with.on.issues), mostIssues)] {
		g.Remarks = append(g.Remarks, "not used: "+issue.Path+": "+issue.Detail)
	}
	if a.Abstained {
		g.Abstained = a.AbstainReason
	}
	age, known := with.query.Past.Age()
	for i := range a.Items {
		g.Items = append(g.Items, c.guidanceItem(&a.Items[i], known && age >= 18))
	}
	for i := range a.Blocked {
		x := &a.Blocked[i]
		g.Blocked = append(g.Blocked, fhir.GuidanceItem{Kind: x.Kind, Code: x.Code, Status: x.Status, Probability: x.Probability, Findings: guidanceFindings(x.Findings)})
	}
	for _, s := range a.Sets {
		g.Sets = append(g.Sets, fhir.GuidanceSet(s))
	}
	if x := a.Explained; x != nil {
		g.Explained = explainedText(x)
	}
	return g
}

func (c *call) guidanceItem(x *recommender.Item, adult bool) fhir.GuidanceItem {
	item := fhir.GuidanceItem{Kind: x.Kind, Code: x.Code, Status: x.Status, Probability: x.Probability, Findings: guidanceFindings(x.Warnings)}
	if usual, ok := cds.Usual(c.s.deps.Sentences, x, adult); ok {
		item.Dosage, item.Label = usual.Text, usual.Note()
	}
	for _, r := range x.Reasons {
		item.Reasons = append(item.Reasons, fhir.GuidanceReason(r))
	}
	return item
}

func guidanceFindings(findings []safety.Finding) (all []fhir.GuidanceFinding) {
	for i := range findings {
		f := &findings[i]
		all = append(all, fhir.GuidanceFinding{Rule: f.Rule, Tier: f.Tier, Text: f.Text, Citation: f.Source, Assumption: f.Assumption, Sources: f.References})
	}
	return all
}

// explainedText says why one named order is or is not recommended.
func explainedText(x *recommender.Explanation) string {
	name := x.Item.Code.Display
	if name == "" {
		name = x.Item.Code.Value
	}
	text := "About " + name + ": " + x.Outcome
	for _, r := range x.Item.Reasons {
		text += "; " + r.Text
	}
	for i := range x.Blocked {
		text += "; rule " + x.Blocked[i].Rule + ": " + x.Blocked[i].Text
	}
	return text
}

// plans are what Ember's own PlanDefinitions recommend.
var plans = map[string]recommender.Want{"ember-treatments": recommender.Treatments, "ember-tests": recommender.Tests}

func planOf(want recommender.Want) string { return "ember-" + want.String() }

// asked is one question to the recommender, with whom it is about.
type asked struct {
	query recommender.Query
	on    about
}

// askStored asks about a patient on record, up to the last write.
func (c *call) askStored(ctx context.Context, id string, q question) (asked, error) {
	if err := c.seePatient(ctx, id); err != nil {
		return asked{}, err
	}
	if err := c.mayAdvise(ctx, id, false); err != nil {
		return asked{}, err
	}
	chart, err := c.s.deps.Charts.Chart(ctx, id)
	if err != nil {
		return asked{}, err
	}
	var left []string
	chart.Timeline, left = c.admitted(chart.Timeline, id)
	if to := chart.Timeline.Person.ReplacedBy; to != "" {
		return asked{}, c.merged(to)
	}
	a := asked{queryOf(q, chart.Timeline), about{patient: id, version: chart.Version, left: left}}
	if q.live && len(left) == 0 { // what was asked of another time, or for somebody who sees less, is not kept
		a.query.Key, a.query.DataVersion = chart.Key, chart.Version
		if q.feedback && c.s.deps.Feedback != nil {
			a.query.Explore = &recommender.Exploration{}
		}
	} else if q.feedback {
		return asked{}, badParameter("feedback", "only what is asked about now, and rests on all that is known, is shown to somebody who acts on it")
	}
	return a, nil
}

func queryOf(q question, t record.Timeline) recommender.Query {
	return recommender.Query{Past: q.past(t), Want: q.want, Limit: q.limit, Explain: q.explain}
}
