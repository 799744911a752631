package server

import (
	"context"
	"encoding/json"
	"net/http"

	"ember/cohort"
	"ember/cohort/group"
	"ember/server/auth"
)

// groupRoutes exchange definitions as Groups of characteristics.
func (s *Server) groupRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/cohorts/from-group", auth.Cohorts, false, classAsk, s.cohorts(s.fromGroup)},
		{http.MethodPost, "/v1/cohorts/to-group", auth.Cohorts, false, classAsk, s.cohorts(s.toGroup)},
	}
}

// fromGroup is POST /v1/cohorts/from-group: a Group as the body.
func (s *Server) fromGroup(ctx context.Context, c *call) error {
	body, err := c.smallBody()
	if err != nil {
		return err
	}
	criterion, err := group.Read(body)
	if err != nil {
		return asSent(err)
	}
	definition, err := cohort.Encode(criterion)
	if err != nil {
		return err
	}
	if err := c.looked(ctx, ""); err != nil {
		return err
	}
	return c.answer(http.StatusOK, map[string]any{"text": cohort.Print(criterion), "definition": json.RawMessage(definition)})
}

// toGroup is POST /v1/cohorts/to-group: a definition as for count.
func (s *Server) toGroup(ctx context.Context, c *call) error {
	_, asked, err := c.definition()
	if err != nil {
		return err
	}
	if err := s.deps.Cohorts.Check(asked.Criterion); err != nil {
		return asSent(err)
	}
	out, err := group.Write(asked.Criterion, s.deps.Cohorts.IsUCUM)
	if err != nil {
		return asSent(err)
	}
	if err := c.looked(ctx, ""); err != nil {
		return err
	}
	return c.answer(http.StatusOK, out)
}
