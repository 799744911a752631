package aiaas

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ember/learn/nn"
)

// vocabulary turns texts into ids: a word of several subjects is one id, another
// word is the longest pieces that make it. Id 0 is padding, 1 what has no piece.
type vocabulary struct {
	Columns []string `json:"columns"` // of the fit, for a readable refusal
	Words   []string `json:"words"`   // ids from 2 on
	Pieces  []string `json:"pieces"`  // ids after those
	Steps   int      `json:"steps"`   // ids of a text at most
	Bag     bool     `json:"bag,omitempty"`
	index   map[string]float32
}

// A vocabulary's bounds.
const (
	mostWordIDs  = 20_000
	mostPieces   = 8_000
	longestPiece = 6
	leastPiece   = 3 // subjects that must have a piece of more than one letter
)

// token is one id and the bytes of the text that it stands for.
type token struct {
	id       float32
	from, to int
}

// fitVocabulary counts words and pieces by subject, and takes as many steps as
// all but one text in fifty have, up to a limit.
func fitVocabulary(d *Dataset, bag bool, most int) (*vocabulary, error) {
	texts := allTexts(d)
	words, _ := countParts(texts, d.Subject, Grams{Words: 1})
	pieces, _ := countParts(texts, d.Subject, Grams{Low: 1, High: longestPiece})
	v := &vocabulary{Columns: textFields(d), Bag: bag}
	maps.DeleteFunc(words, func(_ string, n int) bool { return n < 2 })
	v.Words = frequent(words, mostWordIDs)
	clean := make(map[string]int, len(pieces))
	for p, n := range pieces {
		p = strings.TrimPrefix(p, charMark)
		if strings.ContainsAny(p, "<>") || n < leastPiece && utf8.RuneCountInString(p) > 1 {
			continue
		}
		clean[p] = n
	}
	v.Pieces = frequent(clean, mostPieces)
	v.number()
	if len(v.Words)+len(v.Pieces) == 0 {
		return nil, errors.New("aiaas: " + d.Name + ": the texts have no words")
	}
	var lengths []int
	for _, t := range texts {
		lengths = append(lengths, len(v.tokens(t)))
	}
	slices.Sort(lengths)
	v.Steps = min(max(lengths[len(lengths)*49/50], 4), most)
	return v, nil
}

// frequent are the names counted most often, in alphabetical order.
func frequent(count map[string]int, most int) []string {
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	names = names[:min(len(names), most)]
	slices.Sort(names)
	return names
}

// pieceMark tells a piece from a word of the same letters.
const pieceMark = "\x00"

func (v *vocabulary) number() {
	v.index = make(map[string]float32, len(v.Words)+len(v.Pieces))
	for i, w := range v.Words {
		v.index[w] = float32(2 + i)
	}
	for i, p := range v.Pieces {
		v.index[pieceMark+p] = float32(2 + len(v.Words) + i)
	}
}

// limit keeps as many ids as a table has rows: pieces first, for any word can be
// made of them, up to half.
func (v *vocabulary) limit(rows int) {
	if v.size() <= rows {
		return
	}
	pieces := min(len(v.Pieces), max((rows-2)/2, rows-2-len(v.Words)))
	v.Pieces = v.Pieces[:pieces]
	v.Words = v.Words[:min(len(v.Words), rows-2-pieces)]
	v.number()
}

// size is how many ids there are.
func (v *vocabulary) size() int { return 2 + len(v.Words) + len(v.Pieces) }

// tokens are a text's ids in order.
func (v *vocabulary) tokens(text string) []token {
	var out []token
	eachWord(text, func(from, to int) {
		word := strings.ToLower(text[from:to])
		id, known := v.index[word]
		if known {
			out = append(out, token{id, from, to})
		}
		if !known || v.Bag {
			out = v.pieces(out, word, from, to)
		}
	})
	return out
}

// eachWord finds the runs of letters and digits.
func eachWord(text string, do func(from, to int)) {
	from := -1
	for i, r := range text {
		in := unicode.IsLetter(r) || unicode.IsDigit(r)
		switch {
		case in && from < 0:
			from = i
		case !in && from >= 0:
			do(from, i)
			from = -1
		}
	}
	if from >= 0 {
		do(from, len(text))
	}
}

// pieces cuts a word into the longest pieces, from its beginning on; in a bag all
// pieces of three letters and more count.
func (v *vocabulary) pieces(out []token, word string, from, to int) []token {
	runes := []rune(word)
	for i := 0; i < len(runes); {
		n := min(longestPiece, len(runes)-i)
		for ; n > 0; n-- {
			if id, ok := v.index[pieceMark+string(runes[i:i+n])]; ok {
				out = append(out, token{id, from, to})
				if !v.Bag {
					break
				}
			}
			if v.Bag && n == 3 {
				break
			}
		}
		switch {
		case v.Bag:
			i++
		case n == 0:
			out = append(out, token{1, from, to})
			i++
		default:
			i += n
		}
	}
	return out
}

func (v *vocabulary) shape() []int { return []int{v.Steps} }

func (v *vocabulary) check() error {
	if v.Steps < 1 || v.Steps > 1<<16 || v.size() > 1<<24 {
		return errors.New("a vocabulary of no size")
	}
	if v.index == nil {
		v.number()
	}
	return nil
}

func (v *vocabulary) inputs(d *Dataset) (nn.Tensor, error) {
	if err := needs(d, FreeText, v.Columns); err != nil {
		return nn.Tensor{}, err
	}
	x := nn.NewTensor(d.Len(), v.Steps)
	for i := range d.Len() {
		tokens := v.tokens(d.Texts(i))
		for k, t := range tokens[:min(len(tokens), v.Steps)] {
			x.Data[i*v.Steps+k] = t.id
		}
	}
	return x, nil
}
