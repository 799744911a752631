package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"

	"ember/learn"
)

//go:embed page.md
var pageText string

// measured is a line of what was measured.
type measured struct {
	Data       string             `json:"data"`
	Part       string             `json:"part"`
	Family     string             `json:"family"`
	Samples    int                `json:"samples"`
	AUROC      *learn.Estimate    `json:"auroc"`
	PRAUC      *learn.Estimate    `json:"prauc"`
	Accuracy   *learn.Estimate    `json:"accuracy"`
	ECE        *learn.Estimate    `json:"ece"`
	Recall     map[string]float64 `json:"recall"`
	Baseline   *learn.Estimate    `json:"baseline"`
	Difference *learn.Estimate    `json:"difference"`
	P          float64            `json:"p"`
	FitSeconds float64            `json:"fitSeconds"`
	Parameters int                `json:"parameters"`
}

// page writes lines of JSON on standard input as a page of Markdown, whose head
// the arguments say: when and with what it was measured.
func page(_ context.Context, args []string) error {
	of := make(map[string][]measured)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var m measured
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		of[m.Data] = append(of[m.Data], m)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	t := template.Must(template.New("page").Funcs(template.FuncMap{"interval": interval, "recalls": recalls}).Parse(pageText))
	return t.Execute(os.Stdout, map[string]any{"Made": strings.Join(args, " "), "Images": of["pneumoniamnist"], "Beats": of["mitdb-100"], "Titles": of["icd10cm-ccsr"]})
}

func interval(e *learn.Estimate) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%.4f [%.4f, %.4f]", e.Value, e.Low, e.High)
}

func recalls(of map[string]float64) string {
	var parts []string
	for _, class := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s %.3f", class, of[class]))
	}
	return strings.Join(parts, ", ")
}
