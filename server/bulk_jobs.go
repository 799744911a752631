package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"ember/bulk"
	"ember/server/auth"
)

// job is the job in the path, if it is the caller's.
func (c *call) job() (bulk.Job, error) {
	j, err := c.s.deps.Bulk.Get(c.params.ByName("id"))
	if err == nil && j.Principal != c.who.Name && c.who.Name != auth.OwnerName {
		err = bulk.ErrNotFound // whose it is is none of this caller's business
	}
	return j, bulkFault(err)
}

// bulkStatus is GET /v1/bulk/{id}.
func (s *Server) bulkStatus(_ context.Context, c *call) error {
	j, err := c.job()
	if err != nil {
		return err
	}
	j, wait, early, err := s.deps.Bulk.Poll(j.ID)
	switch {
	case err != nil:
		return bulkFault(err)
	case early:
		return &Fault{Status: http.StatusTooManyRequests, Code: "throttled", Detail: "this was asked again too soon", Hint: "wait as long as Retry-After says", RetryAfter: wait}
	case !j.State.Final():
		c.w.Header()["X-Progress"] = []string{progressOf(&j)}
		c.w.Header()["Retry-After"] = []string{strconv.Itoa(max(1, int(wait/time.Second)))}
		c.send(http.StatusAccepted, fhirJSON, nil)
		return nil
	case j.State == bulk.Failed:
		return &Fault{Status: http.StatusInternalServerError, Code: "exception", Detail: j.Problem}
	}
	b, err := encode(c.manifest(&j))
	if err != nil {
		return err
	}
	c.w.Header()["Expires"] = []string{j.Expires.UTC().Format(http.TimeFormat)}
	c.send(http.StatusOK, plainJSON, b)
	return nil
}

func progressOf(j *bulk.Job) string {
	if j.State == bulk.Queued {
		return "waiting"
	}
	if j.Total == 0 {
		return "begun"
	}
	if j.Import != nil {
		return fmt.Sprintf("%d of %d files", j.Read, j.Total)
	}
	return fmt.Sprintf("%d %%: %d of about %d resources", min(99, 100*j.Read/j.Total), j.Read, j.Total)
}

type manifest struct {
	TransactionTime     string         `json:"transactionTime"`
	Request             string         `json:"request"`
	RequiresAccessToken bool           `json:"requiresAccessToken"`
	Output              []manifestFile `json:"output"`
	Deleted             []manifestFile `json:"deleted"`
	Error               []manifestFile `json:"error"`
	Extension           *manifestExtra `json:"extension,omitempty"`
}

type manifestFile struct {
	Type     string `json:"type"`
	URL      string `json:"url"`
	Count    int64  `json:"count"`
	InputURL string `json:"inputUrl,omitempty"`
}

// manifestExtra says how the files were made, beyond what the specification has.
type manifestExtra struct {
	Deid    string `json:"urn:ember:deid"`
	Key     string `json:"urn:ember:deid-key,omitempty"`
	Expires string `json:"urn:ember:expires"`
}

func (c *call) manifest(j *bulk.Job) manifest {
	at := c.origin() + bulkPath + j.ID + "/"
	list := func(files []bulk.File) []manifestFile {
		out := []manifestFile{}
		for _, f := range files {
			out = append(out, manifestFile{f.Type, at + f.Name + ".ndjson", f.Count, f.Input})
		}
		return out
	}
	m := manifest{TransactionTime: j.At.UTC().Format("2006-01-02T15:04:05.000Z"), Request: j.URL, RequiresAccessToken: c.s.deps.Tokens != nil || c.s.deps.SMART.Issuers != nil,
		Output: list(j.Output), Deleted: list(j.Deleted), Error: list(j.Errors)}
	if j.Export != nil {
		mode := j.Export.Mode
		if mode == "" {
			mode = "none"
		}
		m.Extension = &manifestExtra{mode, j.Key, j.Expires.UTC().Format(time.RFC3339)}
	}
	return m
}

// endBulk is DELETE /v1/bulk/{id}.
func (s *Server) endBulk(ctx context.Context, c *call) error {
	j, err := c.job()
	if err != nil {
		return err
	}
	if err := c.audit(ctx, c.entry(auth.ActionDelete, "", "$bulk/"+j.ID, http.StatusAccepted)); err != nil {
		return err
	}
	if err := s.deps.Bulk.Drop(j.ID); err != nil {
		return bulkFault(err)
	}
	return c.sendOutcome(http.StatusAccepted, []Issue{{Severity: "information", Code: "informational", Detail: "the job is ended and its files are removed"}})
}

// bulkFile is GET /v1/bulk/{id}/{file}: the file, or a range of it; compressed when the
// client takes that and asks for no range.
func (s *Server) bulkFile(ctx context.Context, c *call) error {
	j, err := c.job()
	if err != nil {
		return err
	}
	right := auth.Export
	if j.Import != nil {
		right = auth.Write
	}
	if !c.who.Has(right) {
		return c.deny(ctx, "", "the right "+right.String()+" is missing", "give the token this right in the token file")
	}
	content, f, err := s.deps.Bulk.File(j.ID, c.params.ByName("file"))
	if err != nil {
		return bulkFault(err)
	}
	defer content.Close()
	if err := c.mayHave(ctx, &j, &f); err != nil {
		return err
	}
	if err := c.audit(ctx, c.entry(auth.ActionExport, "", "$bulk/"+j.ID+"/"+f.Name, http.StatusOK)); err != nil {
		return err
	}
	h := c.w.Header()
	h["Content-Type"] = []string{"application/fhir+ndjson"}
	h["Etag"] = []string{`"` + j.ID + "-" + f.Name + `"`}
	h["Vary"] = []string{"Accept-Encoding"}
	if j.Export != nil && j.Export.Mode != "" {
		h["Ember-Deid"] = []string{j.Export.Mode}
	}
	r := &pieces{from: content, n: -1}
	out := &patient{c: c}
	if c.r.Method == http.MethodGet && c.r.Header.Get("Range") == "" && acceptsGzip(c.r.Header.Get("Accept-Encoding")) && f.Bytes > 0 {
		return c.sendZipped(out, io.NewSectionReader(r, 0, content.Size()))
	}
	h["Accept-Ranges"] = []string{"bytes"}
	http.ServeContent(out, c.r, "", j.Ended, io.NewSectionReader(r, 0, content.Size()))
	return nil
}

// mayHave refuses a file to who could not begin its export any more: a name stands for
// tokens of different scopes, and a line of the token file may have changed.
func (c *call) mayHave(ctx context.Context, j *bulk.Job, f *bulk.File) error {
	if j.Export == nil {
		return nil
	}
	may := !c.who.Limited() || j.Export.Limited && !slices.ContainsFunc(j.Export.Scope, func(p string) bool { return !c.who.Sees(p) })
	if c.who.Scoped() {
		types := []string{f.Type}
		if f.Type == "Bundle" { // of what is deleted, whatever its type
			if types = j.Export.Types; len(types) == 0 {
				types = []string{"*"}
			}
		}
		may = may && (f.Type == "OperationOutcome" || len(c.lacking(types, "")) == 0)
	}
	if may {
		return nil
	}
	return c.deny(ctx, "", "the file holds more than the token lets its bearer see", "begin another export with this token")
}

// sendZipped compresses while it sends.
func (c *call) sendZipped(out *patient, r io.Reader) error {
	c.w.Header()["Content-Encoding"] = []string{"gzip"}
	c.w.Header()["Etag"] = []string{strings.TrimSuffix(c.w.Header().Get("Etag"), `"`) + `-gzip"`}
	c.w.WriteHeader(http.StatusOK)
	w, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err = errors.Join(err, w.Close()); err != nil { // what has left must not look whole
		_ = http.NewResponseController(c.w).SetWriteDeadline(longAgo)
	}
	return nil
}

// patient is a writer that waits for who takes a large answer slowly, and leaves who
// takes nothing.
type patient struct{ c *call }

// Header implements http.ResponseWriter.
func (p *patient) Header() http.Header { return p.c.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (p *patient) WriteHeader(status int) { p.c.w.WriteHeader(status) }

// Write implements http.ResponseWriter.
func (p *patient) Write(b []byte) (int, error) {
	control := http.NewResponseController(p.c.w)
	timer := time.AfterFunc(p.c.s.opt.Timeouts.Stall, func() { _ = control.SetWriteDeadline(longAgo) })
	defer timer.Stop()
	return p.c.w.Write(b)
}

// pieceBytes is how much of a file is opened at once: a piece as it is sealed.
const pieceBytes = 64 << 10

// pieces reads a sealed file in order without opening a piece twice.
type pieces struct {
	from io.ReaderAt
	buf  []byte
	n    int64
}

// ReadAt implements io.ReaderAt.
func (p *pieces) ReadAt(b []byte, at int64) (read int, err error) {
	for len(b) > 0 {
		if n := at / pieceBytes; n != p.n {
			if p.buf == nil {
				p.buf = make([]byte, pieceBytes)
			}
			k, err := p.from.ReadAt(p.buf[:pieceBytes], n*pieceBytes)
			if err != nil && err != io.EOF {
				return read, err
			}
			p.buf, p.n = p.buf[:k], n
		}
		if at%pieceBytes >= int64(len(p.buf)) {
			return read, io.EOF
		}
		k := copy(b, p.buf[at%pieceBytes:])
		b, at, read = b[k:], at+int64(k), read+k
	}
	return read, nil
}
