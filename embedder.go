package ember

import (
	"context"
	"errors"
	"strings"

	"ember/embeddings"
	"ember/record"
	"ember/server"
	"ember/timelines"
)

// embedder gives the vectors of the version that serves.
type embedder struct{ *App }

// The embedding models.
const (
	notesModel = "ember-notes"
	codesModel = "ember-codes"
)

// EmbeddingModels implements server.Embedder.
func (e embedder) EmbeddingModels() []string {
	if e.served.embeddings.Load() == nil {
		return nil
	}
	return []string{codesModel, notesModel, server.PatientsModel}
}

// Embed implements server.Embedder.
func (e embedder) Embed(ctx context.Context, name string, inputs []string) (vectors [][]float32, words int, err error) {
	model := e.served.embeddings.Load()
	if model == nil {
		return nil, 0, server.ErrUnready
	}
	one := map[string]func(*embeddings.Model, string) ([]float32, error){notesModel: ofNote, codesModel: ofCode, server.PatientsModel: e.ofPatient}[name]
	if one == nil {
		return nil, 0, server.ErrNotFound
	}
	for _, in := range inputs {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		v, err := one(model, in)
		if err != nil {
			return nil, 0, err
		}
		vectors = append(vectors, v)
		words += len(strings.Fields(in))
	}
	return vectors, words, nil
}

func ofNote(m *embeddings.Model, text string) ([]float32, error) { return some(m.Note(text)) }

// ofCode takes "system|code", or what a code is called.
func ofCode(m *embeddings.Model, text string) ([]float32, error) {
	if system, code, ok := strings.Cut(text, "|"); ok {
		if v, ok := m.Code(record.Code{System: system, Value: code}); ok {
			return v, nil
		}
	}
	return some(m.Text(text))
}

func (e embedder) ofPatient(m *embeddings.Model, id string) ([]float32, error) {
	chart, err := e.ingest.Chart(id)
	if errors.Is(err, timelines.ErrNotFound) {
		return nil, server.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return some(m.Patient(chart.Live(e.config.Now())))
}

// some refuses the vector of nothing.
func some(v []float32) ([]float32, error) {
	for _, x := range v {
		if x != 0 {
			return v, nil
		}
	}
	return nil, server.ErrNoVector
}
