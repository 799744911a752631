package server

import (
	"context"
	"errors"
	"net/http"

	"ember/cohort"
)

type ageRowJSON struct {
	MeanA      float64 `json:"meanA"`
	DeviationA float64 `json:"deviationA"`
	MeanB      float64 `json:"meanB"`
	DeviationB float64 `json:"deviationB"`
	Difference float64 `json:"difference"`
}

type rowJSON struct {
	Kind       string    `json:"kind"`
	Label      string    `json:"label"`
	Code       *codeJSON `json:"code,omitempty"`
	A          int       `json:"a"`
	B          int       `json:"b"`
	Difference float64   `json:"difference"`
}

type comparisonJSON struct {
	A    answerJSON  `json:"a"`
	B    answerJSON  `json:"b"`
	Age  *ageRowJSON `json:"age,omitempty"`
	Rows []rowJSON   `json:"rows"`
}

// compareCohorts is POST /v1/cohorts/compare: {"a": …, "b": …}, each as for count.
func (s *Server) compareCohorts(ctx context.Context, c *call) error {
	var q struct {
		A cohortRequest `json:"a"`
		B cohortRequest `json:"b"`
	}
	if err := c.parse(&q); err != nil {
		return err
	}
	a, err := q.A.question(c.begun)
	if err != nil {
		return within("a", err)
	}
	if err := c.naming(&a); err != nil {
		return err
	}
	b, err := q.B.question(c.begun)
	if err != nil {
		return within("b", err)
	}
	if err := c.naming(&b); err != nil {
		return err
	}
	found, err := s.deps.Cohorts.Compare(ctx, c.who.Name, a, b)
	var side *cohort.SideError
	if errors.As(err, &side) {
		return within(side.Side, placed(side.Err, map[string]string{"a": q.A.Text, "b": q.B.Text}[side.Side]))
	}
	if err != nil {
		return err
	}
	if err := c.looked(ctx, ""); err != nil {
		return err
	}
	out := comparisonJSON{A: answerOf(found.A, q.A.Text), B: answerOf(found.B, q.B.Text), Rows: []rowJSON{}}
	if found.Age != nil {
		age := ageRowJSON(*found.Age)
		out.Age = &age
	}
	for _, r := range found.Rows {
		row := rowJSON{Kind: r.Kind, Label: r.Label, A: r.A.Number, B: r.B.Number, Difference: r.Difference}
		if !r.Code.Zero() {
			code := coded(r.Code)
			row.Code = &code
		}
		out.Rows = append(out.Rows, row)
	}
	return c.answer(http.StatusOK, out)
}

// within puts the part of the body that is wrong before the place in it.
func within(part string, err error) error {
	var f *Fault
	if !errors.As(err, &f) {
		return err
	}
	inner := *f
	inner.Path = part + "." + inner.Path
	return &inner
}

var _ Cohorts = (*cohort.Service)(nil)
