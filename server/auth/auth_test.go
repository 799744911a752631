package auth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ember/server/auth"
)

// clock is a clock that the test sets.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func line(token, rest string) string { return auth.Hash(token) + "\t" + rest + "\n" }

func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.tsv")
	write(t, path, "# who may do what\n\n"+line("a", "ehr\tread,recommend")+line("b", "study\tsearch\tPatient/p1, p2")+strings.ReplaceAll(line("c", "ops\tall"), "\n", "\r\n"))
	c := &clock{time.Now()}
	tokens, err := auth.OpenTokens(path, c.now)
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]auth.Principal{
		"a": {Name: "ehr", Rights: auth.Read | auth.Recommend},
		"b": {Name: "study", Rights: auth.Search, Patients: []string{"p1", "p2"}},
		"c": {Name: "ops", Rights: auth.All},
	} {
		if got, err := tokens.Authenticate(token); fmt.Sprint(got) != fmt.Sprint(want) || err != nil {
			t.Errorf("%s is %+v, want %+v (%v)", token, got, want, err)
		}
	}
	for _, token := range []string{"", "d", auth.Hash("a"), "A"} {
		if p, err := tokens.Authenticate(token); !errors.Is(err, auth.ErrUnknown) || p.Rights != 0 {
			t.Errorf("%q is %+v, %v", token, p, err)
		}
	}
}

func TestTokenFileFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.tsv")
	for name, text := range map[string]string{
		"line 2: the first column":      line("a", "x\tread") + "secret-token\tx\tread\n",
		"line 1: want 3 or 4":           line("a", "x"),
		"unknown right":                 line("a", "x\tread,everything"),
		"the principal is empty":        line("a", "\tread"),
		"principal owner is taken":      line("a", "owner\tread"),
		"an empty patient":              line("a", "x\tread\t"),
		"stands there twice":            line("a", "x\tread") + line("a", "y\tall"),
		"line 1: the first column is n": auth.Hash("a") + "00\tx\tread\n",
	} {
		write(t, path, text)
		_, err := auth.OpenTokens(path, time.Now)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not say %q", err, name)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error holds what stands in the file: %v", err)
		}
	}
	write(t, path, line("a", "x\tread"))
	if err := os.Chmod(path, 0o622); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenTokens(path, time.Now); err == nil || !strings.Contains(err.Error(), "written by others") {
		t.Errorf("a file that others may write: %v", err)
	}
	if _, err := auth.OpenTokens(path+"-absent", time.Now); err == nil || strings.Contains(err.Error(), path) {
		t.Errorf("an absent file: %v", err)
	}
}

func TestTokenFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.tsv")
	write(t, path, line("old", "x\tread"))
	c := &clock{time.Now()}
	tokens, err := auth.OpenTokens(path, c.now)
	if err != nil {
		t.Fatal(err)
	}
	known := func(token string) bool {
		c.Time = c.Add(1100 * time.Millisecond)
		_, err := tokens.Authenticate(token)
		return err == nil
	}
	write(t, path, line("new", "x\tread"))
	if known("old") || !known("new") {
		t.Error("a changed file is not read")
	}
	write(t, path, line("other", "x\tread")+"half a li")
	if !known("new") || known("other") || tokens.Problem() == "" {
		t.Errorf("a broken file must leave the former tokens in force and be told: %q", tokens.Problem())
	}
	write(t, path, line("third", "x\tread"))
	if !known("third") || tokens.Problem() != "" {
		t.Errorf("a mended file is not read: %q", tokens.Problem())
	}
	if err := os.Chmod(path, 0o622); err != nil {
		t.Fatal(err)
	}
	if known("third") {
		t.Error("a file that others may write now is still believed")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if !known("third") {
		t.Error("a file that is in order again is not read")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if known("third") || tokens.Problem() == "" {
		t.Error("tokens of a removed file are still believed")
	}
}

func TestCheckAddress(t *testing.T) {
	for _, c := range []struct {
		addr, tokens string
		ok           bool
	}{
		{"127.0.0.1:8080", "", true}, {"localhost:8080", "", true}, {"[::1]:0", "", true}, {"127.9.9.9:1", "", true},
		{":8080", "", false}, {"0.0.0.0:8080", "", false}, {"[::]:8080", "", false}, {"10.0.0.1:8080", "", false}, {"ember.example:80", "", false},
		{"0.0.0.0:8080", "tokens.tsv", true}, {"8080", "", false}, {"8080", "tokens.tsv", false},
	} {
		if err := auth.CheckAddress(c.addr, c.tokens); (err == nil) != c.ok {
			t.Errorf("%q with token file %q: %v", c.addr, c.tokens, err)
		}
	}
}

func TestCheckLocal(t *testing.T) {
	for _, c := range []struct {
		method, host, origin string
		ok                   bool
	}{
		{"GET", "localhost:8080", "", true}, {"GET", "127.0.0.1", "", true}, {"POST", "localhost:8080", "", true},
		{"POST", "localhost:8080", "http://localhost:8080", true}, {"POST", "localhost:8080", "https://evil.example", false},
		{"GET", "evil.example", "", false}, {"GET", "", "", false},
	} {
		r := httptest.NewRequest(c.method, "/fhir", nil)
		if r.Host = c.host; c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if err := auth.CheckLocal(r); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSees(t *testing.T) {
	for _, c := range []struct {
		patients []string
		patient  string
		sees     bool
	}{{nil, "p1", true}, {nil, "", true}, {[]string{}, "p1", false}, {[]string{}, "", true}, {[]string{"p1"}, "p1", true}, {[]string{"p1"}, "p10", false}} {
		if got := (auth.Principal{Patients: c.patients}).Sees(c.patient); got != c.sees {
			t.Errorf("%v sees %q: %v", c.patients, c.patient, got)
		}
	}
}

func TestChain(t *testing.T) {
	entries := func() []auth.Link {
		m := auth.NewMemory([]byte("key"))
		for i := range 5 {
			e := auth.Entry{When: time.Unix(int64(i), 0), Principal: "ehr", Action: auth.ActionRead, Patient: fmt.Sprintf("Patient/p%d", i), Outcome: "200"}
			if err := m.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		return m.Links()
	}
	chain := auth.NewChain([]byte("key"))
	if _, err := chain.Verify([32]byte{}, entries()); err != nil {
		t.Error(err)
	}
	for name, tamper := range map[string]func([]auth.Link) []auth.Link{
		"changed":   func(l []auth.Link) []auth.Link { l[2].Entry.Patient = "Patient/p9"; return l },
		"time":      func(l []auth.Link) []auth.Link { l[2].Entry.When = time.Unix(9, 0); return l },
		"shifted":   func(l []auth.Link) []auth.Link { l[2].Entry.Principal, l[2].Entry.Action = "eh", "rread"; return l },
		"left out":  func(l []auth.Link) []auth.Link { return append(l[:2], l[3:]...) },
		"swapped":   func(l []auth.Link) []auth.Link { l[1], l[2] = l[2], l[1]; return l },
		"beheaded":  func(l []auth.Link) []auth.Link { return l[1:] },
		"rewritten": func(l []auth.Link) []auth.Link { return rechain(auth.NewChain([]byte("other")), l) },
	} {
		if _, err := chain.Verify([32]byte{}, tamper(entries())); err == nil {
			t.Errorf("%s: nobody notices", name)
		}
	}
}

func rechain(c *auth.Chain, links []auth.Link) []auth.Link {
	var prev [32]byte
	for i := range links {
		links[i] = c.Next(prev, links[i].Entry)
		prev = links[i].Hash
	}
	return links
}

func ExampleHash() {
	fmt.Println(auth.Hash("correct-horse-battery-staple") + "\tehr\tread,recommend")
	// Output: 87cbebfeebc05f7c54ac9336c4b4bbec831227a641951a4bde7edd56020f8590	ehr	read,recommend
}

func FuzzTokenFile(f *testing.F) {
	f.Add(auth.Hash("a") + "\tx\tread\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "tokens.tsv")
		write(t, path, text)
		tokens, err := auth.OpenTokens(path, time.Now)
		if err != nil {
			return
		}
		if p, err := tokens.Authenticate("unknown"); err == nil && !strings.Contains(text, auth.Hash("unknown")) {
			t.Errorf("an unknown token is %+v", p)
		}
	})
}

// TestLinkIsKeptAndReadBack: what is kept today, and what was kept before, reads
// back as it was; what is cut short does not.
func TestLinkIsKeptAndReadBack(t *testing.T) {
	want := auth.NewChain([]byte("k")).Next([32]byte{1}, auth.Entry{When: time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC), Principal: "ehr", Action: auth.ActionRead,
		Patient: "Patient/1", Outcome: "200", RequestID: "r-1"})
	now, err := want.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"now": now, "before": before} {
		var got auth.Link
		if err := got.UnmarshalBinary(b); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for n := range now {
		if err := new(auth.Link).UnmarshalBinary(now[:n]); err == nil {
			t.Errorf("%d of %d bytes are a link", n, len(now))
		}
	}
}
