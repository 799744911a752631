package ember_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ember/aiaas"
	web "ember/server"
)

// readmissions is a table in which age and ward decide, with noise.
func readmissions(n int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	b.WriteString("patient,age,ward,readmitted\n")
	for i := range n {
		age, ward := 20+rng.IntN(70), []string{"medical", "surgical"}[rng.IntN(2)]
		z := float64(age-55)/6 + map[string]float64{"medical": 1.5, "surgical": -1.5}[ward]
		answer := "no"
		if rng.Float64() < 1/(1+math.Exp(-z)) {
			answer = "yes"
		}
		fmt.Fprintf(&b, "secret-%d,%d,%s,%s\n", i, age, ward, answer)
	}
	return b.String()
}

// into decodes an answer that must have the status.
func (r reply) into(t *testing.T, status int, v any) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	if v != nil {
		if err := json.Unmarshal(r.body, v); err != nil {
			t.Fatalf("%v in %s", err, r.body)
		}
	}
}

// trainModel uploads a table and waits for the model that a child process makes.
func trainModel(t *testing.T, c client, dataset, content, job string) aiaas.Job {
	t.Helper()
	c.do("POST", "/v1/datasets/"+dataset+"?label=readmitted&subject=patient&file=visits.csv", "text/csv", strings.NewReader(content)).into(t, 201, nil)
	var j aiaas.Job
	c.do("POST", "/v1/jobs", "application/json", strings.NewReader(job)).into(t, 202, &j)
	events := c.get("/v1/jobs/" + j.ID + "/events")
	lines := strings.Split(strings.TrimSpace(string(events.body)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &j); err != nil || j.State != aiaas.Done {
		t.Fatalf("%s, %v", lines[len(lines)-1], err)
	}
	return j
}

const linearJob = `{"model":"readmission","dataset":"visits","families":["prior","linear"],"seconds":120}`

// TestAModelIsTrainedInAChildAndAsked walks the model service over HTTP.
func TestAModelIsTrainedInAChildAndAsked(t *testing.T) {
	dir := t.TempDir() + "/data"
	h := open(t, testConfig(dir))
	j := trainModel(t, h.client, "visits", readmissions(300, 1), linearJob)
	if j.Version != "1" || j.Family != "linear" || len(j.Board) < 2 {
		t.Errorf("%+v", j)
	}
	var answer struct {
		Predictions []struct {
			Probabilities map[string]float64
			Labels        []string
			Explanation   *aiaas.Explanation
		}
	}
	h.do("POST", "/v1/models/readmission/predict?explain=yes&file=new.csv", "text/csv", strings.NewReader("age,ward\n88,medical\n22,surgical\n")).into(t, 200, &answer)
	if p := answer.Predictions; len(p) != 2 || p[0].Probabilities["yes"] < .9 || p[1].Labels[0] != "no" || p[0].Explanation == nil || p[0].Explanation.Columns[0].Share <= 0 {
		t.Errorf("%+v", p)
	}
	infer := `{"id":"a","inputs":[{"name":"age","shape":[2],"datatype":"INT64","data":[88,22]},{"name":"ward","shape":[2,1],"datatype":"BYTES","data":[["medical"],["surgical"]]}]}`
	var said struct {
		ID      string
		Outputs []struct {
			Name string
			Data []any
		}
	}
	h.do("POST", "/v2/models/readmission/infer", "application/json", strings.NewReader(infer)).into(t, 200, &said)
	if said.ID != "a" || said.Outputs[1].Data[0] != "yes" {
		t.Errorf("%+v", said)
	}
	for path, says := range map[string]string{"/v1/models": `"object":"list"`, "/v1/models/readmission/versions/1/card": "| auroc |", "/v1/datasets/visits/report": `"samples":300`,
		"/v1/models/readmission/versions/1/evaluation": `"auroc"`, "/v2/models/readmission": `"label"`, "/v1/jobs": `"state":"done"`} {
		if r := h.get(path); r.status != 200 || !strings.Contains(string(r.body), says) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if err := grep(dir, "secret-"); err != nil {
		t.Error(err)
	}
}

// grep finds a word in the files of a directory.
func grep(dir, word string) error {
	// The index is not sealed, and says so.
	out, err := exec.Command("grep", "-rl", "--exclude-dir=index", word, dir).Output()
	if err == nil {
		return fmt.Errorf("%q lies open in %s", word, out)
	}
	return nil
}

// TestErrorsSpeakTheLanguageOfTheirProtocol: each client finds what is wrong where
// it looks for it.
func TestErrorsSpeakTheLanguageOfTheirProtocol(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/v2/models/none/infer", `{"inputs":[]}`, 404, `{"error":"`},
		{"POST", "/v2/models/none/infer", `{"inputs":[`, 400, `{"error":"`},
		{"GET", "/v2/models/none/ready", "", 404, `{"error":"`},
		{"POST", "/v1/embeddings", `{"model":"ember-notes","input":"x"}`, 503, `{"error":{"message":"`},
		{"POST", "/v1/embeddings", `{"model":"ember-notes","input":[1,2]}`, 400, `"param":"input"`},
		{"POST", "/v1/jobs", `{"model":"m","dataset":"none"}`, 404, "OperationOutcome"},
		{"POST", "/v1/jobs", `{"model":"m","data":"none"}`, 400, `unknown field`},
		{"POST", "/v1/datasets/x?task=magic", "a,b", 400, "no such task"},
		{"GET", "/v1/models/..", "", 400, "OperationOutcome"},
		{"GET", "/v1/jobs/7", "", 404, "OperationOutcome"},
	} {
		r := h.do(c.method, c.path, "application/json", strings.NewReader(c.body))
		if r.status != c.status || !strings.Contains(string(r.body), strings.ReplaceAll(c.says, `"`, `"`)) {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.status, r.body)
		}
	}
}

// TestSeveralFilesAreOneDataset: IDX images and labels as a form with two files.
func TestSeveralFilesAreOneDataset(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	images := append([]byte{0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0, 4}, make([]byte, 40*16)...)
	labels := append([]byte{0, 0, 8, 1, 0, 0, 0, 40}, make([]byte, 40)...)
	for i := range 40 {
		labels[8+i] = byte(i % 2)
		for k := range 16 {
			images[16+i*16+k] = byte(i%2*120 + (i*7+k*13)%100)
		}
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, content := range map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels} {
		part, err := w.CreateFormFile("file", name)
		if err == nil {
			_, err = part.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var made struct{ Dataset aiaas.DatasetInfo }
	h.do("POST", "/v1/datasets/pictures?task=image-classification", w.FormDataContentType(), &form).into(t, 201, &made)
	if d := made.Dataset; d.Samples != 40 || len(d.Classes) != 2 || d.Task != "image-classification" {
		t.Errorf("%+v", d)
	}
}

// TestRealClients has other people's clients ask: they are installed, or it says
// how to have them.
func TestRealClients(t *testing.T) {
	python := os.Getenv("CLIENTS_PYTHON")
	if python == "" {
		python = "python3"
	}
	if exec.Command(python, "-c", "import tritonclient.http, openai").Run() != nil {
		t.Skip("no Python with tritonclient[http] and openai; set CLIENTS_PYTHON to one")
	}
	h := openTrained(t)
	trainModel(t, h.client, "visits", readmissions(300, 1), linearJob)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Handler().ServeHTTP(w, r.WithContext(web.Trust(r.Context())))
	}))
	defer s.Close()
	for _, args := range [][]string{
		{"bench/clients/triton.py", strings.TrimPrefix(s.URL, "http://"), "readmission"},
		{"bench/clients/openai_embeddings.py", s.URL + "/v1"},
	} {
		cmd := exec.CommandContext(t.Context(), python, args...)
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", args[0], err, out)
		}
		t.Logf("%s", out)
	}
}
