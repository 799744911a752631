package main

import (
	"archive/zip"
	"encoding/xml"
	"strings"
)

// sets are the value sets and code systems of the specification.
type sets struct {
	values  map[string]*valueSet
	systems map[string]*codeSystem
	lines   map[string]string
}

type include struct {
	System   value   `xml:"system"`
	Sets     []value `xml:"valueSet"`
	Concepts []struct {
		Code value `xml:"code"`
	} `xml:"concept"`
	Filters []struct {
		Property value `xml:"property"`
		Op       value `xml:"op"`
		Value    value `xml:"value"`
	} `xml:"filter"`
}

type valueSet struct {
	URL      value     `xml:"url"`
	Includes []include `xml:"compose>include"`
	Excludes []include `xml:"compose>exclude"`
}

type concept struct {
	Code       value `xml:"code"`
	Properties []struct {
		Code value `xml:"code"`
		Is   value `xml:"valueCode"`
		Bool value `xml:"valueBoolean"`
	} `xml:"property"`
	Concepts []concept `xml:"concept"`
}

type codeSystem struct {
	URL      value     `xml:"url"`
	Content  value     `xml:"content"`
	Concepts []concept `xml:"concept"`
}

func newSets() *sets {
	return &sets{map[string]*valueSet{}, map[string]*codeSystem{}, map[string]string{}}
}

func (s *sets) read(z *zip.ReadCloser, name string) error {
	if err := resources(z, name, "ValueSet", func(d *xml.Decoder, start *xml.StartElement) error {
		v := new(valueSet)
		err := d.DecodeElement(v, start)
		s.values[v.URL.V] = v
		return err
	}); err != nil {
		return err
	}
	return resources(z, name, "CodeSystem", func(d *xml.Decoder, start *xml.StartElement) error {
		c := new(codeSystem)
		err := d.DecodeElement(c, start)
		if c.Content.V == "complete" {
			s.systems[c.URL.V] = c
		}
		return err
	})
}

// line is a value set with all its codes, "" when they cannot all be told from the
// specification itself.
func (s *sets) line(url string) string {
	if line, ok := s.lines[url]; ok {
		return line
	}
	codes := map[string]map[string]bool{}
	line := ""
	if s.expand(url, codes, 0) && len(codes) > 0 {
		line = "S\t" + url
		for _, system := range sorted(codes) {
			line += "\t" + system + " " + strings.Join(sorted(codes[system]), " ")
		}
		line += "\n"
	}
	s.lines[url] = line
	return line
}

func (s *sets) expand(url string, into map[string]map[string]bool, depth int) bool {
	url, _, _ = strings.Cut(url, "|")
	v := s.values[url]
	if v == nil || depth > 8 {
		return false
	}
	for i := range v.Includes {
		if !s.include(&v.Includes[i], into, depth) {
			return false
		}
	}
	left := map[string]map[string]bool{}
	for i := range v.Excludes {
		if !s.include(&v.Excludes[i], left, depth) {
			return false
		}
	}
	for system, codes := range left {
		for code := range codes {
			delete(into[system], code)
		}
	}
	return len(v.Includes) > 0
}

func (s *sets) include(inc *include, into map[string]map[string]bool, depth int) bool {
	for _, set := range inc.Sets {
		if !s.expand(set.V, into, depth+1) {
			return false
		}
	}
	if inc.System.V == "" {
		return len(inc.Sets) > 0
	}
	codes := into[inc.System.V]
	if codes == nil {
		codes = map[string]bool{}
		into[inc.System.V] = codes
	}
	if len(inc.Concepts) > 0 {
		for _, c := range inc.Concepts {
			codes[c.Code.V] = true
		}
		return true
	}
	system := s.systems[inc.System.V]
	if system == nil || len(inc.Filters) > 1 {
		return false
	}
	if len(inc.Filters) == 0 {
		walk(system.Concepts, func(c *concept) { codes[c.Code.V] = true })
		return true
	}
	f := inc.Filters[0]
	if f.Op.V != "is-a" && f.Op.V != "descendent-of" || f.Property.V != "concept" {
		return false
	}
	below := map[string]bool{f.Value.V: true}
	for grown := true; grown; { // hierarchies are nested, or told by subsumedBy
		grown = false
		under(system.Concepts, false, below, func(code string) {
			if !below[code] {
				below[code], grown = true, true
			}
		})
	}
	if f.Op.V == "descendent-of" {
		delete(below, f.Value.V)
	}
	for code := range below {
		codes[code] = true
	}
	return true
}

func walk(concepts []concept, do func(*concept)) {
	for i := range concepts {
		do(&concepts[i])
		walk(concepts[i].Concepts, do)
	}
}

func under(concepts []concept, within bool, below map[string]bool, add func(code string)) {
	for i := range concepts {
		c := &concepts[i]
		in := within || below[c.Code.V]
		for _, p := range c.Properties {
			in = in || p.Code.V == "subsumedBy" && below[p.Is.V]
		}
		if in {
			add(c.Code.V)
		}
		under(c.Concepts, in, below, add)
	}
}
