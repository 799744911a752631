package aiaas

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ReadCSV reads a table with a header. A byte order mark is skipped; comma,
// semicolon, tab and bar are told apart by the header; fields may be quoted.
// Empty and NA fields are missing, which is not zero.
func ReadCSV(ctx context.Context, name string, r io.Reader, s Schema, l Limits) (*Dataset, error) {
	l = l.filled()
	b := bufio.NewReaderSize(&bounded{r: r, left: l.Bytes, name: name}, 1<<16)
	if mark, err := b.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := b.Discard(3); err != nil {
			return nil, fmt.Errorf("aiaas: %s: %w", name, err)
		}
	}
	lines := csv.NewReader(b)
	lines.Comma = delimiter(b)
	lines.ReuseRecord = true
	lines.FieldsPerRecord = 0
	header, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("aiaas: %s: empty", name)
	}
	if err != nil {
		return nil, csvError(name, err)
	}
	t := newTable(name, s, l)
	columns := make([]int, len(header))
	for i, h := range header {
		h = strings.TrimSpace(h)
		if _, twice := t.at[h]; twice || h == "" {
			return nil, fmt.Errorf("aiaas: %s: header: column %d is empty or there twice", name, i+1)
		}
		if columns[i], err = t.column(strings.Clone(h)); err != nil {
			return nil, err
		}
	}
	return t.csvRows(ctx, lines, columns)
}

func (t *table) csvRows(ctx context.Context, lines *csv.Reader, columns []int) (*Dataset, error) {
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return t.dataset()
		}
		if err != nil {
			return nil, csvError(t.name, err)
		}
		if len(t.places)%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		line, _ := lines.FieldPos(0)
		if err := t.row(Place{File: t.name, Line: line}); err != nil {
			return nil, err
		}
		for i, field := range record {
			if !utf8.ValidString(field) {
				return nil, fmt.Errorf("aiaas: %s:%d: field %q is not UTF-8", t.name, line, t.names[columns[i]])
			}
			if err := t.put(columns[i], cell{text: strings.Clone(field), absent: absentWord(strings.TrimSpace(field))}); err != nil {
				return nil, err
			}
		}
	}
}

// csvError is a reader's error with the place and without the content.
func csvError(name string, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("aiaas: %s:%d: %w", name, parse.Line, parse.Err)
	}
	if strings.HasPrefix(err.Error(), "aiaas: ") {
		return err
	}
	return fmt.Errorf("aiaas: %s: %w", name, err)
}

// delimiter is the one of the usual four that the first line has most often
// outside quotes, a comma if none.
func delimiter(b *bufio.Reader) rune {
	head, err := b.Peek(1 << 14)
	if err != nil && len(head) == 0 {
		return ','
	}
	count := make(map[rune]int)
	quoted := false
	for _, c := range string(head) {
		if c == '"' {
			quoted = !quoted
		}
		if c == '\n' && !quoted {
			break
		}
		if !quoted {
			count[c]++
		}
	}
	best := ','
	for _, c := range ";\t|" {
		if count[c] > count[best] {
			best = c
		}
	}
	return best
}

// bounded is a reader that fails, and does not just end, at a limit.
type bounded struct {
	r    io.Reader
	left int64
	name string
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("aiaas: %s: larger than the limit in bytes", b.name)
	}
	return n, err
}
