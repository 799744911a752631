package fhir

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// dump reads text and prints what the callbacks were given.
func dump(t *testing.T, text, name string, lim Limits) string {
	t.Helper()
	var out strings.Builder
	err := Read(t.Context(), strings.NewReader(text), name, lim, func(e Entry, issues []Issue) error {
		fmt.Fprintf(&out, "%s %s %s %s", e.Path, e.Raw, e.FullURL, e.Method)
		for _, i := range issues {
			fmt.Fprintf(&out, " [%s %s: %s]", i.Severity, i.Path, i.Detail)
		}
		out.WriteString("\n")
		return nil
	}, func(s Summary) error {
		fmt.Fprintf(&out, "end %s %d broken=%v\n", s.Type, s.Entries, s.Broken)
		return nil
	})
	if err != nil {
		fmt.Fprintln(&out, "error", err)
	}
	return out.String()
}

func TestReadShapes(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"single", `{"resourceType":"Patient","id":"a"}`, " {\"resourceType\":\"Patient\",\"id\":\"a\"}  \nend  1 broken=false\n"},
		{"x", "\xEF\xBB\xBF {\"id\":\"a\",\r\n\"resourceType\":\"Patient\"}\r\n", " {\"id\":\"a\",\r\n\"resourceType\":\"Patient\"}  \nend  1 broken=false\n"},
		{"array", `[{"resourceType":"Patient"}, {"resourceType":"List","x":}]`,
			"[0] {\"resourceType\":\"Patient\"}  \n[1] {\"resourceType\":\"List\",\"x\":}   [error [1].x: value expected]\nend  2 broken=false\n"},
		{"lines", "{\"resourceType\":\"Patient\"}\r\n\n{\"resourceType\":\n{\"resourceType\":\"List\"}",
			"line 1 {\"resourceType\":\"Patient\"}  \nline 3 {\"resourceType\":   [error line 3: Resource.resourceType: the text ends inside the resource]\nline 4 {\"resourceType\":\"List\"}  \nend  3 broken=false\n"},
		{"bundle", `{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"request":{"method":"DELETE","url":"Patient/1"}}],"x":1}`,
			"Bundle.entry[0] {\"resourceType\":\"Patient\"} urn:uuid:1 POST\nBundle.entry[1]   DELETE\nend batch 2 broken=false\n"},
		{"late", `{"entry":[{"resource":{"resourceType":"Patient"}}],"type":"transaction","resourceType":"Bundle"}`,
			"Bundle.entry[0] {\"resourceType\":\"Patient\"}  \nend transaction 1 broken=false\n"},
		{"truncated", `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}},{"resource":{"resou`,
			"Bundle.entry[0] {\"resourceType\":\"Patient\"}  \nBundle.entry[1]    [fatal Bundle.entry[1]: the document ends here]\nend  1 broken=true\n"},
		{"bad entry", `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","birthDate":tru}},7,{"resource":{"resourceType":"List"}}]}`,
			"Bundle.entry[0] {\"resourceType\":\"Patient\",\"birthDate\":tru}   [error Bundle.entry[0].resource.birthDate: value expected]\nBundle.entry[1]    [error Bundle.entry[1]: unexpected type or duplicate property]\nBundle.entry[2] {\"resourceType\":\"List\"}  \nend  3 broken=false\n"},
		{"empty", "", "    [fatal : the document is empty]\nend  0 broken=true\n"},
		{"text", "hello", "    [fatal : neither a JSON object nor an array]\nend  0 broken=true\n"},
		{"two", `{"resourceType":"Patient"}{"resourceType":"List"}`, " {\"resourceType\":\"Patient\"}  \nend  1 broken=false\ndocument 2 {\"resourceType\":\"List\"}  \nend  1 broken=false\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := dump(t, tc.text, tc.name, Limits{}); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestReadStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Read(ctx, strings.NewReader(`{"resourceType":"Patient"}`), "", Limits{}, func(Entry, []Issue) error { return nil }, nil)
	if err == nil {
		t.Fatal("a cancelled context did not stop reading")
	}
}
