package index

import (
	"github.com/blevesearch/bleve/v2/document"
	bleveindex "github.com/blevesearch/bleve_index_api"
)

// textField is the one searched field of a note.
const textField = "t"

// noteDocument is one note on its way into Bleve. It cuts the words itself, so
// that Bleve keeps what is needed and no more: which words, how often, and the
// text. Positions would add half the time and two thirds of the space; phrases
// are checked in the text instead.
type noteDocument struct {
	key  string
	id   *document.TextField
	text noteText
}

func newNoteDocument(key noteKey, text string) *noteDocument {
	return &noteDocument{key: string(key[:]), text: noteText{text: text}}
}

// ID is the note's key.
func (d *noteDocument) ID() string { return d.key }

// Size is a rough number of bytes, for Bleve's accounting.
func (d *noteDocument) Size() int { return 200 + 3*len(d.text.text) }

// VisitFields gives the id and the text.
func (d *noteDocument) VisitFields(visit bleveindex.FieldVisitor) {
	if d.id != nil {
		visit(d.id)
	}
	visit(&d.text)
}

// VisitComposite has nothing to give: there is no field of all fields.
func (d *noteDocument) VisitComposite(bleveindex.CompositeFieldVisitor) {}

// HasComposite is false.
func (d *noteDocument) HasComposite() bool { return false }

// NumPlainTextBytes is the length of the text.
func (d *noteDocument) NumPlainTextBytes() uint64 { return uint64(len(d.text.text)) }

// AddIDField is called by Bleve before it analyses the document.
func (d *noteDocument) AddIDField() {
	d.id = document.NewTextFieldCustom("_id", nil, []byte(d.key), bleveindex.IndexField|bleveindex.StoreField, nil)
}

// StoredFieldsBytes is the length of what is stored.
func (d *noteDocument) StoredFieldsBytes() uint64 { return uint64(len(d.text.text)) }

// Indexed is about documents that Bleve filters out; a note is none.
func (d *noteDocument) Indexed() bool { return false }

// noteText is the text of a note as a field of Bleve.
type noteText struct {
	text   string
	length int
	terms  bleveindex.TokenFrequencies
}

// Name is the field's name in the index.
func (f *noteText) Name() string { return textField }

// Value is the text.
func (f *noteText) Value() []byte { return []byte(f.text) }

// ArrayPositions is nil: the field occurs once.
func (f *noteText) ArrayPositions() []uint64 { return nil }

// EncodedFieldType says that this is a text.
func (f *noteText) EncodedFieldType() byte { return 't' }

// Options says that the field is searched and stored, without positions.
func (f *noteText) Options() bleveindex.FieldIndexingOptions {
	return bleveindex.IndexField | bleveindex.StoreField
}

// AnalyzedLength is the number of words.
func (f *noteText) AnalyzedLength() int { return f.length }

// AnalyzedTokenFrequencies are the words and how often each occurs.
func (f *noteText) AnalyzedTokenFrequencies() bleveindex.TokenFrequencies { return f.terms }

// NumPlainTextBytes is the length of the text.
func (f *noteText) NumPlainTextBytes() uint64 { return uint64(len(f.text)) }

// Analyze cuts the text into words, all allocated in one piece.
func (f *noteText) Analyze() {
	ws := words(f.text, make([]word, 0, len(f.text)/5))
	f.length = len(ws)
	f.terms = make(bleveindex.TokenFrequencies, len(ws)*2/3)
	all := make([]bleveindex.TokenFreq, 0, len(ws))
	for _, w := range ws {
		if common(w.text) {
			continue
		}
		t := f.terms[w.text]
		if t == nil {
			all = append(all, bleveindex.TokenFreq{Term: []byte(w.text)})
			t = &all[len(all)-1]
			f.terms[w.text] = t
		}
		t.SetFrequency(t.Frequency() + 1)
	}
}

var (
	_ bleveindex.Document = (*noteDocument)(nil)
	_ bleveindex.Field    = (*noteText)(nil)
)
