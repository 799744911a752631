package server

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"ember/aiaas"
	"ember/server/auth"
)

// listed is a model as OpenAI's clients list it, with what we know of it.
type listed struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Owner   string `json:"owned_by"`
	*aiaas.Serving
}

// listModels is GET /v1/models.
func (s *Server) listModels(_ context.Context, c *call) error {
	list := []listed{}
	if s.deps.Models != nil {
		all, err := s.deps.Models.Models()
		if err != nil {
			return err
		}
		for i := range all {
			list = append(list, listed{all[i].Name, "model", all[i].Created.Unix(), "ember", &all[i]})
		}
	}
	for _, name := range s.embeddingModels() {
		list = append(list, listed{ID: name, Object: "model", Owner: "ember"})
	}
	return c.answer(http.StatusOK, map[string]any{"object": "list", "data": list})
}

func (s *Server) embeddingModels() []string {
	if s.deps.Embedder == nil {
		return nil
	}
	return s.deps.Embedder.EmbeddingModels()
}

// showModel is GET /v1/models/{name} and …/versions/{version}.
func (s *Server) showModel(_ context.Context, c *call) error {
	if name := c.params.ByName("name"); c.params.ByName("version") == "" && slices.Contains(s.embeddingModels(), name) {
		return c.answer(http.StatusOK, listed{ID: name, Object: "model", Owner: "ember"})
	}
	v, err := c.served()
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, listed{v.Name, "model", v.Created.Unix(), "ember", &v})
}

// listVersions is GET /v1/models/{name}/versions.
func (s *Server) listVersions(_ context.Context, c *call) error {
	all, err := s.deps.Models.Versions(c.params.ByName("name"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, map[string]any{"versions": all})
}

// evaluation, card and export are what is known of a version.
func (s *Server) evaluation(_ context.Context, c *call) error {
	r, err := s.deps.Models.Evaluation(c.params.ByName("name"), c.params.ByName("version"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, r)
}

// card is Markdown, or, for browsers and with format=html, a page with plots.
func (s *Server) card(_ context.Context, c *call) error {
	write, media := s.deps.Models.Card, "text/markdown; charset=utf-8"
	if c.r.URL.Query().Get("format") == "html" || strings.Contains(c.r.Header.Get("Accept"), "text/html") {
		write, media = s.deps.Models.Page, "text/html; charset=utf-8"
		c.w.Header()["Content-Security-Policy"] = []string{"default-src 'none'; style-src 'unsafe-inline'"}
	}
	b, err := write(c.params.ByName("name"), c.params.ByName("version"))
	if err != nil {
		return err
	}
	c.w.Header()["Vary"] = []string{"Accept"}
	c.send(http.StatusOK, media, b)
	return nil
}

func (s *Server) export(ctx context.Context, c *call) error {
	var b writeBuffer
	name := c.params.ByName("name")
	if err := s.deps.Models.Export(name, c.params.ByName("version"), c.r.URL.Query().Get("format"), &b); err != nil {
		return err
	}
	if err := c.looked(ctx, "Model/"+name); err != nil {
		return err
	}
	c.send(http.StatusOK, "application/octet-stream", b)
	return nil
}

type writeBuffer []byte

func (b *writeBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// change runs a change of what serves, recorded before it is made.
func (c *call) change(ctx context.Context, do func(name string) error) error {
	name := c.params.ByName("name")
	if err := c.changed(ctx, "Model/"+name, http.StatusOK, func() error { return do(name) }); err != nil {
		return err
	}
	if v, err := c.s.deps.Models.Version(name, ""); err == nil {
		return c.answer(http.StatusOK, v)
	}
	c.send(http.StatusNoContent, plainJSON, nil)
	return nil
}

// promote is POST /v1/models/{name}/promote.
func (s *Server) promote(ctx context.Context, c *call) error {
	var q struct {
		Version string `json:"version"`
		Force   bool   `json:"force"`
	}
	if err := c.parse(&q); err != nil {
		return err
	}
	return c.change(ctx, func(name string) error { return s.deps.Models.Promote(name, q.Version, q.Force) })
}

// rollback is POST /v1/models/{name}/rollback.
func (s *Server) rollback(ctx context.Context, c *call) error {
	return c.change(ctx, func(name string) error { return s.deps.Models.Rollback(name) })
}

// dropVersion is DELETE /v1/models/{name}/versions/{version}.
func (s *Server) dropVersion(ctx context.Context, c *call) error {
	return c.change(ctx, func(name string) error { return s.deps.Models.DeleteVersion(name, c.params.ByName("version")) })
}

// shadow is GET, setShadow PUT, endShadow DELETE /v1/models/{name}/shadow.
func (s *Server) shadow(_ context.Context, c *call) error {
	r, err := s.deps.Models.Shadow(c.params.ByName("name"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, r)
}

func (s *Server) setShadow(ctx context.Context, c *call) error {
	var q struct {
		Version string `json:"version"`
	}
	if err := c.parse(&q); err != nil {
		return err
	}
	return s.shadowed(ctx, c, q.Version)
}

func (s *Server) endShadow(ctx context.Context, c *call) error { return s.shadowed(ctx, c, "") }

func (s *Server) shadowed(ctx context.Context, c *call, version string) error {
	return c.change(ctx, func(name string) error { return s.deps.Models.SetShadow(name, version) })
}

// parse reads a small JSON body; unknown names are refused.
func (c *call) parse(into any) error {
	r, err := c.body(1 << 20)
	if err != nil {
		return err
	}
	defer r.Close()
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is not what this takes: " + strings.TrimPrefix(unnamed(err), "json: ")}
	}
	return nil
}

// unnamed is a JSON fault; an unknown name is told, a value is not.
func unnamed(err error) string {
	if text := err.Error(); strings.HasPrefix(text, "json: unknown field ") {
		return text
	}
	return jsonFault(err)
}

// predicted is one sample's answer.
type predicted struct {
	Probabilities map[string]float64 `json:"probabilities,omitempty"`
	Labels        []string           `json:"labels,omitempty"`
	Value         *float64           `json:"value,omitempty"`
	Explanation   *aiaas.Explanation `json:"explanation,omitempty"`
}

// mostExplained bounds the samples explained in one call.
const mostExplained = 16

// predict is POST /v1/models/{name}/predict: a file in, an answer a sample out.
func (s *Server) predict(ctx context.Context, c *call) error {
	query := c.r.URL.Query()
	name, version := c.params.ByName("name"), query.Get("version")
	body, err := c.body(s.opt.Limits.BodyBytes)
	if err != nil {
		return err
	}
	defer body.Close()
	d, err := s.deps.Models.ReadInput(ctx, name, version, fileName(c.r), body)
	if err != nil {
		return err
	}
	p, err := s.deps.Models.Predict(ctx, name, version, d)
	if err != nil {
		return err
	}
	all := make([]predicted, d.Len())
	for i := range all {
		all[i] = sampleOf(p, i)
	}
	explained := 0
	if class := query.Get("explain"); class != "" {
		if class == "top" {
			class = ""
		}
		explained = min(len(all), mostExplained)
		for i := range all[:explained] {
			e, err := s.deps.Models.Explain(ctx, name, version, d, i, class)
			if err != nil {
				return err
			}
			all[i].Explanation = &e
		}
	}
	if err := c.audit(ctx, c.entry(auth.ActionPredict, "", "Model/"+name, http.StatusOK)); err != nil {
		return err
	}
	return c.answer(http.StatusOK, map[string]any{"model": p.Model, "predictions": all, "explained": explained})
}

func sampleOf(p aiaas.Prediction, i int) predicted {
	values := p.Values[i*p.Outputs : (i+1)*p.Outputs]
	if len(p.Model.Classes) == 0 {
		v := float64(values[0])
		return predicted{Value: &v}
	}
	out := predicted{Probabilities: map[string]float64{}, Labels: p.Labels[i]}
	for k, class := range p.Model.Classes {
		out.Probabilities[class] = float64(values[k])
	}
	return out
}

// fileName is what a body is called: ?file=, or what its header says, or what its
// media type suggests.
func fileName(r *http.Request) string {
	if name := r.URL.Query().Get("file"); name != "" {
		return name
	}
	if _, says, err := mime.ParseMediaType(r.Header.Get("Content-Disposition")); err == nil && says["filename"] != "" {
		return path.Base(strings.ReplaceAll(says["filename"], `\`, "/"))
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "body"
	}
	for _, t := range [...][2]string{{"text/csv", ".csv"}, {"ndjson", ".ndjson"}, {"jsonl", ".ndjson"}, {"image/png", ".png"}, {"image/jpeg", ".jpg"},
		{"application/dicom", ".dcm"}, {"application/zip", ".zip"}} {
		if strings.Contains(media, t[0]) {
			return "body" + t[1]
		}
	}
	return "body"
}

var _ io.Writer = (*writeBuffer)(nil)
