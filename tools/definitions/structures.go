package main

import (
	"archive/zip"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

type value struct {
	V string `xml:"value,attr"`
}

// structure is a StructureDefinition, as far as it is read.
type structure struct {
	ID         value     `xml:"id"`
	Kind       value     `xml:"kind"`
	Abstract   value     `xml:"abstract"`
	Derivation value     `xml:"derivation"`
	Elements   []element `xml:"snapshot>element"`
}

type element struct {
	Path    value `xml:"path"`
	Min     value `xml:"min"`
	Max     value `xml:"max"`
	Content value `xml:"contentReference"`
	Types   []struct {
		Code      value   `xml:"code"`
		Targets   []value `xml:"targetProfile"`
		Extension []struct {
			URL string `xml:"url,attr"`
			Is  value  `xml:"valueUrl"`
		} `xml:"extension"`
	} `xml:"type"`
	Binding struct {
		Strength value `xml:"strength"`
		Set      value `xml:"valueSet"`
	} `xml:"binding"`
	Constraints []struct {
		Key        value `xml:"key"`
		Severity   value `xml:"severity"`
		Expression value `xml:"expression"`
	} `xml:"constraint"`
}

func structures(z *zip.ReadCloser, name string) ([]structure, error) {
	var all []structure
	err := resources(z, name, "StructureDefinition", func(d *xml.Decoder, start *xml.StartElement) error {
		var s structure
		if err := d.DecodeElement(&s, start); err != nil {
			return err
		}
		if s.Kind.V != "logical" && s.Derivation.V != "constraint" {
			all = append(all, s)
		}
		return nil
	})
	return all, err
}

// resources calls take at each resource of a type in a file of the archive.
func resources(z *zip.ReadCloser, name, typ string, take func(*xml.Decoder, *xml.StartElement) error) error {
	f, err := z.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	d := xml.NewDecoder(f)
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if start, ok := t.(xml.StartElement); ok && start.Name.Local == typ {
			if err := take(d, &start); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
}

// set is the required value set of an element, "" for none.
func (e *element) set() string {
	if e.Binding.Strength.V != "required" {
		return ""
	}
	url, _, _ := strings.Cut(e.Binding.Set.V, "|")
	return url
}

func (s *structure) bound() (urls []string) {
	for i := range s.Elements {
		if url := s.Elements[i].set(); url != "" {
			urls = append(urls, url)
		}
	}
	return urls
}

// write writes the type, and each of its parts as a type of its own.
func (s *structure) write(w io.Writer, whole func(url string) bool) {
	root := s.Elements[0].Path.V
	kind := map[string]string{"resource": "resource", "complex-type": "complex", "primitive-type": "primitive"}[s.Kind.V]
	if s.Abstract.V == "true" {
		kind = "abstract"
	}
	parts := []string{root}
	for i := range s.Elements {
		e := &s.Elements[i]
		if i > 0 && len(e.Types) == 1 && (e.Types[0].Code.V == "BackboneElement" || e.Types[0].Code.V == "Element") && e.Content.V == "" && s.has(e.Path.V) {
			parts = append(parts, e.Path.V)
		}
	}
	for _, part := range parts {
		if part != root {
			kind = "part"
		}
		fmt.Fprintf(w, "T\t%s\t%s\n", part, kind)
		if part == root {
			s.Elements[0].constraints(w)
		}
		for i := range s.Elements {
			e := &s.Elements[i]
			if name, ok := strings.CutPrefix(e.Path.V, part+"."); ok && !strings.Contains(name, ".") && kind != "primitive" {
				e.write(w, name, parts, whole)
			}
		}
	}
}

func (s *structure) has(path string) bool {
	return slices.ContainsFunc(s.Elements, func(e element) bool { return strings.HasPrefix(e.Path.V, path+".") })
}

func (e *element) write(w io.Writer, name string, parts []string, whole func(url string) bool) {
	var types []string
	switch {
	case e.Content.V != "":
		types = []string{"@" + strings.TrimPrefix(e.Content.V, "#")}
	case slices.Contains(parts, e.Path.V):
		types = []string{"@" + e.Path.V}
	default:
		for _, t := range e.Types {
			types = append(types, typeName(t.Code.V, t.Targets))
		}
		for _, t := range e.Types { // ids of types are strings by an extension
			for _, x := range t.Extension {
				if strings.HasSuffix(x.URL, "structuredefinition-fhir-type") && len(e.Types) == 1 {
					types = []string{x.Is.V}
				}
			}
		}
	}
	set := e.set()
	if set != "" && !whole(set) {
		set = ""
	}
	fmt.Fprintf(w, "E\t%s\t%s\t%s\t%s\t%s\n", name, e.Min.V, e.Max.V, strings.Join(types, ","), set)
	e.constraints(w)
}

func typeName(code string, targets []value) string {
	code = strings.TrimPrefix(code, "http://hl7.org/fhirpath/System.")
	if code != "Reference" {
		return code
	}
	var names []string
	for _, t := range targets {
		names = append(names, t.V[strings.LastIndexByte(t.V, '/')+1:])
	}
	if slices.Contains(names, "Resource") || len(names) == 0 {
		return code
	}
	return code + "(" + strings.Join(names, "|") + ")"
}

func (e *element) constraints(w io.Writer) {
	for _, c := range e.Constraints {
		if c.Severity.V == "error" && c.Expression.V != "" && !slices.Contains(skip, c.Key.V) {
			text := clean(c.Expression.V)
			if right, ok := errata[c.Key.V]; ok {
				text = right
			}
			fmt.Fprintf(w, "K\t%s\t%s\n", c.Key.V, text)
		}
	}
}
