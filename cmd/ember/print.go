package main

import (
	"encoding/json"
	"io"
	"os"
)

// print writes a result: JSON with --json, else by text.
func (p *program) print(v any, text func(io.Writer)) error {
	if !p.json {
		text(os.Stdout)
		return nil
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
