package fhir

import "testing"

func TestParseReference(t *testing.T) {
	for in, want := range map[string]Reference{
		"Patient/1":                                     {Kind: Relative, Type: "Patient", ID: "1"},
		"/Patient/1":                                    {Kind: Relative, Type: "Patient", ID: "1"},
		"Patient/1/_history/2":                          {Kind: Relative, Type: "Patient", ID: "1", Version: "2"},
		"https://a.org/fhir/R4/Condition/c-1.2":         {Kind: Absolute, Type: "Condition", ID: "c-1.2", Base: "https://a.org/fhir/R4"},
		"http://a.org/Patient/1/_history/3":             {Kind: Absolute, Type: "Patient", ID: "1", Version: "3", Base: "http://a.org"},
		"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0": {Kind: URN, ID: "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"},
		"URN:UUID:0c3151bd":                             {Kind: URN, ID: "0c3151bd"},
		"urn:oid:1.2.3":                                 {Kind: URN, ID: "1.2.3"},
		"#p1":                                           {Kind: Contained, ID: "p1"},
		"#":                                             {Kind: Contained},
		"Practitioner?identifier=http://x|9":            {Kind: Conditional, Type: "Practitioner", Query: "identifier=http://x|9"},
		"http://a.org/Patient?identifier=1":             {Kind: Conditional, Type: "Patient", Query: "identifier=1"},
		"Patient/1#name":                                {Kind: Relative, Type: "Patient", ID: "1"},
		"Patient":                                       {}, "": {}, "patient/1": {}, "Patient/": {}, "Patient/ü": {}, "?x=1": {}, "/": {}, "http://a.org/": {}, "mailto:a@b.c": {},
	} {
		if got := ParseReference(in); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
		if got := (Ref{Text: []byte(in)}).Kind(); in != "URN:UUID:0c3151bd" && want.Kind != 0 && got != want.Kind && got != Conditional {
			t.Errorf("%q: quick kind %d, want %d", in, got, want.Kind)
		}
	}
}

func TestConditionalIdentifier(t *testing.T) {
	for in, want := range map[string][2]string{
		"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999": {"http://hl7.org/fhir/sid/us-npi", "9999"},
		"Patient?active=true&identifier=a%7Cb%20c":                    {"a", "b c"},
		"Patient?identifier=|b":                                       {"", "b"},
		"Patient?identifier=b":                                        {"", "b"},
		"Patient?identifier=a|":                                       {"a", ""},
		"Patient?name=b":                                              {"", ""},
		"Patient/1":                                                   {"", ""},
	} {
		system, value, ok := ParseReference(in).Identifier()
		if ok != (want[1] != "") || ok && [2]string{system, value} != want {
			t.Errorf("%q: %q %q %v", in, system, value, ok)
		}
	}
}
