package validate

import (
	"encoding/xml"
	"io"
	"strings"
)

// What a narrative may be made of: the basic formatting of HTML 4.0, links, images and
// styles of its own.
const (
	tags       = " a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var "
	attributes = " abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width "
)

// narrative says what is wrong with the XHTML of a narrative, "" for nothing.
func narrative(text string) string {
	d := xml.NewDecoder(strings.NewReader(text))
	depth, content := 0, false
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "is well-formed, without entities of HTML"
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 && (t.Name.Local != "div" || t.Name.Space != "http://www.w3.org/1999/xhtml") {
				return "begins with <div xmlns=\"http://www.w3.org/1999/xhtml\">"
			}
			if wrong := tag(t); wrong != "" {
				return wrong
			}
			depth++
			content = content || t.Name.Local == "img"
		case xml.EndElement:
			depth--
		case xml.CharData:
			content = content || strings.TrimSpace(string(t)) != ""
		case xml.Directive, xml.ProcInst:
			return "has no instructions and declarations"
		}
	}
	if !content {
		return "says something"
	}
	return ""
}

func tag(t xml.StartElement) string {
	if !strings.Contains(tags, " "+t.Name.Local+" ") {
		return "is made of the basic elements of HTML alone"
	}
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Space == "xml" || a.Name.Space == "http://www.w3.org/XML/1998/namespace" {
			continue
		}
		if !strings.Contains(attributes, " "+a.Name.Local+" ") {
			return "has no attributes but those of basic HTML, and no scripts"
		}
	}
	return ""
}
