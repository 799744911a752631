package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
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
	ask, err := c.askStored(ctx, id, q)
	if err != nil {
		return err
	}
	return c.recommend(ctx, q, ask.query, ask.on)
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
	ask, err := c.askPosted(ctx, body, q)
	if err != nil {
		return err
	}
	return c.recommend(ctx, q, ask.query, ask.on)
}

// askPosted asks about the patient of a Bundle, of whom nothing is kept.
func (c *call) askPosted(ctx context.Context, body io.Reader, q question) (asked, error) {
	if q.feedback {
		return asked{}, badParameter("feedback", "of a patient who is posted nothing is kept")
	}
	hash := sha256.New()
	read := io.TeeReader(body, hash)
	timeline, issues, err := c.s.deps.Bundles.Bundle(ctx, read)
	if err != nil {
		f := faultOf(err)
		f.Issues = append(f.Issues, issues[:min(len(issues), mostIssues)]...)
		return asked{}, f
	}
	if _, err := io.Copy(io.Discard, read); err != nil {
		return asked{}, err
	}
	id := timeline.Person.ID
	if err := c.seePatient(ctx, id); err != nil {
		return asked{}, err
	}
	return asked{queryOf(q, timeline), about{patient: id, version: "posted-" + hex.EncodeToString(hash.Sum(nil)[:8]), issues: issues}}, nil
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
	left    []string // types that the caller may not see, so that it does not rest on them
}

// remark says in an answer what it does not rest on.
func (on *about) remark(a *recommender.Answer) {
	if len(on.left) > 0 {
		a.Unchecked = append(slices.Clip(a.Unchecked), "the token does not allow "+strings.Join(on.left, ", ")+": this was not looked at")
	}
}

// scratches are buffers that answers are written in.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

func (c *call) recommend(ctx context.Context, q question, ask recommender.Query, on about) error {
	answer, err := c.s.deps.Recommender.Recommend(ctx, ask)
	if err != nil {
		return err
	}
	on.remark(&answer)
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
