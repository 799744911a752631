package ehr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ember/ehr"
	"ember/ehr/ehrtest"
	"ember/synth"
)

// site is an EHR and a client of it.
type site struct {
	testing.TB
	*ehrtest.Server
	url    string
	client *ehr.Client
	sink   *sink
	memory *memory
	key    *ehr.Key
}

func newSite(t testing.TB, opt ehrtest.Options) *site {
	t.Helper()
	key, _, err := ehr.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	if opt.Clients == nil {
		opt.Clients = map[string][]byte{"ember": public}
	}
	s := &site{TB: t, Server: ehrtest.New(opt), sink: &sink{held: map[string]string{}}, memory: &memory{disk: map[string]string{}}, key: key}
	face := httptest.NewServer(s.Server)
	t.Cleanup(face.Close)
	s.url = face.URL
	s.client = s.newClient(nil)
	return s
}

// quick waits a hundredth of the time.
func quick(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d / 100):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *site) newClient(change func(*ehr.Options)) *ehr.Client {
	s.Helper()
	opt := ehr.Options{Base: s.url + "/fhir", Client: "ember", Key: s.key, Now: time.Now, Wait: quick, Timeout: 5 * time.Second}
	if change != nil {
		change(&opt)
	}
	c, err := ehr.New(opt)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *site) pull(want ehr.Export) (ehr.Summary, error) {
	p := &ehr.Pulls{Client: s.client, Sink: s.sink, Memory: s.memory}
	return p.Pull(s.Context(), want)
}

func (s *site) pulled(want ehr.Export) ehr.Summary {
	s.Helper()
	sum, err := s.pull(want)
	if err != nil {
		s.Fatal(err)
	}
	return sum
}

// hospital fills the EHR.
func (s *site) hospital(patients int) {
	s.Helper()
	dir := s.TempDir()
	if _, err := synth.Write(s.Context(), dir, synth.Options{Patients: patients, Seed: 3, Profile: synth.Lean}, nil); err != nil {
		s.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			s.Fatal(err)
		}
		if err := s.Load(b); err != nil {
			s.Fatal(err)
		}
	}
}

// sink holds what was loaded.
type sink struct {
	mu    sync.Mutex
	held  map[string]string
	wrote int // writes that changed something
	fail  func() error
}

func (k *sink) Load(_ context.Context, lines []byte, name string) (n ehr.Counts, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for line := range bytes.Lines(lines) {
		var h struct{ ResourceType, ID string }
		if json.Unmarshal(line, &h) != nil {
			n.Refused++
			continue
		}
		old, there := k.held[h.ResourceType+"/"+h.ID]
		switch {
		case there && old == string(line):
			n.Unchanged++
			continue
		case there:
			n.Updated++
		default:
			n.Created++
		}
		k.held[h.ResourceType+"/"+h.ID] = string(line)
		k.wrote++
	}
	if k.fail != nil {
		err = k.fail()
	}
	return n, err
}

func (k *sink) Delete(_ context.Context, typ, id string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, there := k.held[typ+"/"+id]
	delete(k.held, typ+"/"+id)
	return there, nil
}

// of is how many resources of a type are held.
func (k *sink) of(typ string) (n int) {
	for key := range k.held {
		if strings.HasPrefix(key, typ+"/") {
			n++
		}
	}
	return n
}

// memory forgets at a kill what was not synced.
type memory struct {
	mu   sync.Mutex
	disk map[string]string
	soft map[string]string
	fail func() error
}

func (m *memory) Get(key []byte) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.soft[string(key)]; ok {
		return []byte(v), true, nil
	}
	v, ok := m.disk[string(key)]
	return []byte(v), ok, nil
}

func (m *memory) Put(key, value []byte, sync bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	if m.soft == nil {
		m.soft = map[string]string{}
	}
	m.soft[string(key)] = string(value)
	if sync {
		for k, v := range m.soft {
			m.disk[k] = v
		}
	}
	return nil
}

func (m *memory) kill() { m.soft = nil }

func (s *site) same() {
	s.Helper()
	for _, typ := range []string{"Patient", "Condition", "Observation", "Encounter", "MedicationRequest"} {
		if want, got := s.Resources(typ), s.sink.of(typ); got != want {
			s.Errorf("%s: %d of %d resources", typ, got, want)
		}
	}
}

func TestPullIsWholeAndThenIncremental(t *testing.T) {
	s := newSite(t, ehrtest.Options{Polls: 2})
	s.hospital(40)
	sum := s.pulled(ehr.Export{})
	if !sum.Complete || sum.Since != "" || sum.Created != sum.Read || sum.Read < 500 || sum.Files < 8 || len(sum.Problems) > 0 {
		t.Errorf("%+v", sum)
	}
	s.same()
	if n := s.Exports(); n != 0 {
		t.Errorf("%d exports were left at the EHR", n)
	}
	time.Sleep(5 * time.Millisecond)
	if err := s.Put([]byte(`{"resourceType":"Patient","id":"new","gender":"female"}`)); err != nil {
		t.Fatal(err)
	}
	var gone string
	for key := range s.sink.held {
		if strings.HasPrefix(key, "Observation/") {
			gone = strings.TrimPrefix(key, "Observation/")
			break
		}
	}
	s.Delete("Observation", gone)
	again := s.pulled(ehr.Export{})
	if again.Since != sum.TransactionTime || again.Created != 1 || again.Deleted != 1 || again.Read != 2 || !again.Complete {
		t.Errorf("%+v", again)
	}
	s.same()
	if s.Seen("token") != 1 {
		t.Errorf("%d tokens", s.Seen("token"))
	}
}

func TestPullOfAGroup(t *testing.T) {
	s := newSite(t, ehrtest.Options{})
	s.hospital(10)
	var ids []string
	for _, h := range s.sinkAll() {
		if id, ok := strings.CutPrefix(h, "Patient/"); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if err := s.Put([]byte(fmt.Sprintf(`{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/%s"}}]}`, ids[0]))); err != nil {
		t.Fatal(err)
	}
	s.sink.held = map[string]string{}
	sum := s.pulled(ehr.Export{Level: "Group/g", Types: []string{"Patient", "Condition"}})
	if s.sink.of("Patient") != 1 || s.sink.held["Patient/"+ids[0]] == "" || s.sink.of("Observation") != 0 || !sum.Complete {
		t.Errorf("%+v, %d patients", sum, s.sink.of("Patient"))
	}
	if !slices.ContainsFunc(s.Requests(), func(r string) bool {
		return strings.Contains(r, "/fhir/Group/g/$export?") && strings.Contains(r, "_type=Patient%2CCondition")
	}) {
		t.Error(s.Requests())
	}
	if sum, err := s.pull(ehr.Export{Level: "Everything"}); err == nil {
		t.Errorf("%+v", sum)
	}
}

// sinkAll pulls everything and gives the references.
func (s *site) sinkAll() (all []string) {
	s.pulled(ehr.Export{})
	for key := range s.sink.held {
		all = append(all, key)
	}
	return all
}

// TestPullInSpiteOf: what passes is waited for or asked again, and nothing is missing.
func TestPullInSpiteOf(t *testing.T) {
	for name, change := range map[string]func(*ehrtest.Faults){
		"nothing":               func(*ehrtest.Faults) {},
		"429 and 500":           func(f *ehrtest.Faults) { f.Busy, f.Broken = all(2), all(1) },
		"401 in the middle":     func(f *ehrtest.Faults) { f.Unauthorized = map[string]int{"kick-off": 1, "status": 1, "file": 1} },
		"broken connections":    func(f *ehrtest.Faults) { f.Cut = 5 },
		"broken, without gzip":  func(f *ehrtest.Faults) { f.Cut, f.NoGzip = 5, true },
		"broken, without range": func(f *ehrtest.Faults) { f.Cut, f.NoRange = 5, true },
		"cut once":              func(f *ehrtest.Faults) { f.CutClean = 1 },
		"gzip without a word":   func(f *ehrtest.Faults) { f.Raw, f.Cut = true, 3 },
		"files without tokens":  func(f *ehrtest.Faults) { f.OpenFiles = true },
		"no counts":             func(f *ehrtest.Faults) { f.NoCount = true },
		"a page for people":     func(f *ehrtest.Faults) { f.HTML = map[string]int{"file": 1} },
		"an expired manifest":   func(f *ehrtest.Faults) { f.Forget = 1 },
		"fewer counts":          func(f *ehrtest.Faults) { f.Count = -1 },
		"errors at the EHR":     func(f *ehrtest.Faults) { f.Error = true },
		"slow":                  func(f *ehrtest.Faults) { f.Slow = 20 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, ehrtest.Options{})
			s.hospital(30)
			s.Set(change)
			sum := s.pulled(ehr.Export{})
			if !sum.Complete {
				t.Errorf("%+v", sum)
			}
			s.same()
			if s.sink.wrote != len(s.sink.held) {
				t.Errorf("%d writes for %d resources", s.sink.wrote, len(s.sink.held))
			}
			if strings.Contains(strings.Join(sum.Problems, " "), "Jane") {
				t.Errorf("a patient is named: %v", sum.Problems)
			}
		})
	}
}

func all(n int) map[string]int {
	return map[string]int{"kick-off": n, "status": n, "file": n, "token": n}
}

// TestPullSaysWhatIsMissing: what did not come is said, and the mark is not moved: the
// next pull asks for it again.
func TestPullSaysWhatIsMissing(t *testing.T) {
	s := newSite(t, ehrtest.Options{})
	s.hospital(10)
	s.Set(func(f *ehrtest.Faults) { f.Count = 3 })
	sum := s.pulled(ehr.Export{})
	if sum.Complete || len(sum.Problems) != sum.Files || !strings.Contains(sum.Problems[0], "promises") {
		t.Errorf("%+v", sum)
	}
	s.Set(func(f *ehrtest.Faults) { f.Count = 0 })
	if sum = s.pulled(ehr.Export{}); !sum.Complete || sum.Since != "" {
		t.Errorf("%+v", sum)
	}
}

// TestPullNoticesACutFile also where the manifest counts nothing.
func TestPullNoticesACutFile(t *testing.T) {
	s := newSite(t, ehrtest.Options{FileSize: 1000})
	s.hospital(10)
	s.Set(func(f *ehrtest.Faults) { f.CutClean, f.NoCount = 99, true })
	sum := s.pulled(ehr.Export{Types: []string{"Observation"}})
	if sum.Complete || len(sum.Problems) != 1 || !strings.Contains(sum.Problems[0], "cut off") || sum.Created == 0 {
		t.Errorf("%+v", sum)
	}
	s.Set(func(f *ehrtest.Faults) { f.CutClean = 0 })
	if sum = s.pulled(ehr.Export{}); !sum.Complete {
		t.Errorf("%+v", sum)
	}
	s.same()
}

// TestPullRefusals: what cannot be mended here ends a pull in words, with nothing of a
// patient, no address and no token in them, and the next pull works.
func TestPullRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ehrtest.Faults)
		words  string
	}{
		"no bulk":         {func(f *ehrtest.Faults) { f.NoBulk = true }, "404"},
		"the export ends": {func(f *ehrtest.Faults) { f.Fail = true }, "500"},
		"a login page":    {func(f *ehrtest.Faults) { f.HTML = map[string]int{"status": 9} }, "HTML"},
		"no tokens":       {func(f *ehrtest.Faults) { f.Audience = "another" }, "invalid_client"},
		"all forgotten":   {func(f *ehrtest.Faults) { f.Forget = 99 }, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, ehrtest.Options{Polls: 0, FileSize: 1000})
			s.hospital(5)
			s.Set(c.change)
			_, err := s.pull(ehr.Export{})
			if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "Jane") || strings.Contains(err.Error(), "?") {
				t.Fatal(err)
			}
			s.Set(func(f *ehrtest.Faults) { *f = ehrtest.Faults{} })
			if sum := s.pulled(ehr.Export{}); !sum.Complete {
				t.Errorf("%+v", sum)
			}
			s.same()
		})
	}
}

var errKill = errors.New("killed")

// TestPullIsTakenUpAfterAKillAtAnyPoint kills it at every write of its state and at every
// load, also so that what was not synced is lost. Nothing is lost and nothing written
// twice, and the next pull does not begin anew.
func TestPullIsTakenUpAfterAKillAtAnyPoint(t *testing.T) {
	s := newSite(t, ehrtest.Options{FileSize: 60, Polls: 0})
	s.hospital(12)
	step := 1
	if testing.Short() {
		step = 7
	}
	for _, gzip := range []bool{true, false} {
		s.Set(func(f *ehrtest.Faults) { f.NoGzip = !gzip })
		for at := 1; ; at += step {
			var n atomic.Int64
			kill := func() error {
				if n.Add(1) >= int64(at) {
					return errKill
				}
				return nil
			}
			s.sink = &sink{held: map[string]string{}, fail: kill}
			s.memory = &memory{disk: map[string]string{}, fail: kill}
			before := s.Seen("kick-off")
			_, err := s.pull(ehr.Export{Parallel: 2})
			s.sink.fail, s.memory.fail = nil, nil
			if err == nil {
				if at < 10 {
					t.Errorf("only %d points to kill at", at)
				}
				break
			}
			if !errors.Is(err, errKill) {
				t.Fatal(err)
			}
			s.memory.kill()
			sum := s.pulled(ehr.Export{Parallel: 2})
			if !sum.Complete || s.sink.wrote != len(s.sink.held) {
				t.Errorf("killed at %d: %+v, %d writes", at, sum, s.sink.wrote)
			}
			s.same()
			if kicks := s.Seen("kick-off") - before; at > 1 && kicks != 1 {
				t.Errorf("killed at %d: %d kick-offs", at, kicks)
			}
		}
	}
}

// TestTokensAreRenewedBeforeTheirEnd, by one request whoever waits.
func TestTokensAreRenewedBeforeTheirEnd(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s := newSite(t, ehrtest.Options{Now: clock})
	s.client = s.newClient(func(o *ehr.Options) { o.Now = clock })
	var g sync.WaitGroup
	for range 20 {
		g.Go(func() {
			if _, err := s.client.Token(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	first, _ := s.client.Token(t.Context())
	if n := s.Seen("token"); n != 1 {
		t.Errorf("%d requests for a token", n)
	}
	mu.Lock()
	now = now.Add(4*time.Minute + 40*time.Second)
	mu.Unlock()
	second, err := s.client.Token(t.Context())
	if err != nil || second == first {
		t.Errorf("%v: not renewed 20 s before its end", err)
	}
	if scopes := s.client.Granted(); !slices.Equal(scopes, []string{"system/*.rs"}) {
		t.Error(scopes)
	}
}

// TestHostsThatNobodyAllowed: neither files nor tokens are asked for elsewhere, and
// redirects are not followed.
func TestHostsThatNobodyAllowed(t *testing.T) {
	for _, base := range []string{"http://ehr.example.org/fhir", "ftp://x/y", "https://u:p@x/fhir", "x", "https://x/fhir?a=b"} {
		if _, err := ehr.New(ehr.Options{Base: base, Now: time.Now}); err == nil {
			t.Errorf("%s was taken", base)
		}
	}
	s := newSite(t, ehrtest.Options{})
	s.hospital(2)
	elsewhere := httptest.NewServer(s.Server)
	defer elsewhere.Close()
	proxy := httptest.NewServer(rewriting(s.Server, strings.TrimPrefix(s.url, "http://"), strings.TrimPrefix(elsewhere.URL, "http://")))
	defer proxy.Close()
	s.url = proxy.URL
	s.client = s.newClient(nil)
	if _, err := s.pull(ehr.Export{}); err == nil || !strings.Contains(err.Error(), "ehr-hosts") {
		t.Error(err)
	}
	s.client = s.newClient(func(o *ehr.Options) { o.Hosts = []string{strings.TrimPrefix(elsewhere.URL, "http://")} })
	if sum := s.pulled(ehr.Export{}); !sum.Complete {
		t.Errorf("%+v", sum)
	}
}
