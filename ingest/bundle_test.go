package ingest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"ember/ingest"
)

const (
	mrnPatient = `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"7"}]`
	ifNone     = `"ifNoneExist":"identifier=urn:mrn|7"`
)

// conditionally makes a Bundle of two entries with Patients that mean the same
// person, and one Condition of the second.
func conditionally(kind, request, more string) string {
	entry := func(uuid, name string) string {
		return `{"fullUrl":"urn:uuid:` + uuid + `","resource":` + mrnPatient + `,"name":[{"text":"` + name + `"}]},"request":{` + request + `}}`
	}
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` +
		entry("11111111-1111-4111-8111-111111111111", "a") + `,` + entry("22222222-2222-4222-8222-222222222222", "b") + more + `,
		{"fullUrl":"urn:uuid:33333333-3333-4333-8333-333333333333","resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:22222222-2222-4222-8222-222222222222"},"recordedDate":"2020-01-01","code":{"text":"Gout"}},"request":{"method":"POST","url":"Condition"}}]}`
}

func (h *hospital) patients() (n int) {
	for _, err := range h.store.Patients() {
		if err != nil {
			h.Fatal(err)
		}
		n++
	}
	return n
}

func statuses(outs []ingest.Outcome) (all []int) {
	for _, o := range outs {
		all = append(all, o.Status)
	}
	return all
}

// TestSameConditionTwiceInOneBundle: the second create finds what the first
// makes, and who refers to the second refers to that.
func TestSameConditionTwiceInOneBundle(t *testing.T) {
	for _, kind := range []string{"transaction", "batch"} {
		h := open(t, t.TempDir())
		bundle := conditionally(kind, `"method":"POST","url":"Patient",`+ifNone, "")
		outs := h.load(bundle)
		if len(outs) != 3 || outs[0].Status != 201 || outs[1].Status != 200 || !outs[1].Unchanged || outs[1].Version != 1 || outs[2].Status != 201 {
			t.Fatalf("%s: %+v", kind, outs)
		}
		if outs[0].ID != outs[1].ID || outs[2].Patient != outs[0].ID || h.patients() != 1 {
			t.Errorf("%s: not one: %+v", kind, outs)
		}
		if got := h.served("Patient", outs[0].ID); !strings.Contains(got, `"text":"a"`) {
			t.Errorf("%s: not the first: %s", kind, got)
		}
		for _, o := range h.load(bundle) {
			if !o.Unchanged || o.Type == "Patient" && o.ID != outs[0].ID {
				t.Errorf("%s, sent again: %+v", kind, o)
			}
		}
	}
}

// TestSameConditionalUpdateTwice: resources that overlap fail a transaction; a
// batch makes two versions of one.
func TestSameConditionalUpdateTwice(t *testing.T) {
	bundle := func(kind string) string {
		return conditionally(kind, `"method":"PUT","url":"Patient?identifier=urn:mrn|7"`, "")
	}
	h := open(t, t.TempDir())
	outs := h.load(bundle("transaction"))
	if len(outs) != 3 || outs[1].Status != http.StatusBadRequest || h.patients() != 0 {
		t.Errorf("transaction: %+v", outs)
	}
	outs = h.load(bundle("batch"))
	if len(outs) != 3 || outs[0].ID != outs[1].ID || outs[1].Version != 2 || h.patients() != 1 {
		t.Fatalf("batch: %+v", outs)
	}
	if got := h.served("Patient", outs[0].ID); !strings.Contains(got, `"text":"b"`) {
		t.Errorf("not the second: %s", got)
	}
}

// TestConditionMetByAnEntryWithoutOne: a plain create before brings the identifier;
// two of them are too many.
func TestConditionMetByAnEntryWithoutOne(t *testing.T) {
	plain := func(name string) string {
		return `{"resource":` + mrnPatient + `,"name":[{"text":"` + name + `"}]},"request":{"method":"POST","url":"Patient"}}`
	}
	asked := `{"resource":` + mrnPatient + `},"request":{"method":"POST","url":"Patient",` + ifNone + `}}`
	h := open(t, t.TempDir())
	outs := h.load(`{"resourceType":"Bundle","type":"batch","entry":[` + plain("a") + `,` + asked + `]}`)
	if len(outs) != 2 || outs[1].Status != 200 || outs[1].ID != outs[0].ID {
		t.Errorf("%+v", outs)
	}
	h = open(t, t.TempDir())
	outs = h.load(`{"resourceType":"Bundle","type":"batch","entry":[` + plain("a") + `,` + plain("b") + `,` + asked + `]}`)
	if len(outs) != 3 || outs[2].Status != http.StatusPreconditionFailed {
		t.Errorf("%+v", outs)
	}
}

// TestGetsComeLast: what a transaction reads is what it leaves behind.
func TestGetsComeLast(t *testing.T) {
	get := `{"request":{"method":"GET","url":"Patient/p1"}}`
	put := `{"resource":` + pat + `,"request":{"method":"PUT","url":"Patient/p1"}}`
	remove := `{"request":{"method":"DELETE","url":"Patient/p1"}}`
	nobody := `{"request":{"method":"DELETE","url":"Patient?identifier=urn:mrn|9"}}`
	bundle := func(entries ...string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
	}
	h := open(t, t.TempDir())
	for _, step := range []struct {
		entries []string
		want    []int
	}{
		{[]string{get}, []int{404}},
		{[]string{get, put, nobody}, []int{200, 201, 204}},
		{[]string{get, remove}, []int{404, 424}},
		{[]string{get}, []int{200}},
	} {
		outs := h.load(bundle(step.entries...))
		got := statuses(outs)
		for i := range step.want {
			if len(got) != len(step.want) || got[i] != step.want[i] || got[i] == 200 && len(outs[i].Body) == 0 {
				t.Errorf("%v: %v, want %v", step.entries, got, step.want)
				break
			}
		}
	}
}

// TestIfMatchInTransaction names the entry whose condition was not met.
func TestIfMatchInTransaction(t *testing.T) {
	put := func(version string) string {
		return `{"resource":` + pat + `,"request":{"method":"PUT","url":"Patient/p1","ifMatch":"W/\"` + version + `\""}}`
	}
	other := `{"resource":` + cond + `,"request":{"method":"PUT","url":"Condition/c1"}}`
	for kind, want := range map[string][2]int{"transaction": {424, 412}, "batch": {201, 412}} {
		h := open(t, t.TempDir())
		h.load(pat)
		var outs []ingest.Outcome
		loaded, err := h.Load(context.Background(), strings.NewReader(`{"resourceType":"Bundle","type":"`+kind+`","entry":[`+other+`,`+put("4")+`]}`), "body", func(o ingest.Outcome) { outs = append(outs, o) })
		if err != nil || len(outs) != 2 || outs[0].Status != want[0] || outs[1].Status != want[1] {
			t.Fatalf("%s: %+v %v", kind, outs, err)
		}
		if n := len(outs[1].Issues); n != 1 || outs[1].Issues[0].Path != "Bundle.entry[1].request.ifMatch" {
			t.Errorf("%s: %+v", kind, outs[1])
		}
		if (loaded.Aborted == 1) != (kind == "transaction") {
			t.Errorf("%s: %+v", kind, loaded)
		}
		for _, o := range h.load(`{"resourceType":"Bundle","type":"` + kind + `","entry":[` + other + `,` + put("1") + `]}`) {
			if o.Status >= 400 {
				t.Errorf("%s, the right version: %+v", kind, o)
			}
		}
	}
}
