package terms

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed tables/*.tsv
var embedded embed.FS

// row is one line of a table.
type row struct {
	file   string
	line   int
	fields []string
}

// bad is an error about the row that names file and line.
func (r row) bad(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.file, r.line, fmt.Sprintf(format, args...))
}

// readTable parses tab-separated text with a header that must be columns.
func readTable(file string, data []byte, columns ...string) ([]row, error) {
	var rows []row
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20)
	header := false
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimRight(sc.Text(), "\r")
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") {
			continue
		}
		r := row{file: file, line: line, fields: strings.Split(text, "\t")}
		if !header {
			if got := strings.Join(r.fields, " "); got != strings.Join(columns, " ") {
				return nil, r.bad("header is %q, want %q", got, strings.Join(columns, " "))
			}
			header = true
			continue
		}
		if len(r.fields) != len(columns) {
			return nil, r.bad("%d fields, want %d", len(r.fields), len(columns))
		}
		for i, f := range r.fields {
			r.fields[i] = strings.TrimSpace(f)
		}
		rows = append(rows, r)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return rows, nil
}

// builtin is an embedded table by its name without ".tsv".
func (l *loader) builtin(name string, columns ...string) ([]row, error) {
	data, err := embedded.ReadFile("tables/" + name + ".tsv")
	if err != nil {
		return nil, err
	}
	l.hash("tables/"+name, data)
	return readTable("tables/"+name+".tsv", data, columns...)
}

// own is a table of the site; a file that is not there has no rows.
func (l *loader) own(name string, columns ...string) ([]row, error) {
	if l.site == "" {
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(l.site, name+".tsv"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l.hash("site/"+name, data)
	return readTable(name+".tsv", data, columns...)
}

// list splits a field at sep and drops empty parts.
func list(field, sep string) []string {
	var out []string
	for _, s := range strings.Split(field, sep) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
