package server

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ember/aiaas"
	"ember/server/auth"
)

// serverInfo is GET /v2.
func (s *Server) serverInfo(_ context.Context, c *call) error {
	return c.answer(http.StatusOK, map[string]any{"name": "ember", "version": "1", "extensions": []string{"binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"}})
}

// liveness and readiness are GET /v2/health/live and /v2/health/ready.
func (s *Server) liveness(_ context.Context, c *call) error {
	c.send(http.StatusOK, plainJSON, nil)
	return nil
}

func (s *Server) readiness(ctx context.Context, c *call) error {
	if !s.deps.Health.State(ctx).Open || s.stop.Load() {
		return ErrUnready
	}
	return s.liveness(ctx, c)
}

// served is the version that a path names.
func (c *call) served() (aiaas.Serving, error) {
	return c.s.deps.Models.Version(c.params.ByName("name"), c.params.ByName("version"))
}

type tensorInfo struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

// modelMetadata is GET /v2/models/{name}.
func (s *Server) modelMetadata(_ context.Context, c *call) error {
	v, err := c.served()
	if err != nil {
		return err
	}
	all, err := s.deps.Models.Versions(v.Name)
	if err != nil {
		return err
	}
	versions := []string{}
	for _, o := range all {
		versions = append(versions, o.Version)
	}
	slices.Reverse(versions)
	in, out := tensorsOf(v)
	return c.answer(http.StatusOK, map[string]any{"name": v.Name, "versions": versions, "platform": "ember_" + v.Family, "inputs": in, "outputs": out})
}

// tensorsOf are a model's inputs and outputs; the first dimension is the samples.
func tensorsOf(v aiaas.Serving) (in, out []tensorInfo) {
	for _, i := range v.Inputs {
		in = append(in, tensorInfo{i.Name, i.Datatype, append([]int{-1}, i.Shape...)})
	}
	if len(v.Classes) == 0 {
		return in, []tensorInfo{{"value", aiaas.FP32, []int{-1}}}
	}
	return in, []tensorInfo{{"probabilities", aiaas.FP32, []int{-1, len(v.Classes)}}, {"label", aiaas.Bytes, []int{-1}}}
}

// modelReady is GET /v2/models/{name}/ready.
func (s *Server) modelReady(ctx context.Context, c *call) error {
	if _, err := c.served(); err != nil {
		return err
	}
	return s.liveness(ctx, c)
}

// modelConfig is GET /v2/models/{name}/config, which Triton's clients ask.
func (s *Server) modelConfig(_ context.Context, c *call) error {
	v, err := c.served()
	if err != nil {
		return err
	}
	type io struct {
		Name     string `json:"name"`
		DataType string `json:"data_type"`
		Dims     []int  `json:"dims"`
	}
	list := func(from []tensorInfo) (all []io) {
		for _, t := range from {
			typ := "TYPE_" + t.Datatype
			if t.Datatype == aiaas.Bytes {
				typ = "TYPE_STRING"
			}
			all = append(all, io{t.Name, typ, append([]int{}, t.Shape[1:]...)})
		}
		return all
	}
	in, out := tensorsOf(v)
	return c.answer(http.StatusOK, map[string]any{"name": v.Name, "platform": "ember_" + v.Family, "backend": "ember", "max_batch_size": 65536,
		"input": list(in), "output": list(out), "version_policy": map[string]any{"latest": map[string]any{"num_versions": 1}}})
}

// repository is POST /v2/repository/index.
func (s *Server) repository(_ context.Context, c *call) error {
	if body, err := c.readBody(); err != nil {
		return err
	} else if b := bytes.TrimSpace(body); len(b) > 0 && b[0] != '{' {
		return &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is no JSON object", Hint: "send {} or nothing"}
	}
	all, err := s.deps.Models.Models()
	if err != nil {
		return err
	}
	list := []map[string]string{}
	for _, v := range all {
		state, reason := "READY", ""
		if !v.Serves {
			state, reason = "UNAVAILABLE", "no version serves"
		}
		list = append(list, map[string]string{"name": v.Name, "version": v.Version, "state": state, "reason": reason})
	}
	return c.answer(http.StatusOK, list)
}

// infer is POST /v2/models/{name}/infer.
func (s *Server) infer(ctx context.Context, c *call) error {
	times := inferTimes{begun: c.begun, turn: s.deps.Clock()}
	body, err := c.inferBody()
	if err != nil {
		return err
	}
	head := -1
	if h := c.r.Header.Get("Inference-Header-Content-Length"); h != "" {
		if head, err = strconv.Atoi(h); err != nil || head < 0 {
			return &Fault{Status: http.StatusBadRequest, Code: "value", Detail: "Inference-Header-Content-Length is no length"}
		}
	}
	q, in, err := parseInfer(body, head)
	if err != nil {
		return err
	}
	times.read = s.deps.Clock()
	v, out, err := s.deps.Models.Infer(ctx, c.params.ByName("name"), c.params.ByName("version"), in)
	times.asked = s.deps.Clock()
	if err == nil {
		err = c.inferred(ctx, q, v, out)
	}
	s.inferences.count(v, times, s.deps.Clock(), samplesOf(out), err)
	return err
}

func samplesOf(out []aiaas.Tensor) int {
	if len(out) == 0 || len(out[0].Shape) == 0 {
		return 0
	}
	return out[0].Shape[0]
}

// inferred answers with the outputs that were asked for.
func (c *call) inferred(ctx context.Context, q inferRequest, v aiaas.Serving, out []aiaas.Tensor) error {
	out, err := q.asked(v, out)
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.entry(auth.ActionPredict, "", "Model/"+v.Name, http.StatusOK)); err != nil {
		return err
	}
	return c.sendInfer(q, v, out)
}

// inferBody is the whole body; the clients of this protocol compress by deflate
// too, which is zlib's form.
func (c *call) inferBody() ([]byte, error) {
	if !strings.EqualFold(c.r.Header.Get("Content-Encoding"), "deflate") {
		return c.readBody()
	}
	c.r.Header.Del("Content-Encoding")
	packed, err := c.readBody()
	if err != nil {
		return nil, err
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is not whole deflate"}
	}
	b, err := io.ReadAll(io.LimitReader(z, c.s.opt.Limits.BodyBytes+1))
	switch {
	case err != nil:
		return nil, &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is not whole deflate"}
	case int64(len(b)) > c.s.opt.Limits.BodyBytes:
		return nil, ErrTooLarge
	}
	return b, nil
}

// asked are the outputs that a request names, in its order; all without any.
func (q *inferRequest) asked(v aiaas.Serving, out []aiaas.Tensor) ([]aiaas.Tensor, error) {
	if len(q.Outputs) == 0 {
		return out, nil
	}
	var all []aiaas.Tensor
	for _, o := range q.Outputs {
		i := slices.IndexFunc(out, func(t aiaas.Tensor) bool { return t.Name == o.Name })
		if i < 0 {
			return nil, badTensor(o.Name, "the model has no such output")
		}
		t := out[i]
		if o.Parameters.Classes > 0 && t.Datatype != aiaas.Bytes && len(t.Shape) == 2 {
			t = classified(t, v.Classes, o.Parameters.Classes)
		}
		all = append(all, t)
	}
	return all, nil
}

// classified are the n highest of each row as "value:index:label".
func classified(t aiaas.Tensor, classes []string, n int) aiaas.Tensor {
	rows, m := t.Shape[0], t.Shape[1]
	n = min(n, m)
	out := aiaas.Tensor{Name: t.Name, Datatype: aiaas.Bytes, Shape: []int{rows, n}}
	order := make([]int, m)
	for r := range rows {
		p := t.Floats[r*m : (r+1)*m]
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case p[a] > p[b]:
				return -1
			case p[a] < p[b]:
				return 1
			}
			return a - b
		})
		for _, i := range order[:n] {
			out.Bytes = append(out.Bytes, fmt.Appendf(nil, "%f:%d:%s", p[i], i, classes[i]))
		}
	}
	return out
}

// binary reports whether output i is wanted as bytes behind the JSON.
func (q *inferRequest) binary(i int) bool {
	if i < len(q.Outputs) && q.Outputs[i].Parameters.Binary != nil {
		return *q.Outputs[i].Parameters.Binary
	}
	return q.Parameters.BinaryAll != nil && *q.Parameters.BinaryAll
}

// sendInfer writes the answer, tensors as JSON or as bytes behind it.
func (c *call) sendInfer(q inferRequest, v aiaas.Serving, out []aiaas.Tensor) error {
	type output struct {
		Name       string           `json:"name"`
		Datatype   string           `json:"datatype"`
		Shape      []int            `json:"shape"`
		Parameters *inferParameters `json:"parameters,omitempty"`
		Data       any              `json:"data,omitempty"`
	}
	answer := struct {
		ID      string   `json:"id,omitempty"`
		Name    string   `json:"model_name"`
		Version string   `json:"model_version"`
		Outputs []output `json:"outputs"`
	}{q.ID, v.Name, v.Version, nil}
	var tail []byte
	for i := range out {
		t := &out[i]
		o := output{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
		if q.binary(i) {
			before := len(tail)
			tail = appendTensor(tail, t)
			size := int64(len(tail) - before)
			o.Parameters = &inferParameters{BinarySize: &size}
		} else {
			o.Data = dataOf(t)
		}
		answer.Outputs = append(answer.Outputs, o)
	}
	head, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	media := plainJSON
	if tail != nil {
		media = "application/octet-stream"
		c.w.Header()["Inference-Header-Content-Length"] = []string{strconv.Itoa(len(head))}
	}
	return c.sendPacked(media, append(head, tail...))
}

func appendTensor(b []byte, t *aiaas.Tensor) []byte {
	for _, e := range t.Bytes {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(e))), e...)
	}
	for _, v := range t.Floats {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	return b
}

// sendPacked sends by deflate where only that is asked for, else as [call.send].
func (c *call) sendPacked(media string, body []byte) error {
	accepts := c.r.Header.Get("Accept-Encoding")
	if !strings.Contains(accepts, "deflate") || acceptsGzip(accepts) {
		c.send(http.StatusOK, media, body)
		return nil
	}
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, flate.BestSpeed)
	if err != nil {
		return err
	}
	_, err = z.Write(body)
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	c.w.Header()["Content-Encoding"] = []string{"deflate"}
	c.send(http.StatusOK, media, b.Bytes())
	return nil
}

// answer sends a value as JSON.
func (c *call) answer(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("server: writing an answer: %w", err)
	}
	c.send(status, plainJSON, b)
	return nil
}
