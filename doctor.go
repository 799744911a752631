package ember

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"ember/record"
)

// Check is one thing the doctor looked at.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warn or fail
	Detail string `json:"detail"`
}

// Unmapped is a concept that the terms could not map, with how often it occurs.
type Unmapped struct {
	Kind     string `json:"kind"`
	System   string `json:"system"`
	Code     string `json:"code"`
	Display  string `json:"display"`
	Events   int    `json:"events"`
	Patients int    `json:"patients"`
}

// Diagnosis is what the doctor found.
type Diagnosis struct {
	Checks   []Check           `json:"checks"`
	Versions map[string]string `json:"versions"`
	Counts   map[string]int64  `json:"counts"`  // resources by type
	Mapping  map[string]string `json:"mapping"` // share of events with a known meaning, by kind
	Unmapped []Unmapped        `json:"unmapped"`
}

// unmappedShown is how many unmapped concepts the doctor names.
const unmappedShown = 25

// Doctor looks at the whole installation and says what is not as it should be.
func (a *App) Doctor(ctx context.Context) Diagnosis {
	d := Diagnosis{Versions: a.versions(), Counts: map[string]int64{}, Mapping: map[string]string{}}
	for typ, n := range a.store.Counts() {
		d.Counts[typ] = n
	}
	add := func(name, status, format string, args ...any) {
		d.Checks = append(d.Checks, Check{name, status, fmt.Sprintf(format, args...)})
	}
	a.checkFiles(add)
	a.checkFollower(add)
	a.checkModel(add)
	if n, err := a.audit.verify(); err != nil {
		add("audit", "fail", "%v", err)
	} else {
		add("audit", "ok", "%d entries, the chain is whole", n)
	}
	if down := a.cache.Degraded(); len(down) > 0 {
		add("cache", "warn", "%s does not answer: candidates are cached in memory only", strings.Join(down, ", "))
	} else {
		add("cache", "ok", "candidates are cached")
	}
	a.mapping(&d)
	return d
}

func (a *App) checkFiles(add func(name, status, format string, args ...any)) {
	info, err := os.Stat(a.config.keyFile())
	switch {
	case err != nil:
		add("key", "warn", "the key file cannot be looked at: %v", err)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		add("key", "fail", "the key file can be read by others: chmod 600 %s", a.config.keyFile())
	default:
		add("key", "ok", "only its owner can read the key file; keep a copy of it elsewhere")
	}
	if encrypted(a.config.Data) {
		add("volume", "ok", "the index lies on an encrypted volume")
	} else {
		add("volume", "warn", "the index holds words of notes in the clear and its volume is not known to be encrypted")
	}
}

func (a *App) checkFollower(add func(name, status, format string, args ...any)) {
	switch lag, err := a.ingest.Lag(); {
	case err != nil:
		add("index", "fail", "cannot follow: %v", err)
	case lag > 0:
		add("index", "warn", "%d changes behind", lag)
	default:
		add("index", "ok", "follows every change")
	}
}

func (a *App) checkModel(add func(name, status, format string, args ...any)) {
	switch m := a.served.ref(); {
	case m.Version == "":
		add("model", "warn", "nothing is trained yet: run ember train")
	default:
		add("model", "ok", "%s version %s serves", m.Name, m.Version)
	}
}

// mapping counts which concepts have a meaning, by kind, and names the most
// frequent ones that have none.
func (a *App) mapping(d *Diagnosis) {
	known, all := map[record.Kind]int{}, map[record.Kind]int{}
	for c := range a.index.View().Concepts() {
		all[c.Kind] += c.Events
		if a.terms.Mapped(c.Kind, c.Code) {
			known[c.Kind] += c.Events
			continue
		}
		d.Unmapped = append(d.Unmapped, Unmapped{c.Kind.String(), c.Code.System, c.Code.Value, c.Code.Display, c.Events, c.Patients})
	}
	for kind, n := range all {
		if n > 0 {
			d.Mapping[kind.String()] = fmt.Sprintf("%.1f %% of %d events", 100*float64(known[kind])/float64(n), n)
		}
	}
	slices.SortFunc(d.Unmapped, func(x, y Unmapped) int {
		if x.Events != y.Events {
			return y.Events - x.Events
		}
		return strings.Compare(x.System+x.Code, y.System+y.Code)
	})
	d.Unmapped = d.Unmapped[:min(len(d.Unmapped), unmappedShown)]
}

// encrypted reports whether a directory is on a volume that is known to be
// encrypted: a device-mapper crypt target, as Linux shows it.
func encrypted(dir string) bool {
	device, err := deviceOf(dir)
	if err != nil {
		return false
	}
	uuid, err := os.ReadFile("/sys/dev/block/" + device + "/dm/uuid")
	return err == nil && strings.HasPrefix(string(uuid), "CRYPT-")
}
