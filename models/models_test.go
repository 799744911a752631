package models

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock ticks a second each time it is asked.
func clock() func() time.Time {
	var mu sync.Mutex
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Second)
		return at
	}
}

func open(t *testing.T, dir string) *Registry {
	t.Helper()
	r, err := Open(dir, clock())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// files writes an artifact of these contents by path.
func files(content map[string]string) func(string) error {
	return func(dir string) error {
		for name, text := range content {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				return err
			}
		}
		return nil
	}
}

func create(t *testing.T, r *Registry, m Manifest) Manifest {
	t.Helper()
	m, err := r.Create("recommender", m, files(map[string]string{"weights": "w" + m.Version, "deep/table": "t"}))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func served(t *testing.T, r *Registry) string {
	t.Helper()
	m, err := r.Served("recommender")
	if err != nil {
		t.Fatal(err)
	}
	return m.Version
}

func TestGate(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		diff  Estimate
		serve bool
	}{
		{Estimate{0.021, 0.013, 0.030, 500}, true},
		{Estimate{0.001, -0.004, 0.006, 500}, true},
		{Estimate{0.001, -0.005, 0.007, 500}, false}, // the bound itself is too low
		{Estimate{0.010, -0.020, 0.040, 500}, false},
		{Estimate{0, 0, 0, 0}, false},
		{Estimate{-0.001, -0.002, 0.001, 500}, false},
		{Estimate{nan, nan, nan, 0}, false},
		{Estimate{0.1, nan, 0.2, 5}, false},
		{Estimate{0.1, 0.2, 0.3, 5}, false}, // not an interval around the value
		{Estimate{math.Inf(1), 0, math.Inf(1), 5}, false},
	} {
		if d := Gate(c.diff); d.Serve != c.serve || d.Why == "" {
			t.Errorf("Gate(%+v) = %+v", c.diff, d)
		}
	}
}

func TestCreateAndOpen(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	zero := create(t, r, Manifest{Version: "0", Kind: "baseline"})
	one := create(t, r, Manifest{Kind: "neural", Parent: "0", Seed: 7, Data: Data{"d1", 2000}, Metrics: map[string]Estimate{"AP": {.2, .1, .3, 50}}})
	two := create(t, r, Manifest{Parent: one.Version})
	if zero.Version+one.Version+two.Version != "012" || len(one.Files) != 2 || one.Files["deep/table"] == "" {
		t.Errorf("versions %q %q %q, files %v", zero.Version, one.Version, two.Version, one.Files)
	}
	r = open(t, dir) // another process, later
	got, err := r.Manifest("recommender", "1")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(one) {
		t.Errorf("manifest after reopening %+v, %v; want %+v", got, err, one)
	}
	path, err := r.Path("recommender", "1")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(path, "deep", "table")); err != nil || string(text) != "t" {
		t.Errorf("artifact holds %q, %v", text, err)
	}
	list, err := r.List("recommender")
	if err != nil || len(list) != 3 || list[0].Version != "0" || list[2].Version != "2" {
		t.Errorf("List: %+v, %v", list, err)
	}
	line, err := r.Lineage("recommender", "2")
	if err != nil || len(line) != 3 || line[2].Kind != "baseline" {
		t.Errorf("Lineage: %+v, %v", line, err)
	}
	if names, err := r.Names(); err != nil || fmt.Sprint(names) != "[recommender]" {
		t.Errorf("Names: %v, %v", names, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	create(t, r, Manifest{Version: "1"})
	broken := errors.New("disk full")
	ok := files(map[string]string{"f": "x"})
	for _, c := range []struct {
		name  string
		m     Manifest
		write func(string) error
		want  error
	}{
		{"recommender", Manifest{Version: "1"}, ok, ErrExists},
		{"recommender", Manifest{Version: "../1"}, ok, ErrInvalid},
		{"../recommender", Manifest{}, ok, ErrInvalid},
		{"", Manifest{}, ok, ErrInvalid},
		{"recommender", Manifest{Parent: "9"}, ok, ErrNotFound},
		{"recommender", Manifest{Metrics: map[string]Estimate{"AP": {Value: math.NaN()}}}, ok, ErrInvalid},
		{"recommender", Manifest{}, func(string) error { return nil }, ErrInvalid},
		{"recommender", Manifest{}, func(dir string) error { return os.Symlink("/etc/hosts", filepath.Join(dir, "link")) }, ErrInvalid},
		{"recommender", Manifest{}, func(dir string) error { return errors.Join(ok(dir), broken) }, broken},
	} {
		if _, err := r.Create(c.name, c.m, c.write); !errors.Is(err, c.want) {
			t.Errorf("Create(%q, %+v): %v, want %v", c.name, c.m, err, c.want)
		}
	}
	list, err := r.List("recommender")
	if err != nil || len(list) != 1 {
		t.Errorf("after the refusals: %+v, %v", list, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", newPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPromoteAndRollBack(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	if _, err := r.Served("recommender"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing was promoted: %v", err)
	}
	for _, v := range []string{"0", "1", "2", "3"} {
		create(t, r, Manifest{Version: v})
	}
	step := func(what string, err error, want string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := served(t, open(t, dir)); got != want { // as a later process sees it
			t.Errorf("after %s %s serves, want %s", what, got, want)
		}
	}
	step("promoting 0", r.Promote("recommender", "0", false), "0")
	step("promoting 1", r.Promote("recommender", "1", true), "1")
	step("promoting 1 again", r.Promote("recommender", "1", false), "1")
	step("promoting 2", r.Promote("recommender", "2", false), "2")
	back := func() error { _, err := r.Rollback("recommender"); return err }
	step("rolling back", back(), "1")
	step("promoting 3", r.Promote("recommender", "3", false), "3")
	step("rolling back", back(), "1") // not to 2, which had been rolled back
	step("rolling back", back(), "0")
	if err := back(); !errors.Is(err, ErrNotFound) {
		t.Errorf("rolling back the first: %v", err)
	}
	history, err := r.Promotions("recommender")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, p := range history {
		told = append(told, fmt.Sprintf("%s→%s forced=%v back=%v", p.From, p.Version, p.Forced, p.Rollback))
	}
	want := "→0 forced=false back=false, 0→1 forced=true back=false, 1→2 forced=false back=false, 2→1 forced=false back=true, " +
		"1→3 forced=false back=false, 3→1 forced=false back=true, 1→0 forced=false back=true"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("history\n%s, want\n%s", got, want)
	}
}

func TestDelete(t *testing.T) {
	r := open(t, t.TempDir())
	create(t, r, Manifest{Version: "1"})
	create(t, r, Manifest{Version: "2", Parent: "1"})
	if err := r.Promote("recommender", "2", false); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete("recommender", "2"); !errors.Is(err, ErrServed) {
		t.Errorf("deleting what serves: %v", err)
	}
	if err := r.Delete("recommender", "1"); err != nil {
		t.Error(err)
	}
	if err := r.Delete("recommender", "1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting again: %v", err)
	}
	if line, err := r.Lineage("recommender", "2"); err != nil || len(line) != 1 {
		t.Errorf("lineage without the parent: %+v, %v", line, err)
	}
	if m := create(t, r, Manifest{}); m.Version != "3" {
		t.Errorf("the next version is %s", m.Version)
	}
}

func TestDamage(t *testing.T) {
	flip := func(name string) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			return os.WriteFile(path, b, 0o600)
		}
	}
	for name, harm := range map[string]func(dir string) error{
		"a bit flipped":    flip("weights"),
		"a file cut":       func(dir string) error { return os.Truncate(filepath.Join(dir, "weights"), 0) },
		"a file missing":   func(dir string) error { return os.Remove(filepath.Join(dir, "deep", "table")) },
		"a file more":      files(map[string]string{"more": "x"}),
		"no manifest":      func(dir string) error { return os.Remove(filepath.Join(dir, manifestFile)) },
		"a torn manifest":  func(dir string) error { return os.Truncate(filepath.Join(dir, manifestFile), 20) },
		"another manifest": files(map[string]string{manifestFile: `{"name":"x","version":"1","files":{"a":"b"}}`}),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := open(t, dir)
			for _, v := range []string{"0", "1", "2"} {
				create(t, r, Manifest{Version: v})
			}
			for _, v := range []string{"0", "1", "2"} {
				if err := r.Promote("recommender", v, false); err != nil {
					t.Fatal(err)
				}
			}
			if err := harm(r.path("recommender", "1")); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Path("recommender", "1"); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "recommender/1") {
				t.Errorf("Path: %v", err)
			}
			if err := r.Promote("recommender", "1", true); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Promote: %v", err)
			}
			if got := served(t, r); got != "2" {
				t.Errorf("%s serves", got)
			}
			list, _ := r.List("recommender")
			if len(list) < 2 {
				t.Errorf("the whole versions are not listed: %+v", list)
			}
			if m, err := r.Rollback("recommender"); err != nil || m.Version != "0" {
				t.Errorf("rolling back passes over the damaged version: %+v, %v", m, err)
			}
			if err := r.Delete("recommender", "1"); err != nil {
				t.Errorf("deleting the damaged version: %v", err)
			}
		})
	}
}

func TestDamagedPromotions(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	create(t, r, Manifest{Version: "1"})
	if err := os.WriteFile(filepath.Join(dir, "recommender", promotionsFile), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Served("recommender"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Served: %v", err)
	}
	if err := r.Promote("recommender", "1", false); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Promote: %v", err)
	}
	if _, err := r.Path("recommender", "1"); err != nil {
		t.Errorf("the version itself: %v", err)
	}
	if _, err := r.Create("other", Manifest{}, files(map[string]string{"f": "x"})); err != nil {
		t.Errorf("another model: %v", err)
	}
}

// What a process that died left half-written is no version, and is cleared away.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	create(t, r, Manifest{Version: "1"})
	half := filepath.Join(dir, "recommender", newPrefix+"123")
	if err := files(map[string]string{"weights": "half"})(half); err != nil {
		t.Fatal(err)
	}
	if list, err := r.List("recommender"); err != nil || len(list) != 1 {
		t.Errorf("List: %+v, %v", list, err)
	}
	open(t, dir)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written version is still there: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	r := open(t, t.TempDir())
	create(t, r, Manifest{Version: "0"})
	if err := r.Promote("recommender", "0", false); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			m, err := r.Create("recommender", Manifest{Parent: "0"}, files(map[string]string{"f": fmt.Sprint(i)}))
			if err != nil {
				t.Error(err)
				return
			}
			if err := r.Promote("recommender", m.Version, false); err != nil {
				t.Error(err)
			}
			if _, err := r.Served("recommender"); err != nil {
				t.Error(err)
			}
			if i%4 == 0 {
				if _, err := r.Rollback("recommender"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := r.List("recommender")
	if err != nil || len(list) != 9 {
		t.Errorf("%d versions, %v", len(list), err)
	}
	history, err := r.Promotions("recommender")
	if err != nil || len(history) != 11 {
		t.Errorf("%d promotions, %v", len(history), err)
	}
}

func ExampleGate() {
	fmt.Println(Gate(Estimate{Value: 0.021, Low: 0.013, High: 0.030, N: 914}).Serve)
	fmt.Println(Gate(Estimate{Value: 0.004, Low: -0.011, High: 0.019, N: 914}).Why)
	// Output:
	// true
	// may be worse by more than 0.005: difference +0.0040 [-0.0110, +0.0190]
}
