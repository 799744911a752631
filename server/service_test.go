package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/aiaas"
	"ember/server"
	"ember/server/auth"
)

// shop is a model service in memory with one model, "m".
type shop struct {
	files  []string
	inputs []aiaas.Tensor
	broken bool // what it predicts is not a number
	err    error
}

func (s *shop) serving() aiaas.Serving {
	return aiaas.Serving{Name: "m", Task: "tabular", Version: "2", Family: "linear", Serves: true, Classes: []string{"no", "yes"},
		Inputs: []aiaas.InputInfo{{Name: "age", Kind: "number", Shape: []int{1}, Datatype: aiaas.FP64}}}
}

func (s *shop) of(name string) error {
	if name != "m" {
		return fmt.Errorf("aiaas: %w model", aiaas.ErrNotFound)
	}
	return s.err
}

func (s *shop) PutDataset(_ context.Context, name string, _ aiaas.Schema, next func() (aiaas.File, error)) (aiaas.DatasetInfo, *aiaas.Report, error) {
	for {
		f, err := next()
		if err == io.EOF {
			return aiaas.DatasetInfo{Name: name}, &aiaas.Report{}, s.err
		}
		if err != nil {
			return aiaas.DatasetInfo{}, nil, err
		}
		s.files = append(s.files, f.Name)
		if _, err := io.Copy(io.Discard, f.Body); err != nil {
			return aiaas.DatasetInfo{}, nil, err
		}
	}
}

func (s *shop) Datasets() ([]aiaas.DatasetInfo, error) {
	return []aiaas.DatasetInfo{{Name: "m"}}, s.err
}
func (s *shop) Dataset(name string) (aiaas.DatasetInfo, error) {
	return aiaas.DatasetInfo{Name: name}, s.of(name)
}
func (s *shop) Report(_ context.Context, name string) (*aiaas.Report, error) {
	return &aiaas.Report{Name: name}, s.of(name)
}
func (s *shop) DeleteDataset(name string) error { return s.of(name) }
func (s *shop) Submit(r aiaas.JobRequest) (aiaas.Job, error) {
	return aiaas.Job{ID: "7"}, s.of(r.Dataset)
}
func (s *shop) Jobs() []aiaas.Job                { return []aiaas.Job{{ID: "7"}} }
func (s *shop) Job(string) (aiaas.Job, error)    { return aiaas.Job{ID: "7"}, s.err }
func (s *shop) Cancel(string) error              { return s.err }
func (s *shop) Models() ([]aiaas.Serving, error) { return []aiaas.Serving{s.serving()}, s.err }
func (s *shop) Versions(name string) ([]aiaas.Serving, error) {
	return []aiaas.Serving{s.serving()}, s.of(name)
}
func (s *shop) Version(name, _ string) (aiaas.Serving, error)    { return s.serving(), s.of(name) }
func (s *shop) Evaluation(name, _ string) (*aiaas.Result, error) { return &aiaas.Result{}, s.of(name) }
func (s *shop) Card(name, _ string) ([]byte, error)              { return []byte("# m"), s.of(name) }
func (s *shop) Page(name, _ string) ([]byte, error)              { return []byte("<h1>m</h1>"), s.of(name) }
func (s *shop) Promote(name, _ string, _ bool) error             { return s.of(name) }
func (s *shop) Rollback(name string) error                       { return s.of(name) }
func (s *shop) DeleteVersion(name, _ string) error               { return s.of(name) }
func (s *shop) SetShadow(name, _ string) error                   { return s.of(name) }
func (s *shop) Shadow(name string) (aiaas.ShadowReport, error) {
	return aiaas.ShadowReport{}, s.of(name)
}

func (s *shop) Export(name, _, _ string, w io.Writer) error {
	if err := s.of(name); err != nil {
		return err
	}
	_, err := io.WriteString(w, "network")
	return err
}

func (s *shop) Watch(context.Context, string) iter.Seq2[aiaas.Job, error] {
	return func(yield func(aiaas.Job, error) bool) {
		_ = yield(aiaas.Job{ID: "7", State: aiaas.Running}, nil) && yield(aiaas.Job{ID: "7", State: aiaas.Done}, nil)
	}
}

func (s *shop) Infer(_ context.Context, name, _ string, in []aiaas.Tensor) (aiaas.Serving, []aiaas.Tensor, error) {
	if err := s.of(name); err != nil {
		return aiaas.Serving{}, nil, err
	}
	if s.inputs = in; len(in) == 0 {
		return s.serving(), nil, fmt.Errorf("aiaas: m: the input \"age\" is missing: %w", aiaas.ErrInvalid)
	}
	n := in[0].Shape[0]
	p := aiaas.Tensor{Name: "probabilities", Datatype: aiaas.FP32, Shape: []int{n, 2}}
	label := aiaas.Tensor{Name: "label", Datatype: aiaas.Bytes, Shape: []int{n}}
	for range n {
		no := .25
		if s.broken {
			no = math.NaN()
		}
		p.Floats, label.Bytes = append(p.Floats, no, .75), append(label.Bytes, []byte("yes"))
	}
	return s.serving(), []aiaas.Tensor{p, label}, nil
}

func (s *shop) ReadInput(_ context.Context, name, _, file string, _ io.Reader) (*aiaas.Dataset, error) {
	s.files = append(s.files, file)
	return &aiaas.Dataset{Name: name, Subject: make([]string, 20)}, s.of(name)
}

func (s *shop) Predict(_ context.Context, name, _ string, d *aiaas.Dataset) (aiaas.Prediction, error) {
	p := aiaas.Prediction{Model: s.serving(), Outputs: 2}
	for range d.Len() {
		p.Values, p.Labels = append(p.Values, .25, .75), append(p.Labels, []string{"yes"})
	}
	return p, s.of(name)
}

func (s *shop) Explain(_ context.Context, _, _ string, _ *aiaas.Dataset, _ int, class string) (aiaas.Explanation, error) {
	return aiaas.Explanation{Class: class}, s.err
}

func (s *shop) EmbeddingModels() []string { return []string{"ember-notes", server.PatientsModel} }

func (s *shop) Embed(_ context.Context, model string, inputs []string) (vectors [][]float32, words int, err error) {
	if slices.Contains(inputs, "nobody") {
		return nil, 0, server.ErrNotFound
	}
	for range inputs {
		vectors = append(vectors, []float32{3, 4, 0})
	}
	return vectors, len(inputs), nil
}

// openShop is a server over a model service.
func openShop(t testing.TB, who server.Authenticator) (house, *shop) {
	t.Helper()
	f, log, s := newFake(), new(lockedBuffer), &shop{}
	h, err := server.New(server.Options{}, server.Deps{Loader: f, Writer: f, Resources: f, Charts: f, Bundles: f, Recommender: f, Searcher: f,
		Health: f, Auditor: f, Tokens: who, Clock: func() time.Time { return now }, Log: slog.New(slog.NewJSONHandler(log, nil)),
		Models: s, Embedder: s})
	if err != nil {
		t.Fatal(err)
	}
	return house{f, h, log}, s
}

const oneAge = `{"id":"a","inputs":[{"name":"age","shape":[1],"datatype":"FP64","data":[%s]}]}`

// TestModelAccessesAreRecorded: who looked at a dataset, asked or changed a model,
// and what came of it.
func TestModelAccessesAreRecorded(t *testing.T) {
	for line, c := range map[string]struct{ body, audited string }{
		"GET /v1/datasets":                               {"", "owner models - Dataset 200"},
		"GET /v1/datasets/m":                             {"", "owner models - Dataset/m 200"},
		"GET /v1/datasets/m/report":                      {"", "owner models - Dataset/m 200"},
		"GET /v1/datasets/x":                             {"", "owner models - - 404"},
		"POST /v1/datasets/m?file=a.csv":                 {"a,b", "owner load - Dataset/m begun\nowner load - Dataset/m 201"},
		"DELETE /v1/datasets/m":                          {"", "owner delete - Dataset/m begun\nowner delete - Dataset/m 204"},
		"DELETE /v1/datasets/x":                          {"", "owner delete - Dataset/x begun\nowner delete - Dataset/x 404"},
		"POST /v1/jobs":                                  {`{"model":"m","dataset":"m"}`, "owner models - Dataset/m begun\nowner models - Dataset/m 202"},
		"DELETE /v1/jobs/7":                              {"", "owner delete - Job/7 begun\nowner delete - Job/7 204"},
		"POST /v1/models/m/promote":                      {`{"version":"2"}`, "owner models - Model/m begun\nowner models - Model/m 200"},
		"POST /v1/models/x/promote":                      {`{"version":"2"}`, "owner models - Model/x begun\nowner models - Model/x 404"},
		"GET /v1/models/m/versions/2/export?format=onnx": {"", "owner models - Model/m 200"},
		"POST /v1/models/m/predict?file=a.csv":           {"age\n1\n", "owner predict - Model/m 200"},
		"POST /v2/models/m/infer":                        {fmt.Sprintf(oneAge, "1"), "owner predict - Model/m 200"},
		"POST /v1/embeddings":                            {`{"model":"ember-patients","input":["p1"]}`, "owner predict Patient/p1 Model/ember-patients 200"},
		"POST /v1/embeddings?":                           {`{"model":"ember-patients","input":["nobody"]}`, "owner predict Patient/nobody Model/ember-patients 404"},
	} {
		h, _ := openShop(t, nil)
		w := h.do(line, c.body)
		if got := strings.TrimSpace(h.audited()); got != c.audited {
			t.Errorf("%s (%d): recorded\n%s\nwant\n%s", line, w.Code, got, c.audited)
		}
		h.auditErr = errBroken
		if w := h.do(line, c.body); w.Code != 503 {
			t.Errorf("%s is answered without a record: %d %s", line, w.Code, w.Body)
		}
	}
}

// TestModelRights: asking and making are two rights.
func TestModelRights(t *testing.T) {
	h, _ := openShop(t, tokens{"ask": {Name: "ask", Rights: auth.Predict}, "make": {Name: "make", Rights: auth.Models},
		"one": {Name: "one", Rights: auth.Predict | auth.Read, Patients: []string{"p1"}}, "few": {Name: "few", Rights: auth.All, Patients: []string{"p1"}}})
	patients := func(id string) string { return `{"model":"ember-patients","input":["` + id + `"]}` }
	for _, c := range []struct {
		who, line, body string
		status          int
	}{
		{"ask", "GET /v1/models", "", 200}, {"make", "GET /v1/models", "", 403}, {"ask", "GET /v1/datasets", "", 403}, {"make", "GET /v1/datasets", "", 200},
		{"ask", "POST /v2/models/m/infer", fmt.Sprintf(oneAge, "1"), 200}, {"make", "POST /v2/models/m/infer", fmt.Sprintf(oneAge, "1"), 403},
		{"ask", "POST /v1/models/m/rollback", "", 403}, {"make", "POST /v1/models/m/rollback", "", 200}, {"few", "GET /v1/datasets", "", 403},
		{"ask", "POST /v1/embeddings", `{"model":"ember-notes","input":"x"}`, 200}, {"ask", "POST /v1/embeddings", patients("p1"), 403},
		{"one", "POST /v1/embeddings", patients("p1"), 200}, {"one", "POST /v1/embeddings", patients("Patient/p2"), 403},
		{"ask", "GET /v2/models/m/stats", "", 200}, {"make", "GET /v2/models/m/stats", "", 403},
	} {
		if w := h.do(c.line, c.body, "Authorization: Bearer "+c.who); w.Code != c.status {
			t.Errorf("%s %s %s: %d, want %d: %s", c.who, c.line, c.body, w.Code, c.status, w.Body)
		}
	}
}

// TestInferNumbers: what is no number goes in and out, and what does not fit is named.
func TestInferNumbers(t *testing.T) {
	for data, want := range map[string]string{"NaN": "NaN", "-Infinity": "-Inf", "Infinity": "+Inf", "null": "NaN", "-1.5e3": "-1500"} {
		h, s := openShop(t, nil)
		w := h.do("POST /v2/models/m/infer", fmt.Sprintf(oneAge, data))
		if w.Code != 200 || fmt.Sprint(s.inputs[0].Floats[0]) != want {
			t.Errorf("%s: %d %s", data, w.Code, w.Body)
		}
	}
	h, s := openShop(t, nil)
	s.broken = true
	if w := h.do("POST /v2/models/m/infer", fmt.Sprintf(oneAge, "1")); w.Code != 200 || !strings.Contains(w.Body.String(), `"data":[null,0.75]`) {
		t.Errorf("an answer that is no number: %d %s", w.Code, w.Body)
	}
	h, _ = openShop(t, nil)
	for in, says := range map[string][]string{
		`{"name":"age","shape":[2,3],"datatype":"FP32","data":[[1,2],[3,4],[5,6]]}`: {"age", "[3 2]", "[2 3]"},
		`{"name":"age","shape":[2,2],"datatype":"FP32","data":[[1,2,3],[4]]}`:       {"age", "[2 2]"},
		`{"name":"age","shape":[4],"datatype":"FP32","data":[[1,2],[3,4]]}`:         {"age", "[2 2]", "[4]"},
		`{"name":"age","shape":[3],"datatype":"FP32","data":[1,[2],3]}`:             {"age"},
		`{"name":"age","shape":[1],"datatype":"INT64","data":[1.5]}`:                {"age", "INT64"},
		`{"name":"age","shape":[1],"datatype":"UINT8","data":[256]}`:                {"age", "UINT8"},
		`{"name":"age","shape":[1],"datatype":"INT8","data":[-129]}`:                {"age", "INT8"},
		`{"name":"age","shape":[1],"datatype":"FP32","data":["NaN"]}`:               {"age", "FP32"},
		`{"name":"age","shape":[1],"datatype":"BYTES","data":[NaN]}`:                {},
		`{"name":"age","shape":[1],"datatype":"FP32","data":[NaNo]}`:                {},
		`{"name":"age","shape":[1],"datatype":"FP32","parameters":3,"data":[1]}`:    {},
		`{"name":"age","shape":[1000000],"datatype":"FP32","data":[[[[[[[[[[[1]]]]`: {},
	} {
		w := h.do("POST /v2/models/m/infer", `{"inputs":[`+in+`]}`)
		var fault struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &fault); err != nil || w.Code != 400 || fault.Error == "" {
			t.Errorf("%s: %d %s", in, w.Code, w.Body)
		}
		for _, word := range says {
			if !strings.Contains(fault.Error, word) {
				t.Errorf("%s: %q does not say %s", in, fault.Error, word)
			}
		}
	}
}

// TestTextsAreLeftAlone where numbers beside them had to be mended.
func TestTextsAreLeftAlone(t *testing.T) {
	h, s := openShop(t, nil)
	body := `{"inputs":[{"name":"age","shape":[2],"datatype":"FP64","data":[ NaN , 1]},{"name":"word","shape":[2],"datatype":"BYTES","data":["NaN, \"-Infinity\" ]","NaN"]}]}`
	if w := h.do("POST /v2/models/m/infer", body); w.Code != 200 || fmt.Sprint(s.inputs[0].Floats) != "[NaN 1]" || fmt.Sprintf("%s", s.inputs[1].Bytes) != `[NaN, "-Infinity" ] NaN]` {
		t.Errorf("%d %s: %v", w.Code, w.Body, s.inputs)
	}
}

// TestInferStatistics counts what was answered and what was not.
func TestInferStatistics(t *testing.T) {
	h, s := openShop(t, nil)
	three := `{"inputs":[{"name":"age","shape":[3],"datatype":"FP64","data":[1,2,3]}]}`
	for _, body := range []string{three, fmt.Sprintf(oneAge, "1"), `{"inputs":[]}`} {
		h.do("POST /v2/models/m/infer", body)
	}
	h.do("POST /v2/models/x/infer", three) // there is no such model to count for
	type count struct{ Count, NS uint64 }
	var got struct {
		Models []struct {
			Name, Version string
			Last          int64            `json:"last_inference"`
			Inferences    uint64           `json:"inference_count"`
			Stats         map[string]count `json:"inference_stats"`
		} `json:"model_stats"`
	}
	for _, path := range []string{"/v2/models/stats", "/v2/models/m/stats", "/v2/models/m/versions/2/stats"} {
		w := h.do("GET "+path, "")
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || len(got.Models) != 1 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		m := got.Models[0]
		if m.Name != "m" || m.Version != "2" || m.Inferences != 4 || m.Stats["success"].Count != 2 || m.Stats["fail"].Count != 1 || m.Last != now.UnixMilli() {
			t.Errorf("%s: %+v", path, m)
		}
	}
	if w := h.do("GET /v2/models/x/stats", ""); w.Code != 404 || !strings.HasPrefix(w.Body.String(), `{"error":`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.err = errBroken
	if w := h.do("GET /v2/models/stats", ""); w.Code != 500 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestPathsOfTheProtocolThatAreNone answer as its clients read it.
func TestPathsOfTheProtocolThatAreNone(t *testing.T) {
	h, _ := openShop(t, nil)
	for line, status := range map[string]int{"GET /v2/models/m/trace/setting": 404, "GET /v2/models/m/infer": 405, "GET /v2/": 404} {
		if w := h.do(line, ""); w.Code != status || !strings.HasPrefix(w.Body.String(), `{"error":"`) {
			t.Errorf("%s: %d %s", line, w.Code, w.Body)
		}
	}
	want(t, h.do("GET /v22", ""), 404)
}

// TestJobEvents come as lines, or as events to who asks for them.
func TestJobEvents(t *testing.T) {
	h, _ := openShop(t, nil)
	w := h.do("GET /v1/jobs/7/events", "")
	if lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n"); len(lines) != 2 || !json.Valid([]byte(lines[1])) || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	w = h.do("GET /v1/jobs/7/events", "", "Accept: text/event-stream")
	events := strings.Split(strings.TrimSuffix(w.Body.String(), "\n\n"), "\n\n")
	if w.Header().Get("Content-Type") != "text/event-stream" || len(events) != 2 || !strings.HasPrefix(events[1], "data: {") || strings.Contains(events[1], "\n") {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
}

// TestUploadsAreNamed by the query, else by their header, else by their type.
func TestUploadsAreNamed(t *testing.T) {
	for _, c := range []struct{ query, disposition, want string }{
		{"?file=a.csv", `attachment; filename="b.csv"`, "a.csv"}, {"", `attachment; filename="b.csv"`, "b.csv"}, {"", `attachment; filename="../../b.csv"`, "b.csv"},
		{"", "", "body.csv"}, {"", ";;", "body.csv"},
	} {
		h, s := openShop(t, nil)
		w := h.do("POST /v1/datasets/m"+c.query, "a,b\n1,2\n", "Content-Type: text/csv", "Content-Disposition: "+c.disposition)
		if w.Code != 201 || !slices.Equal(s.files, []string{c.want}) {
			t.Errorf("%+v: %d %v", c, w.Code, s.files)
		}
	}
	h, _ := openShop(t, nil)
	for _, query := range []string{"multi=perhaps", "number=2", "lable=x"} {
		if said := outcome(t, h.do("POST /v1/datasets/m?file=a.csv&"+query, "a,b")); !strings.Contains(said, query[:5]) {
			t.Errorf("%s: %s", query, said)
		}
	}
}

// TestEmbeddingModelsAreModels: what is listed can be looked up.
func TestEmbeddingModelsAreModels(t *testing.T) {
	h, _ := openShop(t, nil)
	var list struct{ Data []struct{ ID, Object string } }
	if err := json.Unmarshal(h.do("GET /v1/models", "").Body.Bytes(), &list); err != nil || len(list.Data) != 3 {
		t.Fatal(list, err)
	}
	for _, m := range list.Data {
		w := h.do("GET /v1/models/"+m.ID, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"`+m.ID+`"`) {
			t.Errorf("%s: %d %s", m.ID, w.Code, w.Body)
		}
	}
}

// TestItIsSaidHowManyAreExplained: of many samples the first are.
func TestItIsSaidHowManyAreExplained(t *testing.T) {
	h, _ := openShop(t, nil)
	for query, explained := range map[string]int{"": 0, "&explain=top": 16} {
		var a struct {
			Explained   int
			Predictions []struct{ Explanation *aiaas.Explanation }
		}
		w := h.do("POST /v1/models/m/predict?file=a.csv"+query, "age\n1\n")
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || len(a.Predictions) != 20 || a.Explained != explained {
			t.Fatalf("%q: %v, %s", query, err, w.Body)
		}
		for i, p := range a.Predictions {
			if (p.Explanation != nil) != (i < explained) {
				t.Errorf("%q: sample %d: %v", query, i, p.Explanation)
			}
		}
	}
}

// TestTheCardIsAPageForBrowsers: by Accept or by name, and nothing from elsewhere
// may run in it.
func TestTheCardIsAPageForBrowsers(t *testing.T) {
	h, _ := openShop(t, nil)
	const card = "GET /v1/models/m/versions/1/card"
	for _, c := range []struct{ line, accept, media, body string }{
		{card, "", "text/markdown; charset=utf-8", "# m"},
		{card, "Accept: text/html,application/xhtml+xml", "text/html; charset=utf-8", "<h1>m</h1>"},
		{card + "?format=html", "", "text/html; charset=utf-8", "<h1>m</h1>"},
	} {
		var headers []string
		if c.accept != "" {
			headers = append(headers, c.accept)
		}
		w := h.do(c.line, "", headers...)
		if w.Code != 200 || w.Header().Get("Content-Type") != c.media || w.Body.String() != c.body || w.Header().Get("Vary") != "Accept" {
			t.Errorf("%s %s: %d %v %s", c.line, c.accept, w.Code, w.Header(), w.Body)
		}
		if html := strings.HasPrefix(c.media, "text/html"); html != strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s %s: policy %q", c.line, c.accept, w.Header().Get("Content-Security-Policy"))
		}
	}
}
