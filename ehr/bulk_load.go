package ehr

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"
)

// What is handed to the sink at once, and how long one resource may be.
const (
	chunkBytes = 2 << 20
	chunkLines = 2000
	mostLine   = 128 << 20
)

// loadAll loads the files that are left: what there is first, what is gone last.
func (w *pull) loadAll(ctx context.Context) error {
	for _, kind := range []string{"output", "deleted", "error"} {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(w.want.Parallel)
		for i, f := range w.state.Run.Files {
			if f.Kind != kind || f.Done {
				continue
			}
			g.Go(func() error { return w.load(ctx, f, i) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// load brings one file to its end, a second time where it came short.
func (w *pull) load(ctx context.Context, f *file, number int) error {
	for {
		err := w.through(ctx, f, number)
		var odd oddity
		switch {
		case err == nil:
			return w.tick(f, func() { f.Done = true })
		case !errors.As(err, &odd):
			return err
		case !f.Again:
			err = w.tick(f, func() { f.Again, f.Offset, f.Lines, f.Tag, f.Packed = true, 0, 0, "", false })
		default:
			return w.tick(f, func() {
				f.Done = true
				w.state.Run.Short = w.state.Run.Short || !odd.harmless
				w.state.Run.Problems = append(w.state.Run.Problems, fmt.Sprintf("%s (%s, file %d): %s", f.Kind, typeWord(f.Type), number+1, odd.why))
			})
		}
		if err != nil {
			return err
		}
	}
}

var typeWords = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// typeWord keeps what is no type out of texts.
func typeWord(typ string) string {
	if !typeWords.MatchString(typ) {
		return "no type"
	}
	return typ
}

// oddity is a file that is not what the manifest says.
type oddity struct {
	why      string
	harmless bool // nothing is missing
}

func (o oddity) Error() string { return "ehr: " + o.why }

// tick changes the state and keeps it.
func (w *pull) tick(f *file, change func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	w.state.Run.Counts.add(f.counted)
	f.counted = Counts{}
	return w.save(false)
}

// through reads a file from where it is to its end, piece by piece: a piece is durable
// before it is ticked off.
func (w *pull) through(ctx context.Context, f *file, number int) error {
	d, err := w.open(ctx, f)
	if err != nil {
		return err
	}
	defer d.close()
	r := bufio.NewReaderSize(d, 256<<10)
	for {
		chunk, lines, bytes, end, bad := nextChunk(r)
		if bad != nil && !errors.Is(bad, errCut) {
			return bad
		}
		if lines > 0 {
			var err error
			if f.counted, err = w.apply(ctx, f, chunk, number); err != nil {
				return err
			}
		}
		if bytes > 0 {
			if err := w.tick(f, func() { f.Offset += int64(bytes); f.Lines += lines }); err != nil {
				return err
			}
			w.want.Progress("loading what the EHR exported", w.readSoFar(), w.promised())
		}
		if bad != nil {
			return bad
		}
		if end {
			return check(f)
		}
	}
}

// check compares what came with what was promised.
func check(f *file) error {
	switch {
	case f.Count < 0 || f.Lines == f.Count:
		return nil
	case f.Lines < f.Count:
		return oddity{why: fmt.Sprintf("%d resources came of the %d that the manifest promises", f.Lines, f.Count)}
	}
	return oddity{why: fmt.Sprintf("%d resources came, more than the %d that the manifest promises", f.Lines, f.Count), harmless: true}
}

func (w *pull) readSoFar() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.state.Run.Files {
		n += f.Lines
	}
	return n
}

func (w *pull) promised() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.state.Run.Files {
		if f.Count < 0 {
			return 0
		}
		n += f.Count
	}
	return n
}

var errCut = oddity{why: "it is cut off, or no NDJSON"}

// nextChunk reads whole lines. size counts every byte that was read, lines those that
// hold something. What is no JSON object is an oddity: a page for people, or a file that
// was cut.
func nextChunk(r *bufio.Reader) (chunk []byte, lines, size int, end bool, err error) {
	for len(chunk) < chunkBytes && lines < chunkLines {
		line, rerr := readLine(r)
		if rerr != nil && !errors.Is(rerr, io.EOF) {
			return nil, 0, 0, false, rerr
		}
		text := bytes.TrimSpace(line)
		if len(text) > 0 {
			if text[0] != '{' || rerr != nil && !json.Valid(text) {
				return chunk, lines, size, false, errCut // what stands before it is good
			}
			chunk = append(append(chunk, text...), '\n')
			lines++
		}
		size += len(line)
		if rerr != nil {
			return chunk, lines, size, true, nil
		}
	}
	return chunk, lines, size, false, nil
}

var errLine = oddity{why: fmt.Sprintf("a resource has more than %d MiB", mostLine>>20)}

// readLine is one line with its end, of bounded length.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > mostLine:
			return nil, errLine
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// apply hands lines to the sink, by what the file holds.
func (w *pull) apply(ctx context.Context, f *file, chunk []byte, number int) (Counts, error) {
	switch f.Kind {
	case "deleted":
		return w.remove(ctx, chunk)
	case "error":
		return Counts{}, w.note(f, chunk)
	}
	return w.Sink.Load(ctx, chunk, fmt.Sprintf("%s-%d.ndjson", typeWord(f.Type), number+1))
}

// reference is a deletion's address: "Type/id", also at the end of an absolute one.
var reference = regexp.MustCompile(`^([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.\-]{1,64})$`)

// remove applies Bundles of deletions. Nothing else in them is done: this file may only
// delete.
func (w *pull) remove(ctx context.Context, chunk []byte) (n Counts, err error) {
	for line := range bytes.Lines(chunk) {
		var b struct {
			Entry []struct {
				Request struct{ Method, URL string }
			}
		}
		if json.Unmarshal(line, &b) != nil {
			return n, oddity{why: "a line is no Bundle"}
		}
		for _, e := range b.Entry {
			address := strings.TrimPrefix(e.Request.URL, w.Client.base+"/")
			m := reference.FindStringSubmatch(strings.TrimPrefix(path.Clean("/"+address), "/"))
			if e.Request.Method != "DELETE" || m == nil {
				n.Refused++
				continue
			}
			deleted, err := w.Sink.Delete(ctx, m[1], m[2])
			if err != nil {
				return n, err
			}
			if deleted {
				n.Deleted++
			}
		}
	}
	return n, nil
}

// note counts what the EHR says went wrong on its side, in FHIR's own words.
func (w *pull) note(_ *file, chunk []byte) error {
	codes := map[string]int{}
	for line := range bytes.Lines(chunk) {
		var o struct {
			Issue []struct{ Severity, Code string }
		}
		if json.Unmarshal(line, &o) != nil {
			continue
		}
		for _, i := range o.Issue {
			if (i.Severity == "error" || i.Severity == "fatal") && len(i.Code) <= 32 && strings.Trim(i.Code, "abcdefghijklmnopqrstuvwxyz-") == "" {
				codes[i.Code]++
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for code, n := range codes {
		w.state.Run.Problems = append(w.state.Run.Problems, fmt.Sprintf("the EHR reports %d errors of the kind %s", n, code))
	}
	return nil
}
