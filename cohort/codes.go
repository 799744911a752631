package cohort

import (
	"ember/record"
)

// Check is [Engine.Check].
func (s *Service) Check(c Criterion) error { return s.engine.Check(c) }

// CodesOf are the codes that an event asks for, each with the short name of its system:
// the code that it names, or those of what it calls that 11 patients or more have.
func (s *Service) CodesOf(ev Event) []record.Code {
	if ev.Code != "" || ev.Under != "" {
		c, _ := codeOf(ev.Code + ev.Under)
		if c.System == "" {
			c.System = s.systemOf(ev)
		}
		c.Display = s.engine.opt.Terms.Display(c)
		c.System = shortName(c.System)
		return []record.Code{c}
	}
	v := s.engine.opt.Index.View()
	var all []record.Code
	for _, c := range s.engine.choose(v, &ev).concepts {
		if v.Patients(c.kind, c.code).Len() < minCell {
			continue
		}
		code := c.code
		code.Display = s.engine.opt.Terms.Display(code)
		code.System = shortName(code.System)
		all = append(all, code)
	}
	return all
}

// Coding reads a code with its system, "icd10|E11.9": the system's URI and the code. ok is
// false where the system is left out or not known, or nothing stands for the code.
func Coding(text string) (system, code string, ok bool) {
	c, unknown := codeOf(text)
	return c.System, c.Value, unknown == "" && c.System != "" && c.Value != ""
}

// CodeText is the code of a system's URI as [Coding] reads it.
func CodeText(system, code string) string { return shortName(system) + "|" + code }

// IsUCUM is [terms.Terms.IsUCUM].
func (s *Service) IsUCUM(unit string) bool { return s.engine.opt.Terms.IsUCUM(unit) }

// systemOf is the system of a code that was written without one: that of the first
// concept that has it.
func (s *Service) systemOf(ev Event) string {
	want, _ := codeOf(ev.Code + ev.Under)
	for _, f := range s.engine.opt.Index.View().Forms() {
		for _, c := range append([]record.Code{f.Concept}, f.Codes...) {
			if isCode(c, want) || below(c, want) {
				return c.System
			}
		}
	}
	return ""
}

func shortName(system string) string {
	for _, name := range systemNames() {
		if systems[name] == system {
			return name
		}
	}
	return system
}
