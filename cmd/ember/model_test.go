package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"ember"
	"ember/aiaas"
	"ember/learn/nn"
)

// fakeService answers as a server does, on the socket of a data directory, and
// keeps what it was asked.
type fakeService struct {
	*testing.T
	mu    sync.Mutex
	asked []string // METHOD path?query
	files []string // of the last upload
	job   aiaas.JobRequest
	has   map[string]string // answers by METHOD path
}

// newFake serves in the shell's folder. Its lock is the test's, but while a command
// runs.
func newFake(s *shell) *fakeService {
	s.Helper()
	if err := os.MkdirAll(filepath.Join(s.dir, "ember-data"), 0o700); err != nil {
		s.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(s.dir, "ember-data", ember.SocketName))
	if err != nil {
		s.Fatal(err)
	}
	f := &fakeService{T: s.T, has: map[string]string{}}
	f.mu.Lock()
	s.during = &f.mu
	server := &http.Server{Handler: f}
	go server.Serve(socket)
	s.Cleanup(func() { server.Close() })
	return f
}

// ServeHTTP implements http.Handler.
func (f *fakeService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI())
	switch {
	case r.Method == "POST" && strings.HasPrefix(r.URL.Path, "/v1/datasets/"):
		f.upload(w, r)
		return
	case r.Method == "POST" && r.URL.Path == "/v1/jobs":
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		f.job = aiaas.JobRequest{}
		if err := d.Decode(&f.job); err != nil {
			f.Errorf("a job that no server takes: %v", err)
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"7","state":"queued"}`)
		return
	}
	answer, ok := f.has[r.Method+" "+r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","diagnostics":"there is no such thing"}]}`)
		return
	}
	if status, body, ok := strings.Cut(answer, " "); ok && len(status) == 3 {
		var code int
		fmt.Sscan(status, &code)
		w.WriteHeader(code)
		answer = body
	}
	io.WriteString(w, answer)
}

// upload takes a dataset as the API describes it.
func (f *fakeService) upload(w http.ResponseWriter, r *http.Request) {
	for name := range r.URL.Query() {
		if !regexp.MustCompile(`^(task|label|subject|split|multi|number|between|inputs|ignore|file|kind\..+)$`).MatchString(name) {
			f.Errorf("the API knows no %s", name)
		}
	}
	if task := r.URL.Query().Get("task"); task != "" {
		if _, err := aiaas.ParseTask(task); err != nil {
			f.Error(err)
		}
	}
	f.files = nil
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		f.Error(err)
	}
	if media != "multipart/form-data" {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			f.Error(err)
		}
		f.files = []string{r.URL.Query().Get("file") + "=" + string(b)}
	} else {
		for parts := multipart.NewReader(r.Body, params["boundary"]); ; {
			part, err := parts.NextPart()
			if err != nil {
				break
			}
			b, err := io.ReadAll(part)
			if err != nil {
				f.Error(err)
			}
			f.files = append(f.files, part.FileName()+"="+string(b))
		}
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"dataset":{"name":%q,"task":"tabular","samples":9,"subjects":8},"report":{"name":"x","task":"tabular","findings":[{"fault":"leak-column","words":"column result gives the label away"}]}}`, filepath.Base(r.URL.Path))
}

func (f *fakeService) wasAsked(what string) bool {
	for _, a := range f.asked {
		if strings.HasPrefix(a, what) {
			return true
		}
	}
	return false
}

const doneJob = `{"id":"7","request":{"model":"m"},"state":"running","stage":"linear","done":0.5,"note":"loss 0.7","left":3}
{"id":"7","request":{"model":"m"},"state":"done","version":"3","family":"linear","decision":"better than what serves","measure":"-logloss","board":[` +
	`{"family":"prior","score":{"value":-0.7,"low":-0.8,"high":-0.6},"behind":{"value":0.3,"low":0.2,"high":0.4}},` +
	`{"family":"linear","score":{"value":-0.4,"low":-0.5,"high":-0.3},"behind":{},"took":1500000000,"chosen":true},` +
	`{"family":"cnn","score":{},"behind":{},"skipped":"aiaas: no images"},{"family":"mlp","score":{},"behind":{},"skipped":"not asked for"}]}
`

// TestTemplates writes each job file, has a server take it, and again with every
// example in it.
func TestTemplates(t *testing.T) {
	s := newShell(t)
	f := newFake(s)
	f.has["GET /v1/jobs/7/events"] = doneJob
	example := regexp.MustCompile(`(?m)^#(  \{|[^ \n])`) // a comment in words has one space
	for _, task := range tasks() {
		s.run(0, "model new "+task+" "+task)
		path := filepath.Join(task, task+".toml")
		full := filepath.Join(s.dir, path)
		s.run(1, "model new "+task+" "+task) // it is not written over
		var written jobFile
		if err := readJobFile(full, &written); err != nil {
			t.Fatal(err)
		}
		for _, name := range written.Data {
			s.write(filepath.Join(task, filepath.Base(name)), "a,b\n1,2\n")
		}
		out, _ := s.run(0, "model train "+path)
		if written.Schema.Task != task || f.job.Model != written.Model || len(f.job.Spec) > 0 || len(f.files) != len(written.Data) || !strings.Contains(out, "better than what serves") {
			t.Errorf("%s: %+v, job %+v, files %v: %s", task, written, f.job, f.files, out)
		}
		s.write(path, example.ReplaceAllString(read(t, full), "$1"))
		s.run(0, "model train "+path)
		spec, err := nn.ParseSpec(f.job.Spec)
		if err == nil {
			_, err = spec.Build(0)
		}
		if err != nil {
			t.Errorf("%s: the network: %v", task, err)
		}
		o, err := nn.ParseOptions(f.job.Options)
		if err != nil || o.Epochs == 0 || len(f.job.Families) == 0 || !f.job.Hold || f.job.Dataset != written.Model+"-2026" {
			t.Errorf("%s: %v, %+v, %+v", task, err, o, f.job)
		}
	}
}

func TestTrainSaysWhatCameOfIt(t *testing.T) {
	s := newShell(t)
	f := newFake(s)
	f.has["GET /v1/jobs/7/events"] = doneJob
	s.write("a.csv", "x,y\n1,2\n")
	s.write("b.csv", "x,y\n3,4\n")
	s.write("job.toml", "model = \"other\"\ndata = [\"a.csv\"]\nseconds = 5\nfamilies = [\"trees\", \"mlp\"]\n[schema]\nlabel = \"y\"\nignore = [\"q\"]\n[schema.kinds]\nx = \"number\"\n")
	out, stderr := s.run(0, "model train job.toml --model m --families linear --kind z=text --best")
	for _, says := range []string{"9 samples of 8 subjects", "leak-column: column result", "-0.400 (-0.500 to -0.300)", "chosen", "skipped: no images", "not asked for: mlp", "m version 3: linear"} {
		if !strings.Contains(out, says) {
			t.Errorf("%q is not said: %s", says, out)
		}
	}
	if strings.Index(out, "linear") > strings.Index(out, "prior") {
		t.Errorf("the best is not first: %s", out)
	}
	if !strings.Contains(stderr, "linear …") {
		t.Errorf("no progress: %s", stderr)
	}
	if f.job.Model != "m" || f.job.Seconds != 5 || strings.Join(f.job.Families, " ") != "linear" || !f.job.Best {
		t.Errorf("flags do not go before the file: %+v", f.job)
	}
	if !f.wasAsked("POST /v1/datasets/m-") || !f.wasAsked("POST /v1/datasets/"+f.job.Dataset+"?file=a.csv&ignore=q&kind.x=number&kind.z=text&label=y") || f.files[0] != "a.csv=x,y\n1,2\n" {
		t.Errorf("asked %q, sent %q", f.asked, f.files)
	}
	var said struct {
		Findings []aiaas.Finding
		Job      aiaas.Job
	}
	s.json(0, "model train --model m a.csv b.csv", &said)
	if len(said.Findings) != 1 || said.Job.Version != "3" || strings.Join(f.files, "|") != "a.csv=x,y\n1,2\n|b.csv=x,y\n3,4\n" {
		t.Errorf("%+v, sent %q", said, f.files)
	}
	if out, _ := s.run(0, "model train --model m a.csv --detach"); !strings.Contains(out, "job watch 7") {
		t.Error(out)
	}
	f.has["GET /v1/datasets/there"] = `{"name":"there","bytes":8,"files":["a.csv"],"task":"tabular","Schema":{}}`
	f.has["GET /v1/datasets/there/report"] = `{"findings":[]}`
	f.files = nil
	s.run(0, "model train --model m --dataset there a.csv")
	s.run(0, "model train --model m --dataset there")
	if f.job.Dataset != "there" || f.files != nil {
		t.Errorf("%+v, sent %q", f.job, f.files)
	}
	s.run(1, "model train --model m --dataset there a.csv b.csv")     // of other files
	s.run(1, "model train --model m --dataset there a.csv --label y") // read otherwise
	s.run(4, "model train --model m --dataset away")                  // not there
	f.has["GET /v1/jobs/7/events"] = `{"id":"7","state":"failed","error":"one subject cannot be split"}`
	if _, stderr := s.run(1, "model train --model m a.csv"); !strings.Contains(lastLine(stderr), "one subject") {
		t.Error(stderr)
	}
	f.has["GET /v1/jobs/7/events"] = `{"id":"7","state":"cancelled"}`
	s.run(1, "job watch 7")
}

const servingText = `{"name":"m","task":"tabular","version":"2","family":"linear","created":"2026-01-02T03:04:05Z","serves":true,"classes":["no","yes"],` +
	`"inputs":[{"name":"age","kind":"number","shape":[1],"datatype":"FP64"},{"name":"signal","kind":"series","shape":[-1,2],"datatype":"FP32"}],` +
	`"measures":{"auroc":{"value":0.91,"low":0.9,"high":0.92,"n":50},"accuracy":{"value":0.8,"low":0.7,"high":0.9,"n":50}},"dataset":"visits"}`

func TestModelCommands(t *testing.T) {
	s := newShell(t)
	f := newFake(s)
	recommender := `[{"version":"5","kind":"ranker","created":"2026-01-02T03:04:05Z","patients":120,"measured":"nDCG .4","serves":true}]`
	f.has["GET /admin/models"], f.has["POST /admin/models/promote"], f.has["POST /admin/models/rollback"] = recommender, recommender, recommender
	numbered := strings.Replace(`{"id":"m",`+servingText[1:], `"2026-01-02T03:04:05Z"`, "1767323045", 1)
	f.has["GET /v1/models"] = `{"object":"list","data":[` + numbered + `,{"id":"codes","object":"model","created":0,"owned_by":"ember"}]}`
	f.has["GET /v1/models/m/versions"] = `{"versions":[` + strings.Replace(servingText, `"serves":true`, `"serves":false`, 1) + "," + strings.Replace(servingText, `"version":"2"`, `"version":"1"`, 1) + `]}`
	f.has["GET /v1/models/m/versions/1/card"] = "# m, version 1\n"
	f.has["POST /v1/models/m/promote"], f.has["POST /v1/models/m/rollback"] = servingText, servingText
	f.has["DELETE /v1/models/m/versions/1"], f.has["DELETE /v1/models/m/shadow"], f.has["PUT /v1/models/m/shadow"] = "204 ", "204 ", "204 "
	f.has["GET /v1/models/m/shadow"] = `{"version":"1","requests":3,"samples":4,"agree":0.75,"meanDifference":0.125}`
	f.has["GET /v1/models/m/versions/1/export"] = "weights"
	f.has["POST /v1/models/gated/promote"] = `409 {"issue":[{"code":"business-rule","diagnostics":"worse than what serves"}]}`
	f.has["GET /v1/jobs"] = `{"jobs":[` + strings.Split(doneJob, "\n")[0] + `]}`
	f.has["DELETE /v1/jobs/7"], f.has["DELETE /v1/datasets/visits"] = "204 ", "204 "
	f.has["GET /v1/datasets"] = `{"datasets":[{"name":"visits","task":"tabular","samples":9,"subjects":8,"findings":1}]}`
	f.has["GET /v1/datasets/visits/report"] = `{"name":"visits","task":"tabular","samples":9,"findings":[{"fault":"duplicates","words":"3 twice"}]}`
	s.write("a.csv", "x\n1\n")
	for _, c := range []struct {
		line  string
		asked string
		says  []string
	}{
		{"model list", "GET /v1/models", []string{recommenderName, "nDCG .4", "auroc 0.910 (0.900 to 0.920)", "2026-01-02 03:04"}},
		{"model list m", "GET /v1/models/m/versions", []string{"false", "true"}},
		{"model list ember-recommender", "GET /admin/models", []string{"nDCG .4", "120"}},
		{"model show m", "GET /v1/models/m/versions", []string{"m version 1: tabular by linear, serves", "no, yes", "any × 2", "0.9000 to 0.9200"}},
		{"model show m 2", "GET /v1/models/m/versions", []string{"m version 2"}},
		{"model show m --card", "GET /v1/models/m/versions/1/card?format=markdown", []string{"# m, version 1"}},
		{"model show m --page m.html", "GET /v1/models/m/versions/1/card?format=html", []string{"m.html: 15 bytes"}},
		{"model promote m 2", "POST /v1/models/m/promote", []string{"version 2 serves"}},
		{"model promote 5 --force", "POST /admin/models/promote?version=5&force=true", []string{"nDCG"}},
		{"model promote ember-recommender 5", "POST /admin/models/promote?version=5&force=false", []string{"nDCG"}},
		{"model rollback m", "POST /v1/models/m/rollback", []string{"version 2 serves"}},
		{"model rollback", "POST /admin/models/rollback", []string{"nDCG"}},
		{"model shadow m 1", "PUT /v1/models/m/shadow", []string{"75.0 %", "0.1250"}},
		{"model shadow m", "GET /v1/models/m/shadow", []string{"3 requests, 4 samples"}},
		{"model shadow m --off", "DELETE /v1/models/m/shadow", []string{"no shadow"}},
		{"model export m 1 out.onnx", "GET /v1/models/m/versions/1/export?format=onnx", []string{"out.onnx: 7 bytes"}},
		{"model export m 1 --format safetensors weights", "GET /v1/models/m/versions/1/export?format=safetensors", []string{"7 bytes"}},
		{"model delete m 1", "DELETE /v1/models/m/versions/1", []string{"m version 1 is deleted"}},
		{"job list", "GET /v1/jobs", []string{"linear: loss 0.7, 3s left"}},
		{"job cancel 7", "DELETE /v1/jobs/7", []string{"cancelled"}},
		{"dataset list", "GET /v1/datasets", []string{"visits"}},
		{"dataset report visits", "GET /v1/datasets/visits/report", []string{"duplicates", "3 twice"}},
		{"dataset delete visits", "DELETE /v1/datasets/visits", []string{"deleted"}},
		{"dataset put new a.csv --label y", "POST /v1/datasets/new?file=a.csv&label=y", []string{"leak-column"}},
	} {
		f.asked = nil
		out, _ := s.run(0, c.line)
		if !f.wasAsked(c.asked) {
			t.Errorf("ember %s asked %q", c.line, f.asked)
		}
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				t.Errorf("ember %s does not say %q: %s", c.line, says, out)
			}
		}
		var v any
		s.json(0, c.line, &v)
	}
	if b := read(t, filepath.Join(s.dir, "out.onnx")); b != "weights" {
		t.Errorf("exported %q", b)
	}
	for line, code := range map[string]int{
		"model promote gated 2": 5, "model show m 9": 4, "model show nobody": 4, "model show": 2, "model new cookies": 2, "model train": 2, "model train a.csv": 2,
		"model train --model m nothing.csv": 4, "model train nothing.toml": 4, "model train --model ember-recommender a.csv": 2, "model export m 1 out.bin": 2,
		"model shadow m 1 --off": 2, "model predict m nothing.csv": 4, "model predict m": 2, "model delete ember-recommender 1": 2, "dataset put visits": 2, "job watch": 2, "job watch 8": 4,
		"model train --model m .": 2, "model train job.toml a.csv": 2,
	} {
		s.run(code, line)
	}
	s.write("bad.toml", "model = \"m\"\nfamily = [\"linear\"]\n")
	if _, stderr := s.run(2, "model train bad.toml"); !strings.Contains(stderr, "family") {
		t.Errorf("the unknown setting is not named: %s", stderr)
	}
	if out, _ := s.runArgs(0, "__complete", "model", "show", ""); !strings.Contains(out, "m\n") || strings.Contains(out, "codes") {
		t.Errorf("completing a model: %s", out)
	}
	if out, _ := s.run(0, "__complete model new im"); !strings.Contains(out, "image-classification") {
		t.Errorf("completing a task: %s", out)
	}
}

// TestAnswerTables shows classes, numbers, many classes, and reasons of each kind.
func TestAnswerTables(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		limit  int
		says   []string
		not    string
	}{
		"classes": {`{"model":{"name":"m","version":"2","family":"linear","classes":["no","Yes"]},"predictions":[{"probabilities":{"no":0.25,"Yes":0.75},"labels":["Yes"]},{"probabilities":{"no":1},"labels":["no"]}]}`,
			1, []string{"m version 2 (linear)", "| Yes ", "0.750", "1 more"}, "why"},
		"number": {`{"model":{"name":"m"},"predictions":[{"value":36.55}]}`, 0, []string{"36.55"}, "more"},
		"many": {`{"model":{"classes":["a","b","c","d","e"]},"predictions":[{"probabilities":{"a":0.1,"b":0.5,"c":0.3,"d":0.06,"e":0.04},"labels":["b","c"]}]}`,
			0, []string{"b, c", "b 0.500, c 0.300, a 0.100, d 0.060"}, "0.040"},
		"words": {`{"model":{"classes":["x"]},"predictions":[{"labels":[],"explanation":{"class":"x","words":[{"text":"dry\n cough","share":0.2},{"text":"denies","share":-1.5}]}}]}`,
			0, []string{"-1.50 denies", "+0.20 dry cough"}, ""},
		"columns": {`{"model":{"classes":["x"]},"predictions":[{"explanation":{"columns":[{"name":"age","value":"80","share":2}]}}]}`, 0, []string{"+2.00 age 80"}, ""},
		"image":   {`{"model":{"classes":["x"]},"predictions":[{"explanation":{"image":{"width":2,"shares":[0,0,0,-3]}}}]}`, 0, []string{"-3.00 most at row 2, column 2"}, ""},
		"series":  {`{"model":{"classes":["x"]},"predictions":[{"explanation":{"series":[{"column":"ecg","channel":1,"shares":[0,4]}]}}]}`, 0, []string{"+4.00 ecg 2, most at step 2"}, ""},
	} {
		var a predictions
		if err := json.Unmarshal([]byte(c.answer), &a); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		a.write(&b, c.limit)
		for _, says := range c.says {
			if !strings.Contains(b.String(), says) {
				t.Errorf("%s: %q is not in %s", name, says, &b)
			}
		}
		if c.not != "" && strings.Contains(b.String(), c.not) {
			t.Errorf("%s: %q is in %s", name, c.not, &b)
		}
	}
}

// TestOutcomeText: what is wrong comes before what to do about it.
func TestOutcomeText(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"issue":[{"details":{"text":"there is no such field"},"diagnostics":"did you mean sex?","expression":["definition"]}]}`, "definition: there is no such field; did you mean sex?"},
		{`{"issue":[{"details":{"text":"not found"}}]}`, "not found"},
		{`{"issue":[{"diagnostics":"ask again"}]}`, "ask again"},
		{"no JSON\n", "no JSON"},
	} {
		if got := outcomeText([]byte(c.body)); got != c.want {
			t.Errorf("%s: %q", c.body, got)
		}
	}
}
