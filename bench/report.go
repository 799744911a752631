package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/template"
)

//go:embed page.md
var page string

// Page is everything docs/performance.md shows; what was not measured is nil.
type Page struct {
	Machine, Kernel, Go, Version string
	Processors                   int
	Memory                       float64 // GiB
	Size                         *Size
	Load                         *Load
	Lean                         *Lean
	Ask                          *Ask
	FHIR                         *FHIR
	CDS                          *CDS
	Scorer                       *Scorer
	Models                       *Models
}

// report writes the page from the figures that are kept.
func (b *bench) report() error {
	p := Page{Go: runtime.Version(), Processors: runtime.NumCPU()}
	p.Machine, p.Kernel, p.Memory = machine()
	version, err := exec.Command(b.ember, "version").Output()
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(version), "\n")
	p.Version = strings.TrimSpace(first)
	p.Size, err = keptPart(b, "size", p.Size, err)
	p.Load, err = keptPart(b, "load", p.Load, err)
	p.Lean, err = keptPart(b, "lean", p.Lean, err)
	p.Ask, err = keptPart(b, "ask", p.Ask, err)
	p.FHIR, err = keptPart(b, "fhir", p.FHIR, err)
	p.CDS, err = keptPart(b, "cds", p.CDS, err)
	p.Scorer, err = keptPart(b, "scorer", p.Scorer, err)
	p.Models, err = keptPart(b, "models", p.Models, err)
	if err != nil {
		return err
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"cpu":    func(c []Cost) float64 { return middle(c, func(v Cost) float64 { return v.CPU }) },
		"wall":   func(c []Cost) float64 { return middle(c, func(v Cost) float64 { return v.Wall }) },
		"spread": func(c []Cost) string { return spread(c, func(v Cost) float64 { return v.CPU }, "%.1f") },
		"p50":    func(l []Latency) float64 { return middle(l, func(v Latency) float64 { return v.P50 }) },
		"p99":    func(l []Latency) float64 { return middle(l, func(v Latency) float64 { return v.P99 }) },
		"p99s":   func(l []Latency) string { return spread(l, func(v Latency) float64 { return v.P99 }, "%.2f") },
		"median": median,
		"hooked": func(h []Hooked, of string) float64 {
			return middle(h, func(v Hooked) float64 {
				return map[string]float64{"p50": v.P50, "p99": v.P99, "cards": 100 * v.Cards, "late": float64(v.Late)}[of]
			})
		},
		"reach": func(v []float64) string { return spread(v, func(x float64) float64 { return x }, "%.2f") },
		"busy":  func(rate, cpu []float64) float64 { return median(rate) * median(cpu) / 1e6 },
		"ratio": func(a, b float64) string {
			if b == 0 {
				return "–"
			}
			return fmt.Sprintf("%.1f", a/b)
		},
		"percent": func(v float64) float64 { return 100 * v },
		"float":   func(n int) float64 { return float64(n) },
		"div":     func(a, b float64) float64 { return a / b },
		"mib":     func(n int64) float64 { return float64(n) / (1 << 20) },
		"mb":      func(n int64) float64 { return float64(n) / 1e6 },
		"per":     func(us float64) float64 { return 1e6 / us },
		"bar":     bar, "least": least,
	}).Parse(page)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return err
	}
	return os.WriteFile(b.page, out.Bytes(), 0o644)
}

// keptPart reads the figures of a part unless an earlier one failed.
func keptPart[T any](b *bench, name string, _ *T, before error) (*T, error) {
	if before != nil {
		return nil, before
	}
	v := new(T)
	ok, err := b.kept(name, v)
	if !ok || err != nil {
		return nil, err
	}
	return v, nil
}

// least says whether a figure keeps a bar that it must reach.
func least(value, bar float64) string {
	if value >= bar {
		return "kept"
	}
	return "**missed**"
}

// bar says whether a figure keeps its bar.
func bar(value, most float64) string {
	if value <= most {
		return "kept"
	}
	return "**missed**"
}

func values[T any](list []T, of func(T) float64) []float64 {
	v := make([]float64, len(list))
	for i := range list {
		v[i] = of(list[i])
	}
	return v
}

func middle[T any](list []T, of func(T) float64) float64 { return median(values(list, of)) }

// spread is the lowest and the highest.
func spread[T any](list []T, of func(T) float64, format string) string {
	v := values(list, of)
	if len(v) == 0 {
		return "–"
	}
	low, high := v[0], v[0]
	for _, x := range v {
		low, high = min(low, x), max(high, x)
	}
	return fmt.Sprintf(format+"–"+format, low, high)
}

// machine tells the processor, the kernel and the memory in GiB.
func machine() (processor, kernel string, memory float64) {
	processor, kernel = "unknown", "unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				processor = strings.TrimSpace(value)
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb float64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %f kB", &kb); err == nil {
			memory = kb / (1 << 20)
		}
	}
	return processor, kernel, memory
}
