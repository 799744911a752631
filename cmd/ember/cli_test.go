package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// runAsEmber makes the test binary be the program: tests run it as a process of
// its own, with exit codes, signals and children.
const runAsEmber = "RUN_AS_EMBER=1"

func TestMain(m *testing.M) {
	if slices.Contains(os.Environ(), runAsEmber) {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// shell runs the program in a directory of its own.
type shell struct {
	*testing.T
	dir string
	env []string
	// during is let go while a command runs: who else writes to what the test reads.
	during sync.Locker
}

func newShell(t *testing.T) *shell { return &shell{T: t, dir: t.TempDir()} }

func (s *shell) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), append(s.env, runAsEmber)...)
	return cmd
}

// run expects an exit code and gives what was printed.
func (s *shell) run(code int, line string) (stdout, stderr string) {
	s.Helper()
	return s.runArgs(code, strings.Fields(line)...)
}

func (s *shell) runArgs(code int, args ...string) (stdout, stderr string) {
	s.Helper()
	var out, errs bytes.Buffer
	cmd, line := s.command(args...), strings.Join(args, " ")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if s.during != nil {
		s.during.Unlock()
	}
	err := cmd.Run()
	if s.during != nil {
		s.during.Lock()
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.Fatalf("ember %s: exit code %d, want %d (%v)\n%s%s", line, got, code, err, &out, &errs)
	}
	if code != exitOK && !strings.Contains("\n"+errs.String(), "\nember: ") {
		s.Errorf("ember %s: it is not said what is wrong: %s", line, &errs)
	}
	return out.String(), errs.String()
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// json runs a command with --json and decodes what it prints.
func (s *shell) json(code int, line string, v any) {
	s.Helper()
	out, _ := s.run(code, line+" --json")
	if err := json.Unmarshal([]byte(out), v); err != nil {
		s.Fatalf("ember %s --json: %v: %s", line, err, out)
	}
}

func (s *shell) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

const condition = `{"resourceType":"Patient","id":"p1","gender":"male","birthDate":"1960-01-01"}
{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10","display":"Hypertension"}]},"recordedDate":"2024-01-01"}
`

// TestLife takes one installation from nothing to a restored backup.
func TestLife(t *testing.T) {
	s := newShell(t)
	type m = map[string]any
	var made, loaded, trained, answer, found, doctor, saved, again m
	s.json(0, "synth --patients 120 --seed 3 --profile lean hospital", &made)
	s.json(0, "load hospital", &loaded)
	if loaded["read"] != made["Resources"] && loaded["read"] != made["resources"] || loaded["refused"] != 0.0 {
		t.Errorf("made %v, loaded %v", made, loaded)
	}
	s.write("one.ndjson", condition)
	s.run(0, "load one.ndjson --quiet")
	if out, _ := s.run(0, "load one.ndjson"); !strings.Contains(out, "2 unchanged") {
		t.Errorf("loaded again: %s", out)
	}
	s.json(0, "train", &trained)
	if trained["version"] == "" || trained["decision"] == "" {
		t.Errorf("trained: %v", trained)
	}
	s.json(0, "recommend p1 --want treatments", &answer)
	if items, ok := answer["items"].([]any); !ok || len(items) == 0 {
		t.Errorf("answer: %v", answer)
	}
	if out, _ := s.run(0, "recommend Patient/p1 --want tests --at 2024-06-01T09:00:00Z --limit 3"); !strings.Contains(out, "checked: allergy") || !strings.Contains(out, "Patient/p1") {
		t.Errorf("answer for people: %s", out)
	}
	s.json(0, "search hypertension --limit 100", &found)
	if total, ok := found["total"].(float64); !ok || total < 2 {
		t.Errorf("found: %v", found)
	}
	s.run(0, "search essential hypertension")
	s.json(0, "doctor", &doctor)
	s.run(0, "doctor")
	s.json(0, "backup whole.tar", &saved)
	if _, err := os.Stat(filepath.Join(s.dir, "whole.tar")); err != nil || saved["bytes"].(float64) < 1000 {
		t.Errorf("backup: %v, %v", saved, err)
	}
	s.models()
	s.restored(answer)
	s.json(0, "reindex", &again)
	if n, ok := again["patients"].(float64); !ok || n < 121 {
		t.Errorf("reindexed: %v", again)
	}
	s.json(0, "recommend p1 --want treatments", &again)
	s.run(2, "erase p1")
	s.json(0, "erase p1 --yes", &again)
	s.run(4, "recommend p1")
}

// models tries the versions of the recommender.
func (s *shell) models() {
	s.Helper()
	var versions []struct {
		Version, Kind string
		Serves        bool
	}
	serving := func() (version, other string) {
		for _, v := range versions {
			if v.Serves {
				version = v.Version
			} else {
				other = v.Version
			}
		}
		return version, other
	}
	s.json(0, "model list", &versions)
	first, other := serving()
	if len(versions) != 2 || first == "" || other == "" {
		s.Fatalf("versions: %+v", versions)
	}
	s.run(0, "model list")
	s.json(0, "model promote "+other+" --force", &versions)
	if now, _ := serving(); now != other {
		s.Errorf("promoted %s, %s serves", other, now)
	}
	s.json(0, "model rollback", &versions)
	if now, _ := serving(); now != first {
		s.Errorf("rolled back to %s, want %s", now, first)
	}
	s.run(4, "model promote 4711")
}

// restored fills another directory from the backup and asks it the same.
func (s *shell) restored(want map[string]any) {
	s.Helper()
	var got map[string]any
	s.run(1, "restore whole.tar") // there is data already
	s.run(4, "--data other restore nothing.tar")
	s.json(0, "--data other restore whole.tar", &got)
	s.run(5, "--data other recommend p1") // the key is not in the backup
	key, err := os.ReadFile(filepath.Join(s.dir, "ember-data", "key"))
	if err != nil {
		s.Fatal(err)
	}
	s.write("other/key", string(key))
	s.run(0, "--data other reindex --quiet")
	s.json(0, "--data other recommend p1 --want treatments", &got)
	for _, same := range []string{"dataVersion", "rules"} {
		if got[same] != want[same] {
			s.Errorf("restored: %s is %v, was %v", same, got[same], want[same])
		}
	}
	if len(got["items"].([]any)) != len(want["items"].([]any)) {
		s.Errorf("restored: %v, was %v", got["items"], want["items"])
	}
}

// TestExitCodes tries what can go wrong; the last line says why.
func TestExitCodes(t *testing.T) {
	s := newShell(t)
	s.write("bad.ndjson", condition+`{"resourceType":"Condition","id":"a b"}`+"\n")
	s.write("half.json", `{"resourceType":"Bundle","type":"transaction","entry":[`)
	s.write("tokens", "")
	for _, c := range []struct {
		code int
		line string
		says string
	}{
		{2, "frobnicate", "frobnicate"},
		{2, "load", ""},
		{2, "load --frobnicate x", "frobnicate"},
		{2, "recommend", ""},
		{2, "recommend p1 --limit many", "limit"},
		{2, "synth --patients -3 out", "Patients"},
		{2, "--log-level loud doctor", "log-level"},
		{2, "synth --profile huge out", "Profile"},
		{4, "load nothing.ndjson", "nothing.ndjson"},
		{3, "load bad.ndjson", "refused"},
		{3, "load half.json", "refused"},
		{4, "recommend nobody", ""},
		{2, "recommend p1 --want cookies", "want"},
		{2, "recommend p1 --at yesterday", "at"},
		{2, "recommend p1 --limit 1000", "limit"},
		{1, "recommend p1", "train"}, // nothing is trained
		{1, "train", ""},             // nothing to learn from
		{4, "model promote 7", ""},
		{4, "model rollback", ""},
		{5, "serve --addr 0.0.0.0:0", "token"},
		{5, "serve --addr :0", "token"},
		{2, "serve --addr nowhere", "addr"},
		{2, "--config nothing.toml doctor", "nothing.toml"},
		{0, "version", ""},
		{0, "help", ""},
		{0, "completion bash", ""},
	} {
		_, stderr := s.run(c.code, c.line)
		if !strings.Contains(lastLine(stderr), c.says) {
			t.Errorf("ember %s: %q does not say %q", c.line, lastLine(stderr), c.says)
		}
	}
	if out, _ := s.run(0, "completion bash"); !strings.Contains(out, "__start_ember") {
		t.Errorf("completion: %.200s", out)
	}
	if out, _ := s.run(0, "__complete re"); !strings.Contains(out, "recommend") || !strings.Contains(out, "reindex") {
		t.Errorf("completing re: %s", out)
	}
}

// TestWrongKey opens data with a key that is not theirs.
func TestWrongKey(t *testing.T) {
	s := newShell(t)
	s.write("one.ndjson", condition)
	s.run(0, "load one.ndjson")
	key := filepath.Join(s.dir, "ember-data", "key")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key: %v, %v", info, err)
	}
	if err := os.Rename(key, key+"-away"); err != nil {
		t.Fatal(err)
	}
	s.run(5, "doctor")
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made for old data")
	}
	s.run(0, "--data second load one.ndjson")
	other, err := os.ReadFile(filepath.Join(s.dir, "second", "key"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("ember-data/key", string(other))
	s.run(5, "doctor")
}

// TestConfiguration sets the data directory in each way and lets the stronger win.
func TestConfiguration(t *testing.T) {
	s := newShell(t)
	s.write("one.ndjson", condition)
	there := func(dir string) {
		t.Helper()
		if _, err := os.Stat(filepath.Join(s.dir, dir, "store")); err != nil {
			t.Errorf("no data in %s: %v", dir, err)
		}
	}
	s.write("ember.toml", "data = \"from-file\"\nmax-loads = 2\n")
	s.run(0, "load one.ndjson")
	there("from-file")
	s.env = []string{"EMBER_DATA=from-env"}
	s.run(0, "load one.ndjson")
	there("from-env")
	s.run(0, "--data from-flag load one.ndjson")
	there("from-flag")
	s.write("ember.toml", "max-laods = 2\n")
	if _, stderr := s.run(2, "doctor"); !strings.Contains(stderr, "max-laods") {
		t.Errorf("the misspelt setting is not named: %s", stderr)
	}
	s.write("ember.toml", "max-loads = 0\nmax-requests = 0\n")
	if _, stderr := s.run(2, "doctor"); !strings.Contains(stderr, "max-loads") || !strings.Contains(stderr, "max-requests") {
		t.Errorf("not all faults are named: %s", stderr)
	}
	s.write("ember.toml", "max-loads = \"several\"\n")
	s.run(2, "doctor")
	if err := os.Remove(filepath.Join(s.dir, "ember.toml")); err != nil {
		t.Fatal(err)
	}
	s.write("from-env/ember.toml", "no-such-setting = 1\n") // the data directory has a file too
	s.run(2, "doctor")
	s.env = []string{"EMBER_MAX_LOADS=several"}
	s.run(2, "doctor")
	s.env = []string{"EMBER_MAX_LAODS=3"}
	if _, stderr := s.run(0, "doctor"); !strings.Contains(stderr, "EMBER_MAX_LAODS") {
		t.Errorf("the misspelt variable is not named: %s", stderr)
	}
	s.write("away.toml", "data = \"from-named\"\n")
	s.env = []string{"EMBER_CONFIG=away.toml"}
	s.run(0, "load one.ndjson")
	there("from-named")
	s.env = nil
}

var servesOn = regexp.MustCompile(`http://(\S+)`)

// TestRunningServer has commands find the server, and the server end well.
func TestRunningServer(t *testing.T) {
	s := newShell(t)
	s.write("one.ndjson", condition)
	server := s.command("serve", "--addr", "127.0.0.1:0")
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Process.Kill()
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !servesOn.MatchString(line) {
		t.Fatalf("%q, %v", line, err)
	}
	s.run(0, "load one.ndjson")
	var found, doctor map[string]any
	s.json(0, "search hypertension", &found)
	if found["total"] != 1.0 {
		t.Errorf("found: %v", found)
	}
	s.json(0, "doctor", &doctor)
	if counts, ok := doctor["counts"].(map[string]any); !ok || counts["Patient"] != 1.0 {
		t.Errorf("doctor: %v", doctor)
	}
	s.run(0, "backup running.tar")
	s.run(0, "reindex")
	s.run(4, "recommend nobody")
	cmd := s.command("load", "-", "--json")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(condition, "p1", "p2"))
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), `"read": 2`) {
		t.Errorf("standard input: %v %s", err, out)
	}
	if _, stderr := s.run(1, "serve --addr 127.0.0.1:0"); !strings.Contains(stderr, "another process") && !strings.Contains(stderr, "lock") {
		t.Errorf("a second server: %s", stderr)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("stopped by SIGTERM: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("does not stop")
	}
	s.json(0, "doctor", &doctor) // opens the directory itself now
}
