package fhir

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// endless gives head, then part(0), part(1), … up to n, then tail.
type endless struct {
	part    func(i int) string
	n, i    int
	tail    string
	pending []byte
}

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	for len(e.pending) == 0 {
		switch {
		case e.i < e.n:
			e.pending = []byte(e.part(e.i))
		case e.i == e.n:
			e.pending = []byte(e.tail)
		default:
			return 0, io.EOF
		}
		e.i++
	}
	n := copy(p, e.pending)
	e.pending = e.pending[n:]
	return n, nil
}

// bigBundle is a transaction of about the given bytes, whose type comes last.
func bigBundle(size int) (io.Reader, int) {
	filler := strings.Repeat("Amoxicillin 250 MG Oral Capsule. ", 60)
	n := size / (len(filler) + 160)
	return &endless{n: n, tail: `],"type":"transaction"}`, part: func(i int) string {
		lead := ","
		if i == 0 {
			lead = `{"resourceType":"Bundle","entry":[`
		}
		return fmt.Sprintf(`%s{"fullUrl":"urn:uuid:%d","resource":{"resourceType":"Observation","id":"o%d","code":{"text":"%s"}},"request":{"method":"POST","url":"Observation"}}`, lead, i, i, filler)
	}}, n
}

func TestBigBundleInBoundedMemory(t *testing.T) {
	r, want := bigBundle(76 << 20)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	n := 0
	var summary Summary
	err := Read(t.Context(), r, "big", Limits{}, func(e Entry, issues []Issue) error {
		if len(issues) > 0 || e.Raw == nil {
			return fmt.Errorf("%v", issues)
		}
		if n++; n%4000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		}
		return nil
	}, func(s Summary) error { summary = s; return nil })
	if err != nil || n != want || summary.Type != "transaction" || summary.Entries != want || summary.Broken {
		t.Fatalf("%d of %d entries, %+v, %v", n, want, summary, err)
	}
	if used := int64(peak) - int64(before.HeapAlloc); used > 8<<20 {
		t.Errorf("%d MiB in use while reading", used>>20)
	}
}

func TestLimits(t *testing.T) {
	none := func(Entry, []Issue) error { return nil }
	r, _ := bigBundle(3 << 20)
	if err := Read(t.Context(), r, "big", Limits{MaxBytes: 1 << 20}, none, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a Bundle over the limit: %v", err)
	}
	r, _ = bigBundle(1 << 20)
	if err := Read(t.Context(), r, "big", Limits{MaxEntries: 10}, none, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many entries: %v", err)
	}
	long := `{"resourceType":"Basic","x":"` + strings.Repeat("x", 3<<20) + `"}`
	for _, name := range []string{"a.json", "a.ndjson"} {
		if err := Read(t.Context(), strings.NewReader(long), name, Limits{MaxBytes: 1 << 20}, none, nil); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: a resource over the limit: %v", name, err)
		}
		if err := Read(t.Context(), strings.NewReader(long), name, Limits{}, none, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := dump(t, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Basic","x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`}},{"resource":{"resourceType":"Patient"}}]}`, "", Limits{}); !strings.Contains(got, "nested deeper than 512") || !strings.HasSuffix(got, "Bundle.entry[1] {\"resourceType\":\"Patient\"}  \nend  2 broken=false\n") {
		t.Errorf("20,000 deep: %s", got[len(got)-200:])
	}
	if got := dump(t, strings.Repeat(`{"a":`, 20000), "", Limits{}); !strings.Contains(got, "broken=true") {
		t.Error("20,000 open objects were read")
	}
}

func gz(t *testing.T, parts ...io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.Copy(w, io.MultiReader(parts...)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBombs(t *testing.T) {
	none := func(Entry, []Issue) error { return nil }
	blank := func(size int64) io.Reader { return io.LimitReader(zeros{}, size) }
	for name, bomb := range map[string][]byte{
		"gzip":             gz(t, blank(12<<20)),
		"gzip of lines":    gz(t, strings.NewReader("{\"resourceType\":\"Patient\"}\n"), blank(12<<20)),
		"zip":              zipped(t, map[string][]byte{"a.json": bytes.Repeat([]byte(" "), 12<<20)}),
		"gzip in zip":      zipped(t, map[string][]byte{"a.ndjson.gz": gz(t, blank(12<<20))}),
		"gzip in gzip":     gz(t, bytes.NewReader(gz(t, blank(12<<20)))),
		"one large string": gz(t, strings.NewReader(`{"resourceType":"Basic","x":"`), blank(12<<20)),
	} {
		if err := Read(t.Context(), bytes.NewReader(bomb), name, Limits{}, none, nil); !errors.Is(err, ErrBomb) {
			t.Errorf("%s of %d bytes: %v", name, len(bomb), err)
		}
	}
	russian := gz(t, strings.NewReader(`{"resourceType":"Patient"}`))
	for range 3 {
		russian = gz(t, bytes.NewReader(russian))
	}
	if got := dump(t, string(russian), "x", Limits{}); !strings.Contains(got, "compressed too many times") {
		t.Errorf("four times compressed: %s", got)
	}
}

// zeros gives spaces.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestDamagedCompression(t *testing.T) {
	var lines strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&lines, "{\"resourceType\":\"Patient\",\"id\":\"%d\"}\n", i*7919)
	}
	whole := gz(t, strings.NewReader(lines.String()))
	kept := 0
	var broken bool
	err := Read(t.Context(), bytes.NewReader(whole[:len(whole)/2]), "a.ndjson.gz", Limits{}, func(e Entry, issues []Issue) error {
		if e.Raw != nil && !Refused(issues) {
			kept++
		}
		return nil
	}, func(s Summary) error { broken = s.Broken; return nil })
	if err != nil || !broken || kept < 1000 {
		t.Errorf("kept %d, broken %v, %v", kept, broken, err)
	}
	for _, text := range []string{"\x1f\x8bxx", "PK\x03\x04xx"} {
		if got := dump(t, text, "x", Limits{}); !strings.Contains(got, "malformed") {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	patient := func(id string) []byte { return []byte(`{"resourceType":"Patient","id":"` + id + `"}`) }
	for name, content := range map[string][]byte{
		"Observation.ndjson": []byte("{\"resourceType\":\"Observation\",\"id\":\"o\"}\n"),
		"Patient.ndjson.gz":  gz(t, bytes.NewReader(patient("p"))),
		"sub/z.zip":          zipped(t, map[string][]byte{"b.json": patient("zb"), "hospitalInformation1.json": patient("zh"), "c.ndjson.gz": gz(t, bytes.NewReader(patient("zc"))), "readme.txt": []byte("x")}),
		"README.txt":         []byte("not FHIR"),
		".hidden.json":       []byte("{"),
		"Organization.json":  patient("org"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := Walk(t.Context(), []string{dir}, Limits{}, func(e Entry, issues []Issue) error {
		got = append(got, e.Header.ID)
		if len(issues) > 0 {
			t.Errorf("%s: %v", e.Document, issues)
		}
		return nil
	}, nil)
	if err != nil || strings.Join(got, " ") != "org p o zh zb zc" {
		t.Errorf("%v %v", got, err)
	}
	if err := Walk(t.Context(), []string{filepath.Join(dir, "none")}, Limits{}, nil, nil); err == nil {
		t.Error("a missing file was read")
	}
}

// FuzzRead: reading never panics, gives only parts of the text, and names what
// it refuses. Small buffers of the source make no difference.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}}]}`,
		"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\n{\"resourceType\":\"List\"}\n", `[{"resourceType":"Patient"}]`, `{"entry":[],"resourceType":"Bundle"}`, "\x1f\x8b\x08", "PK\x03\x04", `{"resourceType":"Bundle","entry":[{"resource":{"a":"\"`, "\xEF\xBB\xBF{}"} {
		f.Add(s, "a.json")
	}
	f.Add("{}\n{}", "a.ndjson")
	f.Fuzz(func(t *testing.T, text, name string) {
		read := func(r io.Reader) string {
			var out strings.Builder
			err := Read(t.Context(), r, name, Limits{MaxBytes: 1 << 20}, func(e Entry, issues []Issue) error {
				if text[:min(2, len(text))] != "\x1f\x8b" && text[:min(2, len(text))] != "PK" && !strings.Contains(text, string(e.Raw)) {
					t.Fatal("bytes that were not there")
				}
				if e.Raw == nil && len(issues) == 0 && e.Method == "" && e.Document == "" {
					t.Fatal("nothing, without a reason")
				}
				fmt.Fprintln(&out, e.Path, len(e.Raw), issues)
				return nil
			}, func(s Summary) error { fmt.Fprintln(&out, s); return nil })
			fmt.Fprintln(&out, err)
			return out.String()
		}
		whole := read(strings.NewReader(text))
		if parts := read(&dribble{text: text}); parts != whole {
			t.Fatalf("in parts\n%s\nwhole\n%s", parts, whole)
		}
	})
}

// dribble gives one byte at a time.
type dribble struct{ text string }

// Read implements io.Reader.
func (d *dribble) Read(p []byte) (int, error) {
	if d.text == "" {
		return 0, io.EOF
	}
	p[0] = d.text[0]
	d.text = d.text[1:]
	return 1, nil
}
