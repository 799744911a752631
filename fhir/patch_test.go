package fhir_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ember/fhir"
)

// TestPatch follows RFC 6902, also its appendix; digits and order are kept.
func TestPatch(t *testing.T) {
	for _, c := range []struct{ doc, patch, want string }{
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"foo":"bar","baz":"qux"}`},
		{`{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{`{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{`{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{`{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{`{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{`{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2.0}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{`{"a":{"x":1,"y":[null]}}`, `[{"op":"test","path":"/a","value":{"y":[null],"x":1e0}}]`, `{"a":{"x":1,"y":[null]}}`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}},"xyz":123}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
		{`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10},{"op":"replace","path":"/~1","value":1}]`, `{"/":1,"~1":10}`},
		{`{"v":5.40,"big":12345678901234567890,"t":"<b>\u00e9"}`, `[{"op":"copy","from":"/v","path":"/w"}]`, `{"v":5.40,"big":12345678901234567890,"t":"<b>é","w":5.40}`},
		{`{"a":1}`, `[{"op":"replace","path":"","value":{"b":2}}]`, `{"b":2}`},
		{`{"a":1}`, `[]`, `{"a":1}`},
		{`{"a":1}`, `[{"op":"add","path":"/a","value":null}]`, `{"a":null}`},
	} {
		got, err := fhir.Patch([]byte(c.doc), []byte(c.patch))
		if err != nil || string(got) != c.want {
			t.Errorf("%s %s: %s %v, want %s", c.doc, c.patch, got, err, c.want)
		}
	}
	for _, c := range []struct {
		patch  string
		op     int
		syntax bool
	}{
		{`{}`, -1, true}, {`[`, -1, true}, {`[] []`, -1, true}, {`[]]`, -1, true}, {`null`, -1, true}, {`[{"op":"spam","path":"/a"}]`, 0, true}, {`[{"op":"add","path":"a","value":1}]`, 0, true},
		{`[{"op":"add","path":"/a"}]`, 0, true}, {`[{"op":"add","value":1}]`, 0, true}, {`[{"op":"copy","path":"/b"}]`, 0, true},
		{`[{"op":"test","path":"/a","value":"1"}]`, 0, false}, {`[{"op":"add","path":"/b","value":1},{"op":"remove","path":"/none"}]`, 1, false},
		{`[{"op":"add","path":"/list/9","value":1}]`, 0, false}, {`[{"op":"add","path":"/list/01","value":1}]`, 0, false}, {`[{"op":"add","path":"/a/b","value":1}]`, 0, false},
		{`[{"op":"replace","path":"/none","value":1}]`, 0, false}, {`[{"op":"remove","path":""}]`, 0, false}, {`[{"op":"move","from":"/list","path":"/list/0"}]`, 0, false},
		{"[" + strings.TrimSuffix(strings.Repeat(`{"op":"copy","from":"/list","path":"/list/-"},`, 400), ",") + "]", 15, false},
	} {
		var e *fhir.PatchError
		got, err := fhir.Patch([]byte(`{"a":1,"list":[1,2]}`), []byte(c.patch))
		if !errors.As(err, &e) || e.Op != c.op || e.Syntax != c.syntax || got != nil {
			t.Errorf("%.60s: %v", c.patch, err)
		}
	}
}

// TestPatchIsBounded: neither copies of a long text, nor a value of very many, nor objects
// whose many members are compared make a small patch a large work.
func TestPatchIsBounded(t *testing.T) {
	copies := "[" + strings.TrimSuffix(strings.Repeat(`{"op":"copy","from":"/text","path":"/list/-"},`, 999), ",") + "]"
	many := `[{"op":"add","path":"/many","value":[` + strings.Repeat("0,", 1_000_000) + `0]}]`
	deep := `[{"op":"add","path":"` + strings.Repeat("/a", 1_000_000) + `","value":0}]`
	for _, patch := range []string{copies, many, deep} {
		var e *fhir.PatchError
		got, err := fhir.Patch([]byte(`{"list":[],"text":"`+strings.Repeat("x", 1<<20)+`"}`), []byte(patch))
		if !errors.As(err, &e) || got != nil {
			t.Errorf("%.60s: %d bytes, %v", patch, len(got), err)
		}
	}
	var up, down []string
	for i := range 200_000 {
		up, down = append(up, fmt.Sprintf(`"%d":0`, i)), append(down, fmt.Sprintf(`"%d":0`, 199_999-i))
	}
	patch := `[{"op":"test","path":"","value":{` + strings.Join(up, ",") + `}}]`
	if _, err := fhir.Patch([]byte("{"+strings.Join(down, ",")+"}"), []byte(patch)); err != nil { // in time that grows with them, not with their square
		t.Error(err)
	}
}

// ExamplePatch changes one element.
func ExamplePatch() {
	b, _ := fhir.Patch([]byte(`{"resourceType":"Patient","gender":"female"}`), []byte(`[{"op":"test","path":"/gender","value":"female"},{"op":"replace","path":"/gender","value":"other"}]`))
	fmt.Println(string(b))
	// Output: {"resourceType":"Patient","gender":"other"}
}
