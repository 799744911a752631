package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"time"

	"ember/fhir"
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
		return merged(to)
	}
	ask := Query{Past: q.past(chart.Timeline), Want: q.want, Limit: q.limit, Explain: q.explain}
	if q.live { // what was asked of another time is not kept
		ask.Key, ask.DataVersion = chart.Key, chart.Version
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
	return c.recommend(ctx, q, Query{Past: q.past(timeline), Want: q.want, Limit: q.limit, Explain: q.explain},
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

func (c *call) recommend(ctx context.Context, q question, ask Query, on about) error {
	answer, err := c.s.deps.Recommender.Recommend(ctx, ask)
	if err != nil {
		return err
	}
	body, tag, err := encodeAnswer(q, on, &answer)
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.entry(auth.ActionRecommend, on.patient, "", http.StatusOK)); err != nil {
		return err
	}
	c.w.Header()["Etag"] = []string{tag}
	if c.r.Method != http.MethodPost && notModified(c.r.Header.Get("If-None-Match"), tag) {
		c.send(http.StatusNotModified, plainJSON, nil)
		return nil
	}
	c.send(http.StatusOK, plainJSON, body)
	return nil
}

// merged refuses to advise on a record that another one replaces: what is
// known of the patient, allergies too, is there.
func merged(to string) error {
	return &Fault{Status: http.StatusConflict, Code: "conflict", Detail: "this patient's record was merged into another",
		Hint: "ask for Patient/" + to}
}

// answerID is the same for the same question about the same data by the same
// model and rules.
func answerID(q question, on about, a *Answer) string {
	h := sha256.New()
	for _, part := range [...]string{on.patient, on.version, q.at.Format(time.RFC3339Nano), q.want.String(), strconv.Itoa(q.limit),
		q.explain.Key(), a.Model.Name, a.Model.Version, a.Rules} {
		_, _ = io.WriteString(h, part)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
