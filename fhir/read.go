package fhir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Entry is one resource of what is read. It is valid until the callback returns.
type Entry struct {
	// Path says where it stood: "Bundle.entry[3]", "line 7", "[2]", "" for a
	// document that is one resource; in "line 7: Bundle.entry[3]" and
	// "document 2: Bundle.entry[3]" also in which Bundle of several.
	Path string
	// Document is the name of the document: a file, or a file in an archive.
	Document string
	// Index counts the entries (lines, elements) of the document from 0.
	Index int
	// Raw are the bytes of the resource as they were received. It is nil for an
	// entry without a resource (a GET or DELETE in a transaction), and for
	// issues that belong to no resource.
	Raw []byte
	// Header is the scan of Raw; nil with it.
	Header *Header
	// FullURL, Method, URL, IfNoneExist and IfMatch are those of a Bundle's
	// entry, "" elsewhere.
	FullURL, Method, URL, IfNoneExist, IfMatch string
	// BundleType is Bundle.type as far as it is known: "" when it stands after
	// the entries, or the document is no Bundle. [Summary] has the final one.
	BundleType string
}

// Summary is what is known at the end of a document.
type Summary struct {
	Document string
	Type     string // Bundle.type; "" when the document is no Bundle or does not say
	Bundle   bool
	Entries  int
	// Broken: the document could not be read to its end, so a transaction must
	// not be committed. The issue was given before.
	Broken bool
}

// Read splits a document into its resources and hands each to each, with the
// issues of its [Scan]. It recognises gzip, zip (also of gzip files), NDJSON, a
// Bundle of any type, a single resource and an array of resources, in any
// sequence. In NDJSON, where a line is a resource, a Bundle is taken apart when it
// is a mere container (transaction, batch, collection, searchset, history), and
// kept as a resource when it is a document or a message. name is for messages, and an ending .ndjson or .jsonl (before .gz)
// says that lines stand for themselves.
//
// A Bundle is read entry by entry: memory is that of its largest entry. As
// Bundle.type may follow the entries, whoever must not act before it is known
// stages them until end, which is called after the last entry of each document
// and may be nil.
//
// Unusable input gives issues and does not stop reading: a broken line or entry
// is reported and the next one read. The error is that of a callback, of ctx, of
// r, or a limit ([ErrTooLarge], [ErrBomb]).
func Read(ctx context.Context, r io.Reader, name string, lim Limits, each func(Entry, []Issue) error, end func(Summary) error) error {
	rd := newReader(ctx, lim, each, end)
	return rd.open(r, name, 0)
}

// reader carries what all documents of one call share.
type reader struct {
	ctx    context.Context
	lim    Limits
	each   func(Entry, []Issue) error
	end    func(Summary) error
	header Header
	issues []Issue
}

func newReader(ctx context.Context, lim Limits, each func(Entry, []Issue) error, end func(Summary) error) *reader {
	if end == nil {
		end = func(Summary) error { return nil }
	}
	return &reader{ctx: ctx, lim: lim.withDefaults(), each: each, end: end}
}

// stream reads decompressed text: documents one after the other, or lines.
func (rd *reader) stream(r io.Reader, name string) error {
	w := newWindow(r, rd.lim.MaxBytes)
	w.skipBOM()
	lines := lineName(name)
	if !lines {
		lines = w.looksLikeLines()
	}
	if lines {
		return rd.lines(w, name)
	}
	for number := 1; ; number++ {
		w.release()
		d := document{rd: rd, w: w, sum: Summary{Document: name}}
		if number > 1 {
			d.prefix = "document " + strconv.Itoa(number) + ": "
		}
		if _, ok := w.peek(); !ok {
			switch {
			case w.err != nil:
				return d.finish(d.stop("", w.err))
			case number == 1:
				return d.finish(d.fatal("", "the document is empty"))
			}
			return nil
		}
		if err := d.read(); err != nil {
			return err
		}
		if d.sum.Broken {
			return nil
		}
	}
}

func lineName(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".jsonl")
}

// lines reads NDJSON. All lines are one document.
func (rd *reader) lines(w *window, name string) error {
	d := document{rd: rd, w: w, sum: Summary{Document: name}}
	for number := 1; ; number++ {
		line, err := w.line()
		if errors.Is(err, io.EOF) {
			return d.finish(nil)
		}
		path := "line " + strconv.Itoa(number)
		switch {
		case err != nil:
			return d.finish(d.stop(path, err))
		case len(line) == 0:
			continue
		case isContainer(line):
			err = rd.inner(line, name, path+": ")
		default:
			err = d.resource(Entry{Path: path, Raw: line}, ": ")
		}
		if err != nil {
			return err
		}
	}
}

// inner reads a Bundle that is in memory.
func (rd *reader) inner(raw []byte, name, prefix string) error {
	w := newWindow(bytes.NewReader(raw), int64(len(raw))+1)
	w.fill()
	w.at = 1
	d := document{rd: rd, w: w, prefix: prefix, sum: Summary{Document: name, Bundle: true}}
	return d.finish(d.members())
}

// document is one Bundle, resource, array or NDJSON stream that is being read.
type document struct {
	rd    *reader
	w     *window
	start int64
	sum   Summary
	seen  uint8 // properties of the Bundle that have been met
	// prefix stands before all paths.
	prefix string
	// handed: another document has taken over and was finished.
	handed bool
}

// read reads one document from its first byte on.
func (d *document) read() error {
	d.start = d.w.offset()
	c, _ := d.w.peek()
	switch c {
	case '[':
		return d.finish(d.array("", ""))
	case '{':
		return d.finish(d.object())
	}
	return d.finish(d.fatal("", "neither a JSON object nor an array"))
}

// finish reports the end of the document unless reading it failed.
func (d *document) finish(err error) error {
	if err != nil || d.handed {
		return err
	}
	return d.rd.end(d.sum)
}

// stop turns the end of the text into an issue and wraps other errors.
func (d *document) stop(path string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) && d.w.err == nil {
		return d.fatal(path, "the document ends here")
	}
	if errors.Is(err, errDamaged) {
		return d.fatal(path, "the compressed data is damaged")
	}
	if errors.Is(err, errSyntax) {
		return d.fatal(path, "malformed JSON")
	}
	return fmt.Errorf("fhir: reading %s: %w", d.sum.Document, err)
}

// fatal reports that the rest of the document cannot be read.
func (d *document) fatal(path, detail string) error {
	d.sum.Broken = true
	return d.report(path, Issue{Severity: Fatal, Code: "structure", Path: path, Detail: detail})
}

// report hands on an issue that belongs to no resource.
func (d *document) report(path string, issue Issue) error {
	path = strings.TrimSuffix(d.prefix+path, ": ")
	issue.Path = d.prefix + issue.Path
	d.rd.issues = append(d.rd.issues[:0], issue)
	return d.rd.each(Entry{Path: path, Document: d.sum.Document, Index: d.sum.Entries, BundleType: d.sum.Type}, d.rd.issues)
}

// resource scans one resource and hands it on. The entry's path and joint stand
// before the paths of its issues; with a final dot they take the place of the
// type's name.
func (d *document) resource(e Entry, joint string) error {
	if err := d.rd.ctx.Err(); err != nil {
		return err
	}
	if d.sum.Entries >= d.rd.lim.MaxEntries && d.sum.Bundle {
		return fmt.Errorf("fhir: reading %s: more than %d entries: %w", d.sum.Document, d.rd.lim.MaxEntries, ErrTooLarge)
	}
	e.Path = d.prefix + e.Path
	e.Document, e.BundleType, e.Index = d.sum.Document, d.sum.Type, d.sum.Entries
	d.sum.Entries++
	var issues []Issue
	if e.Raw != nil {
		issues = scan(e.Raw, &d.rd.header, d.rd.lim.MaxDepth)
		e.Header = &d.rd.header
		for i := range issues {
			issues[i].Path = prefixed(e.Path+joint, issues[i].Path)
		}
	}
	e.Path = strings.TrimSuffix(e.Path, ": ")
	return d.rd.each(e, issues)
}

func prefixed(prefix, path string) string {
	if !strings.HasSuffix(prefix, ".") {
		return prefix + path
	}
	if _, rest, found := strings.Cut(path, "."); found {
		return prefix + rest
	}
	return strings.TrimSuffix(prefix, ".")
}
