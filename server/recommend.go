package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"sync"

	"ember/fhir"
	"ember/recommender"
	"ember/server/auth"
)

// recommendStored is GET /v1/patients/{id}/recommendations: the patient on
// record, up to the last write.
func (s *Server) recommendStored(ctx context.Context, c *call) error {
	id, err := c.idParam()
	if err != nil {
		return err
	}
	q, err := c.question()
	if err != nil {
		return err
	}
	if err := c.seePatient(ctx, id); err != nil {
		return err
	}
	chart, err := s.deps.Charts.Chart(ctx, id)
	if err != nil {
		return err
	}
	if to := chart.Timeline.Person.ReplacedBy; to != "" {
		return c.merged(to)
	}
	ask := recommender.Query{Past: q.past(chart.Timeline), Want: q.want, Limit: q.limit, Explain: q.explain}
	if q.live { // what was asked of another time is not kept
		ask.Key, ask.DataVersion = chart.Key, chart.Version
		if q.feedback && s.deps.Feedback != nil {
			ask.Explore = &recommender.Exploration{}
		}
	} else if q.feedback {
		return badParameter("feedback", "only what is asked about now is shown to somebody who acts on it")
	}
	return c.recommend(ctx, q, ask, about{patient: id, version: chart.Version})
}

// recommendPosted is POST /v1/recommendations: the patient in the body, of
// whom nothing is kept.
func (s *Server) recommendPosted(ctx context.Context, c *call) error {
	q, err := c.question()
	if err != nil {
		return err
	}
	if q.feedback {
		return badParameter("feedback", "of a patient who is posted nothing is kept")
	}
	if _, err := c.form(false); err != nil {
		return err
	}
	body, err := c.body(s.opt.Limits.BodyBytes)
	if err != nil {
		return err
	}
	defer body.Close()
	hash := sha256.New()
	read := io.TeeReader(body, hash)
	timeline, issues, err := s.deps.Bundles.Bundle(ctx, read)
	if err != nil {
		f := faultOf(err)
		f.Issues = append(f.Issues, issues[:min(len(issues), mostIssues)]...)
		return f
	}
	if _, err := io.Copy(io.Discard, read); err != nil {
		return err
	}
	id := timeline.Person.ID
	if err := c.seePatient(ctx, id); err != nil {
		return err
	}
	version := "posted-" + hex.EncodeToString(hash.Sum(nil)[:8])
	return c.recommend(ctx, q, recommender.Query{Past: q.past(timeline), Want: q.want, Limit: q.limit, Explain: q.explain},
		about{patient: id, version: version, issues: issues})
}

// question parses what is asked, before any chart is opened.
func (c *call) question() (question, error) {
	if err := c.accept(plainJSON); err != nil {
		return question{}, err
	}
	return parseQuestion(c.r.URL.Query(), c.begun)
}

// about is whom an answer is about and what it rests on.
type about struct {
	patient string // logical id
	version string // of the patient's data
	issues  []fhir.Issue
}

// scratches are buffers that answers are written in.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

func (c *call) recommend(ctx context.Context, q question, ask recommender.Query, on about) error {
	answer, err := c.s.deps.Recommender.Recommend(ctx, ask)
	if err != nil {
		return err
	}
	c.s.metrics.answered(q.want, &answer)
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	id := answerID(q, on, &answer)
	body, tag, err := appendAnswer((*scratch)[:0], id, q, on, &answer)
	if err != nil {
		return err
	}
	*scratch = body
	if err := c.audit(ctx, c.entry(auth.ActionRecommend, on.patient, "", http.StatusOK)); err != nil {
		return err
	}
	if err := c.keep(ctx, id, on, &answer); err != nil {
		return err
	}
	c.w.Header()["Etag"] = []string{tag}
	if c.r.Method != http.MethodPost && answer.Shown == nil && notModified(c.r.Header.Get("If-None-Match"), tag) {
		c.send(http.StatusNotModified, plainJSON, nil)
		return nil
	}
	c.send(http.StatusOK, plainJSON, body)
	return nil
}

// merged refuses to advise on a record that another one replaces: what is
// known of the patient, allergies too, is there.
func (c *call) merged(to string) error {
	f := &Fault{Status: http.StatusConflict, Code: "conflict", Detail: "this patient's record was merged into another"}
	if c.who.Sees(to) {
		f.Hint = "ask for Patient/" + to
	}
	return f
}
