package server

import (
	"context"
	"net/http"
	"time"

	"ember/fhir"
	"ember/recommender"
)

// recommenderCard is GET /v1/recommender/card: the model card of what answers, as
// Markdown, JSON or a FHIR Library.
func (s *Server) recommenderCard(_ context.Context, c *call) error {
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
		b, err := fhir.ModelCard(card.Name, card.Version, card.Made.UTC().Format(time.RFC3339), recommender.IntendedUse, card.Markdown())
		if err != nil {
			return err
		}
		c.send(http.StatusOK, fhirJSON, b)
	default:
		return &Fault{Status: http.StatusBadRequest, Code: "invalid", Detail: "format is none of markdown, json and fhir", Path: "format"}
	}
	return nil
}
