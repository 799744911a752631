package features

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ember/record"
)

// Words are a column and its cell for people; display is what a code is called, "" where
// nobody knows. A column that no row of [Of] has stays as it is.
func Words(column, cell string, display func(record.Code) string) string {
	name, part := column, ""
	for _, suffix := range [...]string{lastValue, leastValue, mostValue} {
		if hasSuffix(name, suffix) {
			name, part = strings.TrimSuffix(name, suffix), suffix
		}
	}
	kind, rest, ok := strings.Cut(name, " ")
	system, _, coded := strings.Cut(rest, "|")
	switch {
	case ok && coded && system != "":
		called, unit := called(rest, display)
		if part != "" {
			return measuredWords(called, strings.TrimSpace(part), cell, unit)
		}
		return kind + " " + called + ", " + lateness(kind, cell)
	case ok && strings.HasPrefix(rest, "events "), kind == "visits", kind == "stays":
		return span(name) + ": " + cell
	}
	if cell == "" {
		return column
	}
	return column + ": " + cell
}

// called is what the code of a name is called, and the unit behind it.
func called(rest string, display func(record.Code) string) (name, unit string) {
	system, code, _ := strings.Cut(rest, "|")
	if letter, ok := strings.CutPrefix(rest, chapters); ok {
		return "of ICD-10 " + letter, ""
	}
	if system == short[record.Text] {
		return code, ""
	}
	code, unit, _ = strings.Cut(code, " ")
	for long, brief := range short {
		if brief == system {
			system = long
		}
	}
	if name := display(record.Code{System: system, Value: code}); name != "" && name != code {
		return name + " (" + code + ")", unit
	}
	return code, unit
}

func measuredWords(called, which, cell, unit string) string {
	if cell == "" {
		return called + ", not measured"
	}
	return strings.TrimSpace(called + ", " + which + " value " + cell + " " + unit)
}

// lateness is what the weight of something recorded says of when that was.
func lateness(kind, cell string) string {
	v, err := strconv.ParseFloat(cell, 64)
	switch {
	case kind == "visit" && err == nil && v > 0:
		return "now"
	case err != nil || v <= 0:
		return "not on record"
	}
	days := math.Round(-math.Log2(min(v, 1)) * halfLife.Hours() / 24)
	switch {
	case days < 2:
		return "recorded within two days"
	case days < 60:
		return fmt.Sprintf("last recorded %.0f days before", days)
	case days < 730:
		return fmt.Sprintf("last recorded %.0f months before", days/30.44)
	}
	return fmt.Sprintf("last recorded %.0f years before", days/365.25)
}

// span writes out over which time events are counted.
func span(name string) string {
	for _, l := range spans {
		if head, ok := strings.CutSuffix(name, " "+l.name); ok && l.span != math.MaxInt64 {
			return fmt.Sprintf("%s of the last %.0f days", head, l.span.Hours()/(24*time.Hour).Hours())
		}
	}
	return name
}
