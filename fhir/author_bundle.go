package fhir

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
)

// BundleEntry is one entry of a Bundle Ember answers with. Empty fields are left
// out.
type BundleEntry struct {
	FullURL string
	// Resource is written byte for byte.
	Resource []byte
	// Status ("201 Created"), Location, ETag and LastModified make the response
	// of a transaction or batch, Outcome (JSON) what went wrong there.
	Status, Location, ETag, LastModified string
	Outcome                              []byte
	// Mode is why it is in a searchset: "match", "include" or "outcome".
	Mode string
	// Method and URL are the request that made a version of a history.
	Method, URL string
}

// BundleHead is what a Bundle Ember answers with has beside entries.
type BundleHead struct {
	// Type is "transaction-response", "batch-response", "searchset", "history"
	// or "collection".
	Type string
	// ID and Timestamp (a FHIR instant) are left out when empty.
	ID, Timestamp string
	// Total is how many match, -1 = not said.
	Total int
	// Self, First and Next are links, left out when empty.
	Self, First, Next string
}

// BundleResponse writes a Bundle entry by entry, so that its size is not bound
// by memory; next gives the entries until ok is false. The models are not used
// here: they would write the resources anew.
func BundleResponse(w io.Writer, head BundleHead, next func() (e BundleEntry, ok bool)) error {
	b := bufio.NewWriterSize(w, 32<<10)
	writeHead(b, head)
	n := 0
	for e, ok := next(); ok; e, ok = next() {
		if n == 0 {
			b.WriteString(`,"entry":[`)
		} else {
			b.WriteByte(',')
		}
		n++
		writeEntry(b, e)
	}
	if n > 0 {
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return b.Flush()
}

func writeHead(b *bufio.Writer, head BundleHead) {
	b.WriteString(`{"resourceType":"Bundle"`)
	property(b, `,"id":`, head.ID)
	property(b, `,"type":`, head.Type)
	property(b, `,"timestamp":`, head.Timestamp)
	if head.Total >= 0 && (head.Type == "searchset" || head.Type == "history") {
		b.WriteString(`,"total":` + strconv.Itoa(head.Total))
	}
	if head.Self == "" && head.First == "" && head.Next == "" {
		return
	}
	separator := `,"link":[`
	for _, link := range [...][2]string{{"self", head.Self}, {"first", head.First}, {"next", head.Next}} {
		if link[1] != "" {
			property(b, separator+`{"relation":"`+link[0]+`","url":`, link[1])
			b.WriteByte('}')
			separator = ","
		}
	}
	b.WriteByte(']')
}

func writeEntry(b *bufio.Writer, e BundleEntry) {
	b.WriteByte('{')
	comma := ""
	if e.FullURL != "" {
		property(b, `"fullUrl":`, e.FullURL)
		comma = ","
	}
	if len(e.Resource) > 0 {
		b.WriteString(comma + `"resource":`)
		b.Write(e.Resource)
		comma = ","
	}
	if e.Mode != "" {
		property(b, comma+`"search":{"mode":`, e.Mode)
		b.WriteByte('}')
		comma = ","
	}
	if e.Method != "" {
		property(b, comma+`"request":{"method":`, e.Method)
		property(b, `,"url":`, e.URL)
		b.WriteByte('}')
		comma = ","
	}
	if e.Status != "" {
		property(b, comma+`"response":{"status":`, e.Status)
		property(b, `,"location":`, e.Location)
		property(b, `,"etag":`, e.ETag)
		property(b, `,"lastModified":`, e.LastModified)
		if len(e.Outcome) > 0 {
			b.WriteString(`,"outcome":`)
			b.Write(e.Outcome)
		}
		b.WriteByte('}')
	}
	b.WriteByte('}')
}

// property writes a name (with what stands before it) and a string, unless the
// string is empty.
func property(b *bufio.Writer, name, value string) {
	if value == "" {
		return
	}
	b.WriteString(name)
	text, _ := json.Marshal(value) // a string always encodes
	b.Write(text)
}
