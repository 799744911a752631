// Command definitions makes the table of FHIR R4 that fhir/validate holds resources to,
// from the definitions of the specification (CC0), as HAPI FHIR carries them:
//
//	mvn -B dependency:get -Dartifact=ca.uhn.hapi.fhir:hapi-fhir-validation-resources-r4:8.8.1
//	go -C tools run ./definitions
//
// One line a fact, by tabs, compressed:
//
//	V version source                       what it was made from
//	S url system code code | system code   a value set, whole
//	T name kind                            a type: resource, complex, primitive or part
//	E name min max types url               an element of it, its types, its required value set
//	K key expression                       an invariant of the type or element before it
//
// Of types, @Name is a part of the type, and Reference(A|B) names the targets.
package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	artifact = "ca.uhn.hapi.fhir:hapi-fhir-validation-resources-r4:8.8.1"
	model    = "org/hl7/fhir/r4/model/"
)

func main() {
	home, _ := os.UserHomeDir()
	jar := flag.String("jar", filepath.Join(home, ".m2/repository/ca/uhn/hapi/fhir/hapi-fhir-validation-resources-r4/8.8.1/hapi-fhir-validation-resources-r4-8.8.1.jar"), "the archive that carries the definitions")
	out := flag.String("out", "../fhir/validate/r4.txt.gz", "the table")
	flag.Parse()
	if err := run(*jar, *out); err != nil {
		fmt.Fprintln(os.Stderr, "definitions:", err)
		os.Exit(1)
	}
}

func run(jar, out string) error {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer z.Close()
	sets := newSets()
	for _, name := range []string{"valueset/valuesets.xml", "valueset/v3-codesystems.xml"} {
		if err := sets.read(z, model+name); err != nil {
			return err
		}
	}
	var types []structure
	for _, name := range []string{"profile/profiles-types.xml", "profile/profiles-resources.xml"} {
		more, err := structures(z, model+name)
		if err != nil {
			return err
		}
		types = append(types, more...)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "V\tFHIR R4 (4.0.1)\tprofiles-types, profiles-resources, valuesets and v3-codesystems of the specification (CC0-1.0), from %s\n", artifact)
	written := map[string]bool{}
	for i := range types {
		for _, url := range types[i].bound() {
			if line := sets.line(url); line != "" && !written[url] {
				b.WriteString(line)
			}
			written[url] = true
		}
	}
	for i := range types {
		types[i].write(&b, func(url string) bool { return sets.line(url) != "" })
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	fmt.Printf("%d types, %d value sets, %d bytes, %d compressed\n", len(types), len(written), b.Len(), packed.Len())
	return os.WriteFile(out, packed.Bytes(), 0o644)
}

// skip are invariants that a reader of the JSON holds by itself, and those that need the
// types of all elements to be known.
var skip = []string{"ele-1", "ext-1", "dom-2", "dom-3", "txt-1", "txt-2", "ref-1", "que-7"}

// errata are expressions of 4.0.1 that say something else than their own words.
var errata = map[string]string{"que-12": "enableWhen.count() > 1 implies enableBehavior.exists()"} // "more than one", and > 2 in the expression

func clean(text string) string { return strings.Join(strings.Fields(text), " ") }

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
