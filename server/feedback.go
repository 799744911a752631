package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"ember/recommender"
	"ember/recommender/feedback"
	"ember/server/auth"
)

// Feedback keeps answers that were shown to a person and what was done with them.
type Feedback interface {
	// Keep keeps an answer before it is shown.
	Keep(ctx context.Context, a feedback.Answer) error
	// Find returns a kept answer, or ErrNotFound.
	Find(ctx context.Context, id string) (feedback.Answer, error)
	// Respond notes what was done with a kept answer, durably when it returns.
	Respond(ctx context.Context, id string, at time.Time, responses []feedback.Response) error
}

// keep keeps what was shown, under the answer's id, before it is sent.
func (c *call) keep(ctx context.Context, id string, on about, a *recommender.Answer) error {
	if a.Shown == nil {
		return nil
	}
	a.Shown.ID, a.Shown.Patient = id, on.patient
	return c.s.deps.Feedback.Keep(ctx, *a.Shown)
}

// respond is POST /v1/feedback: what was done with an answer that was asked for
// with feedback=true. Items of which nothing is said were ignored.
func (s *Server) respond(ctx context.Context, c *call) error {
	if s.deps.Feedback == nil {
		return ErrNotFound
	}
	var q struct {
		Answer string `json:"answer"`
		Items  []struct {
			Code struct {
				System  string `json:"system"`
				Code    string `json:"code"`
				Display string `json:"display"` // let pass: items have one
			} `json:"code"`
			Outcome feedback.Outcome `json:"outcome"`
			Reason  string           `json:"reason"`
		} `json:"items"`
	}
	if err := c.parse(&q); err != nil {
		return err
	}
	responses := make([]feedback.Response, len(q.Items))
	for i, x := range q.Items {
		responses[i] = feedback.Response{System: x.Code.System, Code: x.Code.Code, Outcome: x.Outcome, Reason: x.Reason}
	}
	shown, err := s.deps.Feedback.Find(ctx, q.Answer)
	if err == nil {
		err = c.seePatient(ctx, shown.Patient)
	}
	if err != nil {
		return err
	}
	entry := c.entry(auth.ActionRecommend, shown.Patient, "Feedback/"+q.Answer, http.StatusOK)
	if err := c.audit(ctx, entry); err != nil {
		return err
	}
	if err := s.deps.Feedback.Respond(ctx, q.Answer, c.begun, responses); err != nil {
		return err
	}
	for _, r := range responses {
		s.metrics.feedback.WithLabelValues(shown.Want, string(r.Outcome), r.Reason).Inc()
	}
	return c.sendJSON(http.StatusOK, map[string]any{"answer": q.Answer, "responded": c.begun.UTC().Format(time.RFC3339)})
}

// feedbackFault is what a response is refused with, nil for other errors.
func feedbackFault(err error) *Fault {
	switch {
	case errors.Is(err, feedback.ErrNotShown):
		return &Fault{Status: http.StatusUnprocessableEntity, Code: "value", Path: "items", Detail: "an item is not one that the answer showed",
			Hint: "send system and code of the answer's items as they were"}
	case errors.Is(err, feedback.ErrResponse):
		return &Fault{Status: http.StatusUnprocessableEntity, Code: "value", Path: "items", Detail: "an outcome or a reason is not understood",
			Hint: "outcome is accepted, overridden or ignored; reason, of what is overridden, is a code: the description at /openapi.json lists them"}
	}
	return nil
}

// learned is GET /v1/recommender/feedback: what feedback taught the version that
// answers. Orders shown fewer times than may be told are left out.
func (s *Server) learned(_ context.Context, c *call) error {
	l, err := s.deps.Recommender.Learned()
	if err != nil {
		return err
	}
	type order struct {
		Want       string  `json:"want"`
		Kind       string  `json:"kind"`
		System     string  `json:"system"`
		Code       string  `json:"code"`
		Preference float64 `json:"preference"`
		Shown      int     `json:"shown"`
	}
	orders := []order{}
	for _, p := range l.Preferences {
		if p.Shown >= fewest {
			orders = append(orders, order{p.Want, p.Kind.String(), p.Code.System, p.Code.Value, p.Shift, p.Shown})
		}
	}
	return c.sendJSON(http.StatusOK, map[string]any{
		"answers": l.Answers, "accepted": l.Accepted, "overridden": l.Overridden, "ignored": l.Ignored,
		"acceptedPerList": estimate{l.Value.Value, l.Value.Low, l.Value.High}, "gain": estimate{l.Gain.Value, l.Gain.Low, l.Gain.High}, "believed": l.Believed, "orders": orders,
	})
}

// estimate is a value with its 95 % interval.
type estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// parseFeedback reads feedback=true: the answer will be shown, and responded to.
func parseFeedback(text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	wanted, err := strconv.ParseBool(text)
	if err != nil {
		return false, badParameter("feedback", "true when the answer is shown to a person who will say what they did with it")
	}
	return wanted, nil
}
