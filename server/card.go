package server

import (
	"context"
	"net/http"
)

// recommenderCard is GET /v1/recommender/card: the model card of what answers, as
// Markdown, JSON or a FHIR Library.
func (s *Server) recommenderCard(ctx context.Context, c *call) error {
	card, err := s.deps.Recommender.Card()
	if err != nil {
		return err
	}
	switch format := c.r.URL.Query().Get("format"); format {
	case "", "markdown":
		c.send(http.StatusOK, "text/markdown; charset=utf-8", []byte(card.Markdown()))
	case "json":
		return c.answer(http.StatusOK, card)
	case "fhir":
		b, err := s.modelLibrary(ctx, c, "")
		if err != nil {
			return err
		}
		c.send(http.StatusOK, fhirJSON, b)
	default:
		return &Fault{Status: http.StatusBadRequest, Code: "invalid", Detail: "format is none of markdown, json and fhir", Path: "format"}
	}
	return nil
}
