package path

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// ofText is a function of one text and texts as arguments; one that is nothing gives
// nothing.
func ofText(args int, f func(e *Evaluator, s string, args []string, at int) ([]Value, error)) function {
	return function{args, args, func(_ *compiler, t *tree, steps []step) (step, error) {
		return func(e *Evaluator, in []Value) ([]Value, error) {
			v, ok, err := one(in, t.at)
			if err != nil || !ok {
				return nil, err
			}
			s, ok := asText(&v)
			if !ok {
				return nil, errorAt(t.at, "%s() is there for texts, and %s is there", t.name, v.kind)
			}
			var texts []string
			for i, arg := range steps {
				a, ok, err := e.single(arg, e.push(e.this), t.args[i].at)
				if err != nil || !ok {
					return nil, err
				}
				word, ok := asText(&a)
				if !ok {
					return nil, errorAt(t.args[i].at, "a text is expected and %s is there", a.kind)
				}
				texts = append(texts, word)
			}
			return f(e, s, texts, t.at)
		}, nil
	}}
}

// asText is a text, or a date of a resource as it is written there.
func asText(v *Value) (string, bool) {
	if v.kind == String {
		return v.str(), true
	}
	return "", false
}

func textTest(f func(s, arg string) bool) function {
	return ofText(1, func(_ *Evaluator, s string, args []string, _ int) ([]Value, error) {
		return truthOf(f(s, args[0])).list(), nil
	})
}

func textOf(f func(s string) string) function {
	return ofText(0, func(e *Evaluator, s string, _ []string, _ int) ([]Value, error) { return e.push(text(f(s))), nil })
}

// position counts runes before a byte offset, -1 stays.
func position(s string, at int) int64 {
	if at < 0 {
		return -1
	}
	return int64(utf8.RuneCountInString(s[:at]))
}

func texts(list []string) []Value {
	out := make([]Value, len(list))
	for i, s := range list {
		out[i] = text(s)
	}
	return out
}

// textFunctions are about texts. Positions count characters.
var textFunctions = map[string]function{
	"startsWith": textTest(strings.HasPrefix),
	"endsWith":   textTest(strings.HasSuffix),
	"contains":   textTest(strings.Contains),
	"indexOf": ofText(1, func(e *Evaluator, s string, a []string, _ int) ([]Value, error) {
		return e.push(whole(position(s, strings.Index(s, a[0])))), nil
	}),
	"lastIndexOf": ofText(1, func(e *Evaluator, s string, a []string, _ int) ([]Value, error) {
		return e.push(whole(position(s, strings.LastIndex(s, a[0])))), nil
	}),
	"upper": textOf(strings.ToUpper),
	"lower": textOf(strings.ToLower),
	"trim":  textOf(strings.TrimSpace),
	"length": ofText(0, func(e *Evaluator, s string, _ []string, _ int) ([]Value, error) {
		return e.push(whole(int64(utf8.RuneCountInString(s)))), nil
	}),
	"toChars": ofText(0, func(e *Evaluator, s string, _ []string, at int) ([]Value, error) {
		return texts(strings.Split(s, "")), e.spend(len(s), at)
	}),
	"split": ofText(1, func(e *Evaluator, s string, a []string, at int) ([]Value, error) {
		return texts(strings.Split(s, a[0])), e.spend(len(s), at)
	}),
	"replace": ofText(2, func(e *Evaluator, s string, a []string, at int) ([]Value, error) {
		if len(a[1])*(strings.Count(s, a[0])+1)+len(s) > mostText {
			return nil, errorAt(at, "the text becomes too long")
		}
		return e.push(text(strings.ReplaceAll(s, a[0], a[1]))), nil
	}),
	"matches":        matching(func(re *regexp.Regexp, s string) Value { return boolean(re.MatchString(s)) }, "(?s)", ""),
	"matchesFull":    matching(func(re *regexp.Regexp, s string) Value { return boolean(re.MatchString(s)) }, `(?s)\A(?:`, `)\z`),
	"replaceMatches": {2, 2, compileReplaceMatches},
	"substring":      {1, 2, compileSubstring},
	"join":           {0, 1, compileJoin},
	"encode":         coded(encoders),
	"decode":         coded(decoders),
	"escape":         coded(escapers),
	"unescape":       coded(unescapers),
}

// pattern compiles a regular expression, once where it is written out.
func pattern(t *tree, before, behind string) (func(e *Evaluator, s step) (*regexp.Regexp, error), error) {
	build := func(src string) (*regexp.Regexp, error) {
		re, err := regexp.Compile(before + src + behind)
		if err != nil {
			return nil, errorAt(t.args[0].at, "this is no regular expression")
		}
		return re, nil
	}
	if t.args[0].form == formLiteral && t.args[0].value.kind == String {
		re, err := build(t.args[0].value.text)
		return func(*Evaluator, step) (*regexp.Regexp, error) { return re, nil }, err
	}
	return func(e *Evaluator, s step) (*regexp.Regexp, error) {
		v, ok, err := e.single(s, e.push(e.this), t.args[0].at)
		if err != nil || !ok {
			return nil, err
		}
		if v.kind != String {
			return nil, errorAt(t.args[0].at, "a text is expected and %s is there", v.kind)
		}
		return build(v.str())
	}, nil
}

func matching(f func(re *regexp.Regexp, s string) Value, before, behind string) function {
	return function{1, 1, func(_ *compiler, t *tree, args []step) (step, error) {
		find, err := pattern(t, before, behind)
		if err != nil {
			return nil, err
		}
		return func(e *Evaluator, in []Value) ([]Value, error) {
			v, ok, err := one(in, t.at)
			if err != nil || !ok {
				return nil, err
			}
			if v.kind != String {
				return nil, errorAt(t.at, "%s() is there for texts, and %s is there", t.name, v.kind)
			}
			re, err := find(e, args[0])
			if err != nil || re == nil {
				return nil, err
			}
			return e.push(f(re, v.str())), nil
		}, nil
	}}
}

func compileReplaceMatches(_ *compiler, t *tree, args []step) (step, error) {
	find, err := pattern(t, "(?s)", "")
	if err != nil {
		return nil, err
	}
	return func(e *Evaluator, in []Value) ([]Value, error) {
		v, ok, err := one(in, t.at)
		if err != nil || !ok {
			return nil, err
		}
		if v.kind != String {
			return nil, errorAt(t.at, "%s() is there for texts, and %s is there", t.name, v.kind)
		}
		re, err := find(e, args[0])
		if err != nil || re == nil {
			return nil, err
		}
		by, ok, err := e.single(args[1], e.push(e.this), t.args[1].at)
		if err != nil || !ok {
			return nil, err
		}
		if by.kind != String {
			return nil, errorAt(t.args[1].at, "a text is expected and %s is there", by.kind)
		}
		return e.join(re.ReplaceAllString(v.str(), by.str()), "", t.at)
	}, nil
}

func compileSubstring(_ *compiler, t *tree, args []step) (step, error) {
	return func(e *Evaluator, in []Value) ([]Value, error) {
		v, ok, err := one(in, t.at)
		if err != nil || !ok {
			return nil, err
		}
		if v.kind != String {
			return nil, errorAt(t.at, "substring() is there for texts, and %s is there", v.kind)
		}
		from, known, err := e.integer(args[0], e.push(e.this), t.args[0].at)
		if err != nil || !known {
			return nil, err
		}
		runes := []rune(v.str())
		if from < 0 || from >= len(runes) {
			return nil, nil
		}
		to := len(runes)
		if len(args) > 1 {
			n, known, err := e.integer(args[1], e.push(e.this), t.args[1].at)
			if err != nil {
				return nil, err
			}
			if known {
				to = min(to, from+max(n, 0))
			}
		}
		return e.push(text(string(runes[from:to]))), nil
	}, nil
}

// compileJoin joins texts, with what stands between them.
func compileJoin(_ *compiler, t *tree, args []step) (step, error) {
	return func(e *Evaluator, in []Value) ([]Value, error) {
		between := ""
		if len(args) > 0 {
			v, ok, err := e.single(args[0], e.push(e.this), t.args[0].at)
			if err != nil {
				return nil, err
			}
			if ok {
				between = v.String()
			}
		}
		if len(in) == 0 {
			return nil, nil
		}
		var b strings.Builder
		for i := range in {
			if in[i].kind == Element || in[i].kind == Quantity {
				return nil, errorAt(t.at, "join() is there for texts, and %s is there", in[i].kind)
			}
			if in[i].kind == Absent {
				continue
			}
			if b.Len() > 0 || i > 0 {
				b.WriteString(between)
			}
			b.WriteString(in[i].String())
			if b.Len() > mostText {
				return nil, errorAt(t.at, "the text becomes too long")
			}
		}
		return e.push(text(b.String())), nil
	}, nil
}

type coder = map[string]func(string) (string, bool)

func sure(f func(string) string) func(string) (string, bool) {
	return func(s string) (string, bool) { return f(s), true }
}

func decoder(f func(string) ([]byte, error)) func(string) (string, bool) {
	return func(s string) (string, bool) {
		b, err := f(s)
		return string(b), err == nil
	}
}

var (
	encoders = coder{
		"hex":       sure(func(s string) string { return hex.EncodeToString([]byte(s)) }),
		"base64":    sure(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
		"urlbase64": sure(func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }),
	}
	decoders = coder{
		"hex": decoder(hex.DecodeString), "base64": decoder(base64.StdEncoding.DecodeString),
		"urlbase64": decoder(base64.URLEncoding.DecodeString),
	}
	escapers = coder{
		"html": sure(html.EscapeString),
		"json": sure(func(s string) string { q := appendQuoted(nil, s); return string(q[1 : len(q)-1]) }),
	}
	unescapers = coder{"html": sure(html.UnescapeString), "json": sure(func(s string) string { return unescape([]byte(s)) })}
)

func coded(table coder) function {
	return ofText(1, func(e *Evaluator, s string, a []string, at int) ([]Value, error) {
		f, ok := table[a[0]]
		if !ok {
			return nil, errorAt(at, "there is no such encoding")
		}
		out, ok := f(s)
		if !ok {
			return nil, nil
		}
		return e.push(text(out)), nil
	})
}
