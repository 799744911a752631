package aiaas

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Card is the model card of a version: what it is for, what it was made of, what
// was measured and what was not, in Markdown (Mitchell et al., Model Cards for
// Model Reporting, FAT* 2019).
func (s *Service) Card(name, version string) ([]byte, error) {
	v, err := s.describe(name, version)
	if err != nil {
		return nil, err
	}
	m := v.Manifest
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("# %s, version %s\n", v.Name, v.Version)
	line("| | |\n|---|---|")
	line("| Task | %s |", v.Task)
	line("| Algorithm | %s |", v.Family)
	line("| Made | %s with ember %s, seed %d |", m.Created.Format("2006-01-02 15:04 MST"), m.Code, m.Seed)
	line("| Data | %s, version %s, %d subjects |", v.Dataset, m.Data.Version, m.Data.Patients)
	line("| Gate | %s |", m.Gate)
	for i, in := range v.Inputs {
		if i == 20 {
			line("| Input | and %d more |", len(v.Inputs)-i)
			break
		}
		line("| Input | %s (%s) |", cell1(in.Name), in.Kind)
	}
	if len(v.Classes) > 0 {
		line("| Classes | %s |", classesText(v.Classes))
	}
	line("\n## Intended use\n\nTo support people who decide, never to decide for them. It answers about data like that it was made of: the same kind of subjects, devices and documentation. Its probabilities were measured on the samples below and on no others; measure it on your own before you rely on it.")
	measuresText(&b, &v.Result)
	subgroupsText(&b, &v.Result)
	boardText(&b, v.Board)
	line("\n## Not known\n\nWhether it holds at other sites, for subjects unlike those above, or after practice has changed. Classes and subgroups with few samples have wide intervals. What the data got wrong, the model has learned.")
	return []byte(b.String()), nil
}

// cell1 is a text that breaks no table.
func cell1(s string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s) }

func classesText(classes []string) string {
	shown := classes[:min(len(classes), 20)]
	text := cell1(strings.Join(shown, ", "))
	if more := len(classes) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func measuresText(b *strings.Builder, r *Result) {
	fmt.Fprintf(b, "\n## Measured\n\nOn %d samples of %d subjects that it had not learned from when it answered; intervals are 95 %%, by bootstrap over subjects.\n\n| Measure | Value | 95 %% |\n|---|--:|---|\n", r.Samples, r.Subjects)
	for _, name := range slices.Sorted(maps.Keys(r.Measures)) {
		e := r.Measures[name]
		fmt.Fprintf(b, "| %s | %.3f | %.3f – %.3f |\n", name, e.Value, e.Low, e.High)
	}
}

func subgroupsText(b *strings.Builder, r *Result) {
	if len(r.Subgroups) == 0 {
		return
	}
	fmt.Fprint(b, "\n## Subgroups\n\n| Column | Value | Samples | Measures |\n|---|---|--:|---|\n")
	for _, g := range r.Subgroups {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(g.Measures)) {
			parts = append(parts, fmt.Sprintf("%s %.3f", name, g.Measures[name].Value))
		}
		fmt.Fprintf(b, "| %s | %s | %d | %s |\n", cell1(g.Column), cell1(g.Value), g.Samples, strings.Join(parts, ", "))
	}
}

func boardText(b *strings.Builder, board []Entry) {
	fmt.Fprint(b, "\n## Tried\n\n| Algorithm | Score | 95 % | Behind the best | |\n|---|--:|---|--:|---|\n")
	var unsuited []string
	for _, e := range board {
		if e.Unsuited {
			unsuited = append(unsuited, e.Family)
			continue
		}
		if e.Skipped != "" {
			fmt.Fprintf(b, "| %s | | | | %s |\n", e.Family, cell1(e.Skipped))
			continue
		}
		chosen := ""
		if e.Chosen {
			chosen = "chosen"
		}
		fmt.Fprintf(b, "| %s | %.4f | %.4f – %.4f | %.4f | %s |\n", e.Family, e.Score.Value, e.Score.Low, e.Score.High, e.Behind.Value, chosen)
	}
	if len(unsuited) > 0 {
		fmt.Fprintf(b, "\nNot made for such data: %s.\n", strings.Join(unsuited, ", "))
	}
}

// exporter is a model that can be taken elsewhere.
type exporter interface {
	// Export writes the network in a format: "onnx" or "safetensors".
	Export(format string, w io.Writer) error
}

// Export writes a version's network for other programs, as "onnx" or
// "safetensors". What is done to the inputs before is in the version's
// description, not in the network.
func (s *Service) Export(name, version, format string, w io.Writer) error {
	l, err := s.version(name, version)
	if err != nil {
		return err
	}
	if format != "onnx" && format != "safetensors" {
		return fmt.Errorf("aiaas: the formats are onnx and safetensors: %w", ErrInvalid)
	}
	e, ok := l.model.(exporter)
	if !ok {
		return fmt.Errorf("aiaas: %s is no network and cannot be exported: %w", l.about.Family, ErrInvalid)
	}
	return e.Export(format, w)
}
