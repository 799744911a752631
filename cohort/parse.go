package cohort

import (
	"slices"
	"strconv"
	"strings"
)

// fields are the names that criteria begin with, and the kinds they stand for.
var fields = map[string]string{
	"condition": "condition", "finding": "finding", "vital": "finding", "drug": "medication", "medication": "medication",
	"procedure": "procedure", "test": "test", "lab": "test", "allergy": "allergy", "immunization": "immunization",
	"vaccine": "immunization", "family": "family-history", "plan": "plan", "encounter": encounterKind, "any": "",
}

var fieldNames = []string{"condition", "finding", "vital", "drug", "procedure", "lab", "test", "allergy", "immunization", "family", "plan",
	"encounter", "any", "age", "sex", "life", "note", "cohort", "like", "score"}

var modes = []string{"code", "under", "set", "class"}

const maxDepth = 32

// Parse reads the text form of a definition. Errors are *[Error] with the offset.
//
//	definition = and { "or" and }
//	and        = item { [ "and" ] item }
//	item       = [ "-" | "not" ] ( "(" definition ")" | sequence | demographic | like | score )
//	sequence   = event { "then" event [ "within" span ] [ "without" event ] }
//	event      = kind [ "." mode ] ":" words [ comparison ] { modifier }
//	like       = "like:" ( patient | "@" cohort ) [ "top" number ]
//	score      = "score:" model [ comparison ]
//	comparison = sign number [ sign number ] [ unit ] | ":" number ".." number [ unit ]
//	sign       = ">" | ">=" | "<" | "<=" | "="
//	modifier   = "x" number | "within" span | "last" span | "since" day | "until" day | "at age" comparison
//
// A word with spaces or signs stands in double quotes. Modes: code, under (the code and
// what is below it), set (value set), class (drug class).
func Parse(text string) (Criterion, error) {
	tokens, err := lex(text)
	if err != nil {
		return Criterion{}, err
	}
	p := &parser{tokens: tokens, end: len(text)}
	if len(tokens) == 0 {
		return Criterion{}, p.here().fail("write for example condition:diabetes age:>50", "the definition is empty")
	}
	c, err := p.any(0)
	if err != nil {
		return Criterion{}, err
	}
	if t := p.peek(); t != nil {
		if t.text == ")" {
			return Criterion{}, p.here().fail("take it away, or open one before", "this parenthesis closes nothing")
		}
		return Criterion{}, p.here().fail("", "this is not understood here")
	}
	return c, nil
}

type parser struct {
	tokens []token
	i, end int
}

func (p *parser) peek() *token {
	if p.i < len(p.tokens) {
		return &p.tokens[p.i]
	}
	return nil
}

// here is the place of the next token.
func (p *parser) here() place {
	if t := p.peek(); t != nil {
		return place{offset: t.at}
	}
	return place{offset: p.end}
}

// word takes the next token when it is one of these words.
func (p *parser) word(words ...string) bool {
	t := p.peek()
	if t == nil || t.quoted || !slices.Contains(words, strings.ToLower(t.text)) {
		return false
	}
	p.i++
	return true
}

func (p *parser) any(depth int) (Criterion, error) {
	at := p.here()
	first, err := p.all(depth)
	if err != nil {
		return Criterion{}, err
	}
	list := []Criterion{first}
	for p.word("or", "|") {
		next, err := p.all(depth)
		if err != nil {
			return Criterion{}, err
		}
		list = append(list, next)
	}
	if len(list) == 1 {
		return first, nil
	}
	return Criterion{Any: list, at: at}, nil
}

func (p *parser) all(depth int) (Criterion, error) {
	at := p.here()
	var list []Criterion
	for {
		t := p.peek()
		if t == nil || !t.quoted && (t.text == ")" || strings.EqualFold(t.text, "or") || t.text == "|") {
			break
		}
		if len(list) > 0 && p.word("and", "&") {
			t = p.peek()
		}
		if t == nil {
			break
		}
		next, err := p.item(depth)
		if err != nil {
			return Criterion{}, err
		}
		list = append(list, next)
	}
	switch len(list) {
	case 0:
		return Criterion{}, p.here().fail("write for example condition:diabetes", "a criterion is missing here")
	case 1:
		return list[0], nil
	}
	return Criterion{All: list, at: at}, nil
}

func (p *parser) item(depth int) (Criterion, error) {
	at := p.here()
	if depth > maxDepth {
		return Criterion{}, at.fail("save parts as cohorts", "the definition is nested too deeply")
	}
	if p.word("-", "not", "!") {
		inner, err := p.item(depth + 1)
		if err != nil {
			return Criterion{}, err
		}
		return Criterion{Not: &inner, at: at}, nil
	}
	if t := p.peek(); t != nil && t.text == "(" && !t.quoted {
		p.i++
		inner, err := p.any(depth + 1)
		if err != nil {
			return Criterion{}, err
		}
		if !p.word(")") {
			return Criterion{}, at.fail("close it with )", "this parenthesis is not closed")
		}
		return inner, nil
	}
	return p.criterion()
}

// criterion is an event, a sequence that begins with it, or something about the
// person.
func (p *parser) criterion() (Criterion, error) {
	at := p.here()
	name, mode, err := p.field()
	if err != nil {
		return Criterion{}, err
	}
	c := Criterion{at: at}
	switch name {
	case "age":
		r, _, err := p.comparison(true)
		c.Age = r
		return c, err
	case "like":
		c.Like, err = p.like()
		return c, err
	case "score":
		c.Score, err = p.score()
		return c, err
	case "sex", "life", "cohort", "note":
		arg, err := p.argument(name)
		if err != nil {
			return c, err
		}
		switch name {
		case "sex":
			c.Sex = strings.ToLower(arg)
		case "life":
			c.Life = strings.ToLower(arg)
		case "cohort":
			c.Cohort = arg
		default:
			c.Note = &Note{Phrase: arg, Denied: mode == "denied"}
		}
		return c, nil
	}
	e, err := p.event(at, name, mode)
	if err != nil {
		return c, err
	}
	if t := p.peek(); t == nil || t.quoted || !strings.EqualFold(t.text, "then") {
		c.Event = &e
		return c, nil
	}
	c.Sequence, err = p.sequence(e)
	return c, err
}

// like reads whom others are compared with, and how many are asked for.
func (p *parser) like() (*Like, error) {
	arg, err := p.argument("like")
	if err != nil {
		return nil, err
	}
	l := &Like{Patient: arg}
	if name, ok := strings.CutPrefix(arg, "@"); ok {
		if l.Patient, l.Cohort = "", name; name == "" {
			return nil, p.here().fail("write like:@NAME", "the name of a saved cohort is missing")
		}
	}
	if p.fieldFollows() || !p.word("top") {
		return l, nil
	}
	at, t := p.here(), p.peek()
	if t == nil || t.quoted || !allDigits(t.text) {
		return nil, at.fail("write top 200", "a number is missing after top")
	}
	p.i++
	if l.Top, err = strconv.Atoi(t.text); err != nil || l.Top < 1 {
		return nil, at.fail("write top 200", "so many cannot be asked for")
	}
	return l, nil
}

// score reads a model and, where one follows, what its score is compared with.
func (p *parser) score() (*Score, error) {
	model, err := p.argument("score")
	if err != nil {
		return nil, err
	}
	s := &Score{Model: model}
	if t := p.peek(); t != nil && !t.quoted && (t.text == ":" || strings.ContainsAny(t.text[:1], "<>=")) {
		at := p.here()
		r, unit, err := p.comparison(false)
		switch {
		case err != nil:
			return nil, err
		case unit != "":
			return nil, at.fail("scores are probabilities from 0 to 1: write >0.3", "this is not understood behind a score")
		}
		s.Range = *r
	}
	return s, nil
}

func (p *parser) sequence(first Event) ([]Step, error) {
	steps := []Step{{Event: first}}
	for p.word("then") {
		e, err := p.nextEvent()
		if err != nil {
			return nil, err
		}
		s := Step{Event: e}
		s.Within, s.Event.Within = e.Within, ""
		if p.word("without") {
			without, err := p.nextEvent()
			if err != nil {
				return nil, err
			}
			s.Without = &without
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (p *parser) nextEvent() (Event, error) {
	at := p.here()
	name, mode, err := p.field()
	if err != nil {
		return Event{}, err
	}
	if _, ok := fields[name]; !ok {
		return Event{}, at.fail("events are "+strings.Join(fieldNames[:13], ", "), "%s is no event", name)
	}
	return p.event(at, name, mode)
}

// field reads the name of a criterion with its mode, up to but without the colon,
// which is left out where a comparison follows.
func (p *parser) field() (name, mode string, err error) {
	at, t := p.here(), p.peek()
	if t == nil {
		return "", "", at.fail("write for example condition:diabetes", "a criterion is missing here")
	}
	next := ""
	if p.i+1 < len(p.tokens) && !p.tokens[p.i+1].quoted {
		next = p.tokens[p.i+1].text
	}
	if t.quoted || next != ":" && !slices.Contains([]string{">", ">=", "<", "<=", "="}, next) {
		if strings.ContainsAny(t.text, "():<>=") {
			return "", "", at.fail("write for example condition:diabetes", "this is not understood here")
		}
		return "", "", at.fail("write field:value, for example condition:diabetes or note:diabetes", "this word does not say what it is")
	}
	p.i++
	name, mode, dotted := strings.Cut(strings.ToLower(t.text), ".")
	switch {
	case !slices.Contains(fieldNames, name) && fields[name] == "":
		return "", "", at.fail(hint(name, fieldNames), "there is no such field")
	case dotted && name == "note" && mode == "denied":
	case dotted && (fields[name] == "" && name != "any" || !slices.Contains(modes, mode)):
		return "", "", at.fail(hint(mode, modes), "%s has no such mode", name)
	}
	if next == ":" {
		p.i++
	}
	return name, mode, nil
}

func shown(word string) string {
	if simple(word) {
		return word
	}
	return quote(word)
}

// argument is a word or quoted text.
func (p *parser) argument(of string) (string, error) {
	t := p.peek()
	if t == nil || !t.quoted && (strings.ContainsAny(t.text, "():<>=") || t.text == "-" || !t.glued && p.fieldFollows()) || strings.TrimSpace(t.text) == "" {
		return "", p.here().fail("write "+of+":WORD or "+of+`:"SOME WORDS"`, "what %s is asked for is missing", of)
	}
	p.i++
	return t.text, nil
}

// url joins what colons cut off of a code that begins with a system's URL, up to and
// with the word that has the bar.
func (p *parser) url(code string) string {
	if code != "http" && code != "https" && code != "urn" {
		return code
	}
	for t := p.peek(); t != nil && t.glued && !t.quoted && !strings.ContainsAny(t.text, "()<>=") && !strings.Contains(code, "|"); t = p.peek() {
		code += t.text
		p.i++
	}
	return code
}
