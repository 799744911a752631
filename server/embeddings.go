package server

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"

	"ember/server/auth"
)

// PatientsModel is the embedding model whose inputs are ids of patients.
const PatientsModel = "ember-patients"

// mostInputs bounds the inputs of one call, as OpenAI does.
const mostInputs = 2048

type embeddingRequest struct {
	Input      json.RawMessage `json:"input"`
	Model      string          `json:"model"`
	Format     string          `json:"encoding_format"`
	Dimensions int             `json:"dimensions"`
	User       string          `json:"user"`
}

// embeddings is POST /v1/embeddings, in the form that OpenAI's clients speak.
func (s *Server) embeddings(ctx context.Context, c *call) error {
	if s.deps.Embedder == nil {
		return ErrNotFound
	}
	var q embeddingRequest
	b, err := c.readBody()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &q); err != nil {
		return &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is no JSON of this form: " + jsonFault(err)}
	}
	inputs, err := q.inputs()
	if err != nil {
		return err
	}
	if q.Model == PatientsModel {
		if err := c.patientInputs(ctx, inputs); err != nil {
			return err
		}
	}
	vectors, tokens, err := s.deps.Embedder.Embed(ctx, q.Model, inputs)
	if err != nil {
		return c.notEmbedded(ctx, q.Model, inputs, err)
	}
	data, err := q.data(vectors)
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.embedEntries(q.Model, inputs, http.StatusOK)...); err != nil {
		return err
	}
	return c.answer(http.StatusOK, map[string]any{"object": "list", "data": data, "model": q.Model, "usage": map[string]int{"prompt_tokens": tokens, "total_tokens": tokens}})
}

// inputs are a text, or a list of them.
func (q *embeddingRequest) inputs() ([]string, error) {
	var one string
	if json.Unmarshal(q.Input, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(q.Input, &many); err != nil {
		return nil, &Fault{Status: http.StatusBadRequest, Code: "value", Path: "input", Detail: "input is neither a text nor a list of texts", Hint: "tokens are not taken: send the words"}
	}
	if len(many) == 0 || len(many) > mostInputs {
		return nil, &Fault{Status: http.StatusBadRequest, Code: "value", Path: "input", Detail: "input must hold 1 to 2048 texts"}
	}
	return many, nil
}

// patientInputs refuses ids of patients to who may not read, or not see them.
func (c *call) patientInputs(ctx context.Context, ids []string) error {
	if !c.who.Has(auth.Read) {
		return c.deny(ctx, "", "the right "+auth.Read.String()+" is missing", "give the token this right in the token file")
	}
	for i, id := range ids {
		ids[i] = strings.TrimPrefix(id, "Patient/")
		if err := c.seePatient(ctx, ids[i]); err != nil {
			return err
		}
		if err := c.mayAdvise(ctx, ids[i], true); err != nil {
			return err
		}
	}
	return nil
}

// notEmbedded records whom it was that nothing could be said of.
func (c *call) notEmbedded(ctx context.Context, model string, inputs []string, err error) error {
	if model != PatientsModel {
		return err
	}
	if aerr := c.audit(context.WithoutCancel(ctx), c.embedEntries(model, inputs, faultOf(err).Status)...); aerr != nil {
		return aerr
	}
	return err
}

func (c *call) embedEntries(model string, inputs []string, status int) []auth.Entry {
	if model != PatientsModel {
		return []auth.Entry{c.entry(auth.ActionPredict, "", "Model/"+model, status)}
	}
	var all []auth.Entry
	for _, id := range inputs {
		all = append(all, c.entry(auth.ActionPredict, id, "Model/"+model, status))
	}
	return all
}

// data are the vectors as floats, or as base64 of little-endian float32.
func (q *embeddingRequest) data(vectors [][]float32) ([]map[string]any, error) {
	if q.Format != "" && q.Format != "float" && q.Format != "base64" {
		return nil, &Fault{Status: http.StatusBadRequest, Code: "value", Path: "encoding_format", Detail: "encoding_format is float or base64"}
	}
	all := make([]map[string]any, 0, len(vectors))
	for i, v := range vectors {
		if q.Dimensions < 0 || q.Dimensions > len(v) {
			return nil, &Fault{Status: http.StatusBadRequest, Code: "value", Path: "dimensions", Detail: "dimensions is more than the model has"}
		}
		if q.Dimensions > 0 {
			v = shortened(v, q.Dimensions)
		}
		var e any = v
		if q.Format == "base64" {
			b := make([]byte, 0, 4*len(v))
			for _, x := range v {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
			e = base64.StdEncoding.EncodeToString(b)
		}
		all = append(all, map[string]any{"object": "embedding", "index": i, "embedding": e})
	}
	return all, nil
}

// shortened is the front of a vector with length 1 again.
func shortened(v []float32, n int) []float32 {
	out := append([]float32{}, v[:n]...)
	var square float64
	for _, x := range out {
		square += float64(x) * float64(x)
	}
	if square > 0 {
		for i := range out {
			out[i] /= float32(math.Sqrt(square))
		}
	}
	return out
}

// ErrNoVector: an embedding model has nothing to say of an input.
var ErrNoVector = errors.New("server: nothing is known of an input")
