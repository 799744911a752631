package validate

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// formats are the primitives that are strings in JSON, with their form in the
// specification; nil: any string.
var formats = map[string]*regexp.Regexp{
	"string":       nil,
	"markdown":     nil,
	"xhtml":        nil,
	"base64Binary": nil,
	"uri":          regexp.MustCompile(`^\S*$`),
	"url":          regexp.MustCompile(`^\S*$`),
	"canonical":    regexp.MustCompile(`^\S*$`),
	"code":         regexp.MustCompile(`^[^\s]+(\s[^\s]+)*$`),
	"id":           regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`),
	"oid":          regexp.MustCompile(`^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$`),
	"uuid":         regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`),
	"date":         regexp.MustCompile(`^\d{4}(-\d\d(-\d\d)?)?$`),
	"dateTime":     regexp.MustCompile(`^\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?$`),
	"instant":      regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`),
	"time":         regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?$`),
}

// primitive reports whether a type is one of the primitives.
func primitive(name string) bool {
	_, text := formats[name]
	switch name {
	case "boolean", "integer", "decimal", "positiveInt", "unsignedInt":
		return true
	}
	return text
}

// longest is what a string may hold, in bytes.
const longest = 1 << 20

// primitive checks the JSON type and the format of a primitive.
func (c *check) primitive(n *node, name, where string) bool {
	raw := c.src[n.at:n.end]
	text := string(raw)
	wrong := ""
	switch name {
	case "boolean":
		if n.kind != 't' && n.kind != 'f' {
			wrong = "true or false, without quotes"
		}
	case "decimal":
		if n.kind != '0' {
			wrong = "a number, without quotes"
		}
	case "integer", "positiveInt", "unsignedInt":
		v, err := strconv.ParseInt(text, 10, 32)
		switch {
		case n.kind != '0':
			wrong = "a number, without quotes"
		case err != nil || name == "positiveInt" && v < 1 || name == "unsignedInt" && v < 0:
			wrong = map[string]string{"integer": "a whole number of 32 bits", "positiveInt": "a whole number from 1", "unsignedInt": "a whole number from 0"}[name]
		}
	default:
		return c.text(n, name, where)
	}
	if wrong != "" {
		c.fail(n, "value", where, "a "+name+" is "+wrong)
	}
	return wrong == ""
}

// text checks a primitive that is a string.
func (c *check) text(n *node, name, where string) bool {
	if n.kind != '"' {
		c.fail(n, "value", where, "a "+name+" is a string, in quotes")
		return false
	}
	text := unquote(c.src[n.at:n.end])
	wrong := ""
	switch {
	case text == "":
		wrong = "is not empty; leave the element out"
	case len(text) > longest && name != "base64Binary" && name != "xhtml":
		wrong = "has at most 1 MB"
	case formats[name] != nil && !formats[name].MatchString(text):
		wrong = "has another form"
	case name == "date" || name == "dateTime" || name == "instant":
		if !real(text) {
			wrong = "names a day and a time that there are"
		}
	case name == "base64Binary" && !isBase64(text):
		wrong = "is base64"
	case strings.HasPrefix(text, "urn:uuid:") && (name == "uri" || name == "url") && !formats["uuid"].MatchString(text):
		wrong = "that begins with urn:uuid: ends with a UUID in small letters"
	case strings.HasPrefix(text, "urn:oid:") && name == "uri" && !formats["oid"].MatchString(text):
		wrong = "that begins with urn:oid: ends with an OID"
	case name == "xhtml":
		wrong = narrative(text)
	case (name == "string" || name == "markdown") && strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }):
		wrong = "has no control characters"
	}
	if wrong != "" {
		c.fail(n, "value", where, "a "+name+" "+wrong)
	}
	return wrong == ""
}

// real reports whether the parts of a date that are there name a moment of the calendar.
func real(text string) bool {
	day, clock, _ := strings.Cut(text, "T")
	layout := "2006-01-02"[:min(len(day), 10)]
	if _, err := time.Parse(layout, day); err != nil || day[:4] == "0000" {
		return false
	}
	if clock == "" {
		return true
	}
	if !formats["time"].MatchString(strings.TrimRight(clock[:8], "Z")) {
		return false
	}
	i := strings.LastIndexAny(clock, "+-")
	if i < 0 {
		return true
	}
	zone, err := time.Parse("15:04", clock[i+1:])
	return err == nil && zone.Hour() <= 14
}

func isBase64(text string) bool {
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return -1
		}
		return r
	}, text)
	_, err := base64.StdEncoding.DecodeString(plain)
	return err == nil
}

// unquote decodes a JSON string that was parsed before.
func unquote(raw []byte) string {
	var text string
	_ = json.Unmarshal(raw, &text)
	return text
}
