package charts_test

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"

	"ember/charts"
)

// wellFormed parses the picture and gives its text and how many elements of each
// name it has.
func wellFormed(t *testing.T, svg []byte) (text string, count map[string]int) {
	t.Helper()
	count = make(map[string]int)
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	var b strings.Builder
	for {
		token, err := d.Token()
		if err == io.EOF {
			return b.String(), count
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch v := token.(type) {
		case xml.StartElement:
			count[v.Name.Local]++
			for _, a := range v.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Fatalf("%s=%q", a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			b.Write(v)
		}
	}
}

func TestPlot(t *testing.T) {
	p := charts.Plot{Title: "A <b>", X: "recall", Y: "precision", Lines: []charts.Line{
		{Name: `"x" & y`, Points: []charts.Point{{0, 0}, {.5, .25}, {math.NaN(), 1}, {1, 1}}, Dots: true},
		{Name: "chance", Points: []charts.Point{{0, 0}, {1, 1}}, Dashed: true},
	}}
	svg := p.SVG()
	text, n := wellFormed(t, svg)
	if n["polyline"] != 2 || n["circle"] != 3 {
		t.Errorf("%v", n)
	}
	if strings.Contains(text, "-0") {
		t.Errorf("minus nothing in %q", text)
	}
	for _, want := range []string{"A <b>", `"x" & y: 0.5, 0.25`, "recall", "precision", "chance"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	// x is .5 half way between the axes' ends 54 and 406; y .25 a quarter up from 294 to 34.
	if !strings.Contains(string(svg), `cx="230" cy="229"`) {
		t.Errorf("the dot is elsewhere:\n%s", svg)
	}
}

// TestBandAndWords draws an interval and numbers below the axis.
func TestBandAndWords(t *testing.T) {
	p := charts.Plot{Title: "t", X: "days", Y: "alive", XRange: [2]float64{0, 100}, Lines: []charts.Line{
		{Name: "a", Points: []charts.Point{{0, 1}, {100, .5}}, Band: []charts.Point{{0, 1}, {100, .6}, {100, math.NaN()}, {100, .4}}},
	}, Under: []charts.Under{{Name: "<a>", At: []float64{0, 50, math.NaN()}, Words: []string{"120", "≤ 10", "never"}}}}
	svg := p.SVG()
	text, n := wellFormed(t, svg)
	if n["polygon"] != 1 || !strings.Contains(text, "<a>") || !strings.Contains(text, "≤ 10") || strings.Contains(text, "never") {
		t.Errorf("%v %s", n, text)
	}
	if !strings.Contains(string(svg), `points="54,34 406,138 406,190"`) {
		t.Errorf("the band is elsewhere:\n%s", svg)
	}
}

func TestRanges(t *testing.T) {
	for _, r := range [][2]float64{{0, 1}, {-3, 12}, {.91, .93}, {0, 1e6}, {1e-7, 2e-7}} {
		p := charts.Plot{Title: "t", XRange: r, YRange: r, Lines: []charts.Line{{Points: []charts.Point{{r[0], r[1]}}, Dots: true}}}
		_, n := wellFormed(t, p.SVG())
		if n["line"] < 2*4 || n["line"] > 2*12+1 {
			t.Errorf("%v: %d rules", r, n["line"])
		}
	}
}

func TestIntervals(t *testing.T) {
	svg := charts.Intervals("Tried", "log loss", []charts.Interval{
		{Name: "linear", Value: .4, Low: .3, High: .5, Marked: true}, {Name: "a name that is much too long for it", Value: .6, Low: .5, High: .7},
		{Name: "none", Value: math.NaN()},
	})
	text, n := wellFormed(t, svg)
	if n["circle"] != 2 || !strings.Contains(text, "linear: 0.4 (0.3 to 0.5)") || !strings.Contains(text, "…") {
		t.Errorf("%v %s", n, text)
	}
	wellFormed(t, charts.Intervals("none", "", nil))
	wellFormed(t, charts.Intervals("one", "", []charts.Interval{{Name: "x", Value: 1, Low: 1, High: 1}}))
}

func TestCounts(t *testing.T) {
	text, n := wellFormed(t, charts.Counts("Said", []string{"no", "<yes>"}, [][]int{{90, 10}, {0, 0}}))
	if n["rect"] != 4 || !strings.Contains(text, "no, said <yes>: 10 of 100") {
		t.Errorf("%v %s", n, text)
	}
	names := make([]string, 60)
	counts := make([][]int, 60)
	for i := range counts {
		counts[i] = make([]int, 60)
	}
	if _, n := wellFormed(t, charts.Counts("many", names, counts)); n["rect"] != 3600 {
		t.Errorf("%v", n)
	}
	wellFormed(t, charts.Counts("none", nil, nil))
}
