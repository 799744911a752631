package ehrtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// export is one that was begun.
type export struct {
	at    time.Time
	polls int
	query string
	files []exportFile
}

type exportFile struct {
	kind, typ string
	lines     int
	plain     []byte
}

func (s *Server) kickOff(w http.ResponseWriter, r *http.Request) {
	f := s.fault()
	if f.NoBulk {
		outcome(w, http.StatusNotFound, "not-supported")
		return
	}
	if !strings.Contains(r.Header.Get("Prefer"), "respond-async") {
		outcome(w, http.StatusBadRequest, "invalid")
		return
	}
	var since time.Time
	if v := r.URL.Query().Get("_since"); v != "" {
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			outcome(w, http.StatusBadRequest, "value")
			return
		}
		since = t
	}
	var only []string
	if v := r.URL.Query().Get("_type"); v != "" {
		only = strings.Split(v, ",")
	}
	e := &export{at: s.opt.Now().UTC(), query: r.URL.RequestURI()}
	e.files = s.exportFiles(since, only, r.PathValue("id"))
	s.mu.Lock()
	s.next++
	id := fmt.Sprintf("export-%d", s.next)
	s.exports[id] = e
	s.mu.Unlock()
	w.Header().Set("Content-Location", "http://"+r.Host+"/bulk/"+id)
	w.WriteHeader(http.StatusAccepted)
}

// exportFiles are the files of an export: of all, or of the members of a group.
func (s *Server) exportFiles(since time.Time, only []string, group string) []exportFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.members(group)
	byType := map[string][][]byte{}
	for _, key := range s.order {
		h := s.resources[key]
		if h.typ == "Group" || !since.IsZero() && !h.updated.After(since) || len(only) > 0 && !slices.Contains(only, h.typ) || members != nil && !members[h.patient()] {
			continue
		}
		byType[h.typ] = append(byType[h.typ], h.raw)
	}
	var files []exportFile
	var kinds []string
	for t := range byType {
		kinds = append(kinds, t)
	}
	slices.Sort(kinds)
	for _, t := range kinds {
		for part := range slices.Chunk(byType[t], s.opt.FileSize) {
			files = append(files, exportFile{"output", t, len(part), append(bytes.Join(part, []byte("\n")), '\n')})
		}
	}
	if since.IsZero() {
		return files
	}
	var gone [][]byte
	for _, d := range s.removed {
		if d.at.After(since) {
			b, _ := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "transaction", "entry": []any{map[string]any{"request": map[string]string{"method": "DELETE", "url": d.typ + "/" + d.id}}}})
			gone = append(gone, b)
		}
	}
	if len(gone) > 0 {
		files = append(files, exportFile{"deleted", "Bundle", len(gone), append(bytes.Join(gone, []byte("\n")), '\n')})
	}
	return files
}

// members are the patients of a group; nil = everybody.
func (s *Server) members(group string) map[string]bool {
	h := s.resources["Group/"+group]
	if group == "" || h == nil {
		return nil
	}
	var g struct {
		Member []struct{ Entity struct{ Reference string } }
	}
	if json.Unmarshal(h.raw, &g) != nil {
		return nil
	}
	members := map[string]bool{}
	for _, m := range g.Member {
		members[strings.TrimPrefix(m.Entity.Reference, "Patient/")] = true
	}
	return members
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	f := s.fault()
	s.mu.Lock()
	e := s.exports[r.PathValue("id")]
	wait := false
	if e != nil {
		wait = e.polls < s.opt.Polls
		e.polls++
	}
	s.mu.Unlock()
	switch {
	case e == nil:
		outcome(w, http.StatusNotFound, "not-found")
		return
	case f.Fail:
		outcome(w, http.StatusInternalServerError, "exception")
		return
	case wait:
		w.Header().Set("X-Progress", "50% done, working on Jane Doe")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusAccepted)
		return
	}
	send(w, http.StatusOK, e.manifest("http://"+r.Host, r.PathValue("id"), f, len(s.opt.Clients) > 0))
}

func (e *export) manifest(host, id string, f Faults, tokens bool) map[string]any {
	lists := map[string][]any{"output": {}, "deleted": {}, "error": {}}
	for i, file := range e.files {
		entry := map[string]any{"type": file.typ, "url": fmt.Sprintf("%s/bulk/%s/%d.ndjson", host, id, i)}
		if !f.NoCount {
			entry["count"] = file.lines + f.Count
		}
		lists[file.kind] = append(lists[file.kind], entry)
	}
	if f.Error {
		lists["error"] = append(lists["error"], map[string]any{"type": "OperationOutcome", "url": fmt.Sprintf("%s/bulk/%s/error.ndjson", host, id)})
	}
	return map[string]any{"transactionTime": e.at.Format(time.RFC3339Nano), "request": host + e.query, "requiresAccessToken": tokens && !f.OpenFiles,
		"output": lists["output"], "deleted": lists["deleted"], "error": lists["error"]}
}

func (s *Server) forget(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	delete(s.exports, r.PathValue("id"))
	s.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// Exports is how many exports have not been deleted.
func (s *Server) Exports() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.exports)
}

func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	e := s.exports[r.PathValue("id")]
	s.mu.Unlock()
	name := strings.TrimSuffix(r.PathValue("file"), ".ndjson")
	n, err := strconv.Atoi(name)
	if e == nil || name != "error" && (err != nil || n < 0 || n >= len(e.files)) || s.use(func(f *Faults) *int { return &f.Forget }) {
		outcome(w, http.StatusNotFound, "not-found")
		return
	}
	if name == "error" {
		s.sendFile(w, r, []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing","diagnostics":"Patient Jane Doe cannot be exported"}]}`+"\n"), "error")
		return
	}
	plain := e.files[n].plain
	if s.use(func(f *Faults) *int { return &f.CutClean }) {
		plain = plain[:len(plain)/2]
	}
	s.sendFile(w, r, plain, r.PathValue("id")+"-"+name)
}

// sendFile serves bytes, compressed where that is asked for, whole or from a place on.
func (s *Server) sendFile(w http.ResponseWriter, r *http.Request, plain []byte, tag string) {
	f := s.fault()
	body := plain
	w.Header().Set("Content-Type", "application/fhir+ndjson")
	packed := f.Raw || !f.NoGzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	if packed {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(plain)
		_ = z.Close()
		body, tag = b.Bytes(), tag+"-gzip"
		if !f.Raw {
			w.Header().Set("Content-Encoding", "gzip")
		}
	}
	w.Header().Set("ETag", `"`+tag+`"`)
	from, status := 0, http.StatusOK
	if at, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && !f.NoRange && (r.Header.Get("If-Range") == "" || r.Header.Get("If-Range") == `"`+tag+`"`) {
		n, err := strconv.Atoi(strings.TrimSuffix(at, "-"))
		if err != nil || n >= len(body) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(body)))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		from, status = n, http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
	}
	body = body[from:]
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if s.use(func(f *Faults) *int { return &f.Cut }) {
		_, _ = w.Write(body[:len(body)/2])
		if fl, ok := w.(http.Flusher); ok {
			fl.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}
