package charts

import (
	"html"
	"math"
)

// Interval is a value with its bounds.
type Interval struct {
	Name             string
	Value, Low, High float64
	Marked           bool // the one chosen
}

// Intervals draws rows of values with their intervals on one axis, as in a forest
// plot. Rows that are not numbers are left out.
func Intervals(title, axis string, rows []Interval) []byte {
	const row, names = 22., 170.
	low, high := math.Inf(1), math.Inf(-1)
	var shown []Interval
	for _, r := range rows {
		if v := r.Value + r.Low + r.High; math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		shown = append(shown, r)
		low, high = min(low, r.Low, r.Value), max(high, r.High, r.Value)
	}
	if low >= high {
		low, high = low-.5, high+.5
	}
	if len(shown) == 0 {
		low, high = 0, 1
	}
	pad := (high - low) * .06
	low, high = low-pad, high+pad
	bottom := above + row*float64(len(shown))
	at := func(v float64) float64 { return names + (v-low)/(high-low)*(width-names-right) }
	var c canvas
	c.open(title, width, bottom+40)
	for _, v := range ticks([2]float64{low, high}) {
		c.rule(at(v), above, at(v), bottom, faint)
		c.text(at(v), bottom+16, "middle", label(v), "")
	}
	c.text((names+width-right)/2, bottom+34, "middle", axis, "")
	for i, r := range shown {
		y := above + row*(float64(i)+.5)
		weight, colour := "", palette[0]
		if r.Marked {
			weight, colour = ` font-weight="600"`, palette[1]
		}
		c.text(names-8, y+4, "end", short(r.Name, 26), weight)
		c.add(`<g stroke="%s" fill="%s"><title>%s: %s (%s to %s)</title><line x1="%s" y1="%s" x2="%s" y2="%s" stroke-width="2"/><circle cx="%s" cy="%s" r="4"/></g>`,
			colour, colour, html.EscapeString(r.Name), label(r.Value), label(r.Low), label(r.High), num(at(r.Low)), num(y), num(at(r.High)), num(y), num(at(r.Value)), num(y))
	}
	return c.close()
}

// short cuts a name to n characters.
func short(name string, n int) string {
	r := []rune(name)
	if len(r) <= n {
		return name
	}
	return string(r[:n-1]) + "…"
}
