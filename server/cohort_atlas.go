package server

import (
	"context"
	"encoding/json"
	"net/http"

	"ember/cohort"
	"ember/cohort/circe"
	"ember/record"
	"ember/server/auth"
)

// CohortCoder knows the codes that a name stands for.
type CohortCoder interface {
	// CodesOf are the codes that an event asks for, by the short names of their systems.
	CodesOf(e cohort.Event) []record.Code
	// Check finds what cannot be used in a definition; a [*cohort.Error].
	Check(c cohort.Criterion) error
	// IsUCUM reports whether a unit is written as UCUM writes it.
	IsUCUM(unit string) bool
}

// atlasRoutes exchange definitions with OHDSI's ATLAS.
func (s *Server) atlasRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/cohorts/from-atlas", auth.Cohorts, false, classAsk, s.cohorts(s.fromATLAS)},
		{http.MethodPost, "/v1/cohorts/to-atlas", auth.Cohorts, false, classAsk, s.cohorts(s.toATLAS)},
	}
}

// fromATLAS is POST /v1/cohorts/from-atlas: a Circe expression as the body.
func (s *Server) fromATLAS(ctx context.Context, c *call) error {
	body, err := c.smallBody()
	if err != nil {
		return err
	}
	criterion, left, err := circe.Read(body)
	if err != nil {
		return asSent(err)
	}
	out := map[string]any{"text": cohort.Print(criterion), "left": leftOf(left)}
	if out["text"] != "" {
		definition, err := cohort.Encode(criterion)
		if err != nil {
			return err
		}
		out["definition"] = json.RawMessage(definition)
	}
	if err := c.looked(ctx, ""); err != nil {
		return err
	}
	return c.answer(http.StatusOK, out)
}

func leftOf(left []circe.Left) []circe.Left {
	if left == nil {
		return []circe.Left{}
	}
	return left
}

// toATLAS is POST /v1/cohorts/to-atlas: a definition as for count.
func (s *Server) toATLAS(ctx context.Context, c *call) error {
	_, asked, err := c.definition()
	if err != nil {
		return err
	}
	if err := s.deps.Cohorts.Check(asked.Criterion); err != nil {
		return asSent(err)
	}
	expression, left, err := circe.Write(asked.Criterion, func(e cohort.Event) (all []circe.Code) {
		for _, code := range s.deps.Cohorts.CodesOf(e) {
			all = append(all, circe.Code{System: code.System, Value: code.Value, Display: code.Display})
		}
		return all
	})
	if err != nil {
		return err
	}
	if err := c.looked(ctx, ""); err != nil {
		return err
	}
	return c.answer(http.StatusOK, map[string]any{"expression": expression, "left": leftOf(left)})
}
