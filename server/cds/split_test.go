package cds

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzSplit holds the splitting of JSON to encoding/json on whatever is valid, and to
// an end on whatever is not.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `{"a":1,"b":[1,{"c":"}"}],"d\"":"\\"}`, ` { "a" : null , "b":true}`, `["x",[],{},-1.5e3 ,null]`, `"text"`, `{"\u0061":"\ud83d\ude00"}`, `{"a":`, `{"a" 1}`, `[1,,2]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		raw := json.RawMessage(s)
		object, list := map[string]string{}, []string{}
		isObject := members(raw, func(key string, v json.RawMessage) bool { object[key] = string(v); return true })
		isList := elements(raw, func(_ int, v json.RawMessage) { list = append(list, string(v)) })
		_, _ = text(raw)
		if !json.Valid(raw) {
			return
		}
		var wantObject map[string]json.RawMessage
		if err := json.Unmarshal(raw, &wantObject); (err == nil && wantObject != nil) != isObject {
			t.Fatalf("object: %v, %v", isObject, err)
		}
		if isObject {
			want := map[string]string{}
			for k, v := range wantObject {
				want[k] = strings.TrimSpace(string(v))
			}
			if !reflect.DeepEqual(object, want) {
				t.Errorf("%q\nwant %q", object, want)
			}
		}
		var wantList []json.RawMessage
		if err := json.Unmarshal(raw, &wantList); (err == nil && wantList != nil) != isList {
			t.Fatalf("list: %v, %v", isList, err)
		}
		if isList {
			want := []string{}
			for _, v := range wantList {
				want = append(want, strings.TrimSpace(string(v)))
			}
			if !reflect.DeepEqual(list, want) {
				t.Errorf("%q\nwant %q", list, want)
			}
		}
		var wantText string
		if got, ok := text(json.RawMessage(strings.TrimSpace(s))); ok && (json.Unmarshal(raw, &wantText) != nil || got != wantText) {
			t.Errorf("%q, want %q", got, wantText)
		}
	})
}

// FuzzRead: whatever comes is read or refused with a place, and never quoted.
func FuzzRead(f *testing.F) {
	f.Add("treatments", `{"hook":"patient-view","hookInstance":"x","context":{"patientId":"p","encounterId":null},"prefetch":{"patient":null}}`)
	f.Add("safety", `{"hook":"order-dispatch","hookInstance":"x","context":{"patientId":"p","order":"ServiceRequest/1"},"fhirServer":"https://e/f","fhirAuthorization":{"access_token":"t"}}`)
	f.Add("safety", `{"hook":"order-sign","hookInstance":"x","context":{"patientId":"p","draftOrders":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"MedicationRequest","id":"d"}},{"fullUrl":7}]}}}`)
	s, err := New(Options{}, Deps{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, service, body string) {
		r, err := Read(service, []byte(body))
		if err != nil {
			return
		}
		if r.Patient == "" || r.Hook == "" || r.Instance == "" {
			t.Errorf("%+v", r)
		}
		c, err := s.collect(r)
		if err != nil {
			return
		}
		if b := c.posted(); !json.Valid(b) {
			t.Errorf("%s", b)
		}
	})
}

func TestBrief(t *testing.T) {
	for text, want := range map[string]string{"": "", "a  b\n c": "a b c", "abcdefghij": "abcdefghij", "abcdefghijk": "abcdefghi…", "abcdefgh, jk": "abcdefgh…", "💊💊💊💊💊💊": "💊💊💊💊…"} {
		if got := brief(text, 10); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestChance(t *testing.T) {
	for p, want := range map[float64]string{1: "99 %, nearly always", .8: "80 %, about 3 in 4 or more", .6: "60 %, more often than not", .5: "50 %, about 1 in 2", .43: "43 %, about 2 in 5", .33: "33 %, about 1 in 3", .05: "5 %, about 1 in 20", 0: "0 %, about 1 in 1000"} {
		if got := chance(p); got != want {
			t.Errorf("%v is %q, want %q", p, got, want)
		}
	}
}
