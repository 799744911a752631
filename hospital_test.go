package ember_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ember"
	"ember/synth"
)

// TestMain lets the test binary stand in for the program where a test needs a
// second process: to train, and to serve and be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "train-child":
			os.Exit(said(trainChild(os.Args[2:])))
		case "train-parent":
			os.Exit(said(trainParent(os.Args[2:])))
		case "serve-child":
			os.Exit(said(serveChild(os.Args[2:])))
		}
	}
	code := m.Run()
	if trained.dir != "" {
		_ = os.RemoveAll(trained.dir)
	}
	os.Exit(code)
}

func said(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func trainChild(args []string) error {
	flags := flag.NewFlagSet("train-child", flag.ContinueOnError)
	job := flags.String("job", "", "")
	data := flags.String("data", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config := ember.Defaults()
	config.Data, config.KeyFile = *data, os.Getenv("EMBER_KEY_FILE")
	config.TermsDir, config.RulesDir = os.Getenv("EMBER_TERMS_DIR"), os.Getenv("EMBER_RULES_DIR")
	seed, err := strconv.ParseUint(os.Getenv("EMBER_SEED"), 10, 64)
	if err != nil {
		return err
	}
	config.Seed = seed
	return ember.RunChild(context.Background(), config, *job, os.Stdin, os.Stdout)
}

// serveChild serves a data directory, prints its address and stops on SIGTERM.
func serveChild(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config := ember.Defaults()
	config.Data, config.Addr = args[0], "127.0.0.1:0"
	if config.EHR = os.Getenv("EMBER_TEST_EHR"); config.EHR != "" {
		config.EHRExport, config.EHRPull = "system", 10*time.Millisecond
	}
	config.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	app, err := ember.Open(ctx, config)
	if err != nil {
		return err
	}
	err = app.Serve(ctx, func(addr net.Addr) { fmt.Println(addr) })
	if cerr := app.Close(); err == nil {
		err = cerr
	}
	return err
}

// today is when the tests' clock begins: the day the synthetic hospital ends.
var today = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

// clock runs from today on.
func clock() func() time.Time {
	began := time.Now()
	return func() time.Time { return today.Add(time.Since(began)) }
}

// trained is a data directory with a synthetic hospital and a model, made once.
var trained struct {
	once sync.Once
	dir  string
	err  error
}

// trainedDir copies the trained hospital into a directory of the test's own.
func trainedDir(t testing.TB) string {
	t.Helper()
	trained.once.Do(func() { trained.dir, trained.err = makeTrained() })
	if trained.err != nil {
		t.Fatal(trained.err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(trained.dir, "data"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func makeTrained() (dir string, err error) {
	ctx := context.Background()
	if dir, err = os.MkdirTemp("", "ember-trained-"); err != nil {
		return dir, err
	}
	opt := synth.Options{Patients: 150, Seed: 1, Profile: synth.Lean}
	if _, err := synth.Write(ctx, filepath.Join(dir, "hospital"), opt, nil); err != nil {
		return dir, err
	}
	app, err := ember.Open(ctx, testConfig(filepath.Join(dir, "data")))
	if err != nil {
		return dir, err
	}
	quiet := func(string, int, int) {}
	_, err = app.Load(ctx, ember.LoadRequest{Paths: []string{filepath.Join(dir, "hospital")}, Wait: true}, quiet, nil)
	if err == nil {
		_, err = app.LoadStream(ctx, strings.NewReader(rareOrders()), true, quiet, nil)
	}
	if err == nil {
		_, err = app.Train(ctx, quiet)
	}
	if err == nil { // until the patients' vectors are made
		_, err = app.LoadStream(ctx, strings.NewReader(""), true, quiet, nil)
	}
	if cerr := app.Close(); err == nil {
		err = cerr
	}
	return dir, err
}

// rareOrders are people who were ordered what scenarios ask about and what a
// small synthetic hospital hardly ever orders.
func rareOrders() string {
	var b strings.Builder
	for i := range 12 {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"rare-%d","gender":"%s","birthDate":"%d-05-05"}`+"\n", i, []string{"female", "male"}[i%2], 1950+3*i)
		for v := range 2 {
			day := today.AddDate(0, -3*(v+1), -i).Format(time.DateOnly)
			fmt.Fprintf(&b, `{"resourceType":"Encounter","id":"rare-%d-%d","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rare-%d"},"period":{"start":"%sT09:00:00Z","end":"%[4]sT10:00:00Z"}}`+"\n", i, v, i, day)
			for _, drug := range []string{"amoxicillin", "cephalexin", "ibuprofen", "lisinopril", "metformin", "omeprazole", "pantoprazole", "potassium chloride", "propranolol", "sertraline", "simvastatin", "spironolactone", "warfarin"} {
				fmt.Fprintf(&b, `{"resourceType":"MedicationRequest","id":"rare-%d-%d-%s","status":"active","intent":"order","medicationCodeableConcept":{"text":"%s"},"subject":{"reference":"Patient/rare-%d"},"encounter":{"reference":"Encounter/rare-%[1]d-%[2]d"},"authoredOn":"%[6]sT09:30:00Z"}`+"\n",
					i, v, strings.ReplaceAll(drug, " ", "-"), drug, i, day)
			}
		}
	}
	return b.String()
}

func testConfig(dir string) ember.Config {
	config := ember.Defaults()
	config.Data, config.Addr, config.Now = dir, "127.0.0.1:0", clock()
	return config
}

// hospital is an App with its HTTP face.
type hospital struct {
	testing.TB
	*ember.App
	client
}

// open opens a data directory until the test ends.
func open(t testing.TB, config ember.Config) *hospital {
	t.Helper()
	app, err := ember.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	face := httptest.NewServer(app.Handler())
	t.Cleanup(func() {
		face.Close()
		if err := app.Close(); err != nil {
			t.Error("closing:", err)
		}
	})
	return &hospital{t, app, client{t, face.URL}}
}

// openTrained opens a copy of the trained hospital.
func openTrained(t testing.TB) *hospital {
	t.Helper()
	return open(t, testConfig(trainedDir(t)))
}

// client speaks HTTP to a hospital.
type client struct {
	t    testing.TB
	base string
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

const fhirJSON, ndjson = "application/fhir+json", "application/fhir+ndjson"

func (c client) try(method, path, mediaType string, body io.Reader) (reply, error) {
	req, err := http.NewRequest(method, c.base+path, body)
	if err != nil {
		return reply{}, err
	}
	if media, encoding, ok := strings.Cut(mediaType, ";"); ok && !strings.Contains(encoding, "=") {
		mediaType = media
		req.Header.Set("Content-Encoding", encoding)
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	return c.send(req)
}

func (c client) send(req *http.Request) (reply, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, b}, err
}

func (c client) do(method, path, mediaType string, body io.Reader) reply {
	c.t.Helper()
	r, err := c.try(method, path, mediaType, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (c client) get(path string) reply { c.t.Helper(); return c.do("GET", path, "", nil) }

// put stores one resource under the address in it.
func (c client) put(resource string) reply {
	c.t.Helper()
	var head struct{ ResourceType, ID string }
	if err := json.Unmarshal([]byte(resource), &head); err != nil {
		c.t.Fatal(err)
	}
	return c.do("PUT", "/fhir/"+head.ResourceType+"/"+head.ID, fhirJSON, strings.NewReader(resource))
}

// load stores lines and fails the test when any is refused.
func (c client) load(lines string) {
	c.t.Helper()
	r := c.do("POST", "/fhir", ndjson, strings.NewReader(lines))
	if r.status != http.StatusOK || r.parameter(c.t, "refused") != 0 {
		c.t.Fatalf("loading: %d %s", r.status, r.body)
	}
}

// ready waits until the index has followed everything.
func (c client) ready() {
	c.t.Helper()
	if r := c.get("/readyz?wait=index"); r.status != http.StatusOK {
		c.t.Fatalf("not ready: %d %s", r.status, r.body)
	}
}

func (r reply) parameter(t testing.TB, name string) int {
	t.Helper()
	var p struct {
		Parameter []struct {
			Name         string
			ValueInteger int
		}
	}
	r.decode(t, &p)
	for _, v := range p.Parameter {
		if v.Name == name {
			return v.ValueInteger
		}
	}
	t.Fatalf("no parameter %s in %s", name, r.body)
	return 0
}

func (r reply) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}

// outcome are the issues of an OperationOutcome, as "code path: text".
func (r reply) outcome(t testing.TB) []string {
	t.Helper()
	var o struct {
		ResourceType string
		Issue        []struct {
			Severity, Code, Diagnostics string
			Details                     struct{ Text string }
			Expression, Location        []string
		}
	}
	r.decode(t, &o)
	if o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		t.Fatalf("not an OperationOutcome: %d %s", r.status, r.body)
	}
	var all []string
	for _, i := range o.Issue {
		all = append(all, i.Code+" "+strings.Join(append(i.Expression, i.Location...), ",")+": "+i.Details.Text)
	}
	return all
}

type code struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

type finding struct {
	Text, Rule, Tier string
	Sources          []string
}

type item struct {
	Rank        int
	Code        code
	Kind        string
	Status      string
	Probability float64
	Preference  float64
	Explored    bool
	Reasons     []struct {
		Text    string
		Weight  float64
		Sources []string
	}
	Similar struct {
		N        int
		Received *int
	}
	Warnings []finding
}

type blocked struct {
	Code    code
	Reasons []finding
}

// answer is a recommendation as clients see it.
type answer struct {
	ID, Patient, At, Want, DataVersion, Rules, AbstainReason, IntendedUse string
	Model                                                                 struct{ Name, Version string }
	Items                                                                 []item
	Blocked                                                               []blocked
	Checks, Unchecked, Degraded                                           []string
	Abstained                                                             bool
	Explained                                                             *struct {
		Rank    int
		Outcome string
		Item    item
		Blocked []finding
	}
	raw []byte
}

func (r reply) answer(t testing.TB) (a answer) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("no answer: %d %s", r.status, r.body)
	}
	r.decode(t, &a)
	a.raw = r.body
	return a
}

// recommend asks about a patient; query is what follows "?".
func (c client) recommend(patient, query string) answer {
	c.t.Helper()
	return c.get("/v1/patients/" + patient + "/recommendations?" + query).answer(c.t)
}

// compact is JSON without what differs between two askings: id and moment.
func (a answer) facts(t testing.TB) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(a.raw, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "id")
	delete(m, "at")
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
