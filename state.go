package ember

import (
	"runtime/debug"

	"ember/timelines"
)

// versions names everything an answer rests on.
func (a *App) versions() map[string]string {
	v := map[string]string{"ember": Version(), "terms": a.terms.Version(), "rules": a.rules.Version()}
	if m := a.served.ref(); m.Version != "" {
		v["model"] = m.Name + " " + m.Version
	}
	return v
}

// degraded names what does not work as it should.
func (a *App) degraded() []string { return a.cache.Degraded() }

// release is what the next release is called.
const release = "0.1.0"

// Version is the program's release, with the revision it was built from where the build
// recorded it: "0.1.0+642413a98f12".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	return versionOf(info.Settings)
}

func versionOf(settings []debug.BuildSetting) string {
	v := release
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision" && s.Value != "":
			v += "+" + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			v += ".dirty"
		}
	}
	return v
}

// ExamplePatient is the id of a patient to show things by: of those with 100 to
// 300 events, the one whose last event is the latest.
func (a *App) ExamplePatient() (string, error) {
	best, latest := "", int64(0)
	for t, err := range a.timelines.All() {
		if err != nil {
			continue // another one will do
		}
		n := len(t.Events)
		if n < 60 || n > 300 || t.Person.Dead || t.Person.OptOut || t.Person.ReplacedBy != "" {
			continue
		}
		if last := t.Events[n-1].Known.Unix(); best == "" || last > latest {
			best, latest = t.Person.ID, last
		}
	}
	if best == "" {
		return "", timelines.ErrNotFound
	}
	return best, nil
}
