package fhir

import (
	"cmp"
	"encoding/base64"
	"html"
	"slices"
	"strings"
	"time"

	"ember/record"
)

// attachment is an Attachment: its kind and where its text is.
type attachment struct{ kind, data, url string }

// note is a note before texts that occur twice are dropped.
type note struct {
	record.Note
	rank int // of its source: the lower one keeps the text
}

// narrativeElement reads the elements with texts; false = none of them.
func (g *mapping) narrativeElement(k []byte) bool {
	f := &g.f
	switch string(k) {
	case "type":
		switch {
		case g.at('{'):
			f.kind = g.codeable()
		case g.at('['):
			if all := g.codeables(nil); len(all) > 0 {
				f.kind = all[0]
			}
		default:
			g.c.skip()
		}
	case "title", "description":
		if s := g.c.text(); f.title == "" {
			f.title = s
		}
	case "conclusion":
		f.conclusion = g.c.text()
	case "presentedForm":
		for ok := g.c.first(); ok; ok = g.c.more() {
			g.attachment()
		}
	case "content":
		g.content()
	case "text":
		if f.typ != "DocumentReference" && f.typ != "DiagnosticReport" {
			return false
		}
		for k := g.c.open(); k != nil; k = g.c.next() {
			if string(k) == "div" {
				f.narrative = g.c.text()
			} else {
				g.c.skip()
			}
		}
	default:
		return false
	}
	return true
}

// content reads DocumentReference.content or Media.content.
func (g *mapping) content() {
	if g.f.typ == "Media" {
		g.attachment()
		return
	}
	for ok := g.c.first(); ok; ok = g.c.more() {
		for k := g.c.open(); k != nil; k = g.c.next() {
			if string(k) == "attachment" {
				g.attachment()
			} else {
				g.c.skip()
			}
		}
	}
}

func (g *mapping) attachment() {
	var a attachment
	for k := g.c.open(); k != nil; k = g.c.next() {
		switch string(k) {
		case "contentType":
			a.kind, _, _ = strings.Cut(strings.ToLower(g.word(g.c.bytes())), ";")
			a.kind = strings.TrimSpace(a.kind)
		case "data":
			at := skipSpace(g.c.b, g.c.i)
			if a.data = g.decode(g.c.bytes(), a.kind); a.data == "" {
				g.binary(at, a.kind)
			}
		case "url":
			a.url = g.local(g.c.bytes())
		default:
			g.c.skip()
		}
	}
	g.f.attachments = append(g.f.attachments, a)
}

// binary reports text that is not base64.
func (g *mapping) binary(at int, kind string) {
	if textual(kind) {
		g.wrong(at, "not base64 text")
	}
}

func textual(kind string) bool {
	return kind == "" || strings.HasPrefix(kind, "text/") || kind == "application/xhtml+xml"
}

// decode is the text of base64 data, "" when it is none. White space within it
// is allowed by FHIR.
func (g *mapping) decode(b []byte, kind string) string {
	if !textual(kind) && kind != "" {
		return ""
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(out, b)
	if err != nil {
		clean := strings.TrimRight(strings.Join(strings.Fields(string(b)), ""), "=")
		if n, err = base64.RawStdEncoding.Decode(out, []byte(clean)); err != nil {
			return ""
		}
	}
	return validText(out[:n])
}

// emitNotes makes notes of the texts of a DocumentReference, DiagnosticReport or
// Media. Generated HTML counts only where there is no other text. It reports
// whether there is any.
func (g *mapping) emitNotes(kind *coded, known time.Time, rank int) bool {
	f := &g.f
	var texts []string
	var pages []string
	for _, a := range f.attachments {
		if a.data == "" && a.url != "" {
			a = g.follow(a)
		}
		switch {
		case a.data == "":
		case a.kind == "text/html" || strings.HasSuffix(a.kind, "xhtml+xml"):
			pages = append(pages, plainText(a.data))
		case textual(a.kind) && a.kind != "":
			texts = append(texts, a.data)
		}
	}
	if f.conclusion != "" {
		texts = append(texts, f.conclusion)
	}
	if len(texts) == 0 {
		texts = pages
	}
	if len(texts) == 0 && f.narrative != "" {
		texts = []string{plainText(f.narrative)}
	}
	for _, text := range texts {
		if strings.TrimSpace(text) == "" {
			continue
		}
		n := note{rank: rank, Note: record.Note{Source: f.ref, Encounter: f.encounter, Known: known, Text: text}}
		n.Type = kind.answer()
		g.notes = append(g.notes, n)
	}
	return len(texts) > 0
}

// follow reads the Binary an attachment points at.
func (g *mapping) follow(a attachment) attachment {
	if g.lookup == nil || !strings.HasPrefix(a.url, "Binary/") {
		return a
	}
	raw, ok := g.lookup(a.url)
	if !ok {
		return a
	}
	c := cursor{b: raw}
	var data []byte
	for k := c.open(); k != nil; k = c.next() {
		switch string(k) {
		case "contentType":
			kind, _, _ := strings.Cut(strings.ToLower(c.text()), ";")
			a.kind = strings.TrimSpace(kind)
		case "data":
			data = c.bytes()
		default:
			c.skip()
		}
	}
	a.data = g.decode(data, a.kind)
	return a
}

// distinctNotes are the notes in order of time, each text once. Which of several
// sources keeps a text does not depend on the order of the resources.
func (g *mapping) distinctNotes() []record.Note {
	slices.SortFunc(g.notes, func(a, b note) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.Known.Compare(b.Known), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Text, b.Text))
	})
	seen := make(map[string]bool, len(g.notes))
	var out []record.Note
	for _, n := range g.notes {
		key := strings.TrimSpace(n.Text)
		if seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, n.Note)
	}
	slices.SortStableFunc(out, func(a, b record.Note) int {
		return cmp.Or(a.Known.Compare(b.Known), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Text, b.Text))
	})
	return out
}

// plainText is the text of HTML: tags become line breaks or nothing, entities
// characters. Scripts and styles are left out.
func plainText(page string) string {
	var out strings.Builder
	for page != "" {
		i := strings.IndexByte(page, '<')
		if i < 0 {
			out.WriteString(page)
			break
		}
		out.WriteString(page[:i])
		page = page[i:]
		end := strings.IndexByte(page, '>')
		if end < 0 {
			break
		}
		tag := strings.ToLower(strings.TrimLeft(page[1:end], "/"))
		name := tag
		if j := strings.IndexAny(tag, " \t\r\n/"); j >= 0 {
			name = tag[:j]
		}
		hidden := page[1] != '/' && (name == "script" || name == "style")
		page = page[end+1:]
		if hidden {
			if j := strings.Index(strings.ToLower(page), "</"+name); j >= 0 {
				page = page[j:]
			} else {
				page = ""
			}
			continue
		}
		switch name {
		case "p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "section":
			out.WriteByte('\n')
		case "td", "th":
			out.WriteByte(' ')
		}
	}
	lines := strings.Split(html.UnescapeString(out.String()), "\n")
	kept := lines[:0]
	for _, line := range lines {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
