// Package charts draws the few plots of Ember's reports as SVG that stands in a
// page by itself: curves, intervals and tables of counts. Text is text, every mark
// says its values when pointed at, and colours follow the page's light or dark.
//
// All functions are pure and safe for concurrent use. Names that come from data are
// escaped.
package charts

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
)

// Point is a place in the plane of a Plot, in the units of its axes.
type Point struct{ X, Y float64 }

// Points are places given as pairs of x and y.
func Points(of [][2]float64) []Point {
	out := make([]Point, len(of))
	for i, p := range of {
		out[i] = Point{p[0], p[1]}
	}
	return out
}

// Line is a curve, or single dots.
type Line struct {
	Name   string
	Points []Point
	Band   []Point // the outline of an area around it, such as an interval; nil = none
	Dots   bool    // draw the points
	Dashed bool    // for what is compared with, such as chance
}

// Plot is curves between two axes, which both go from 0 to 1 unless a range is
// given.
type Plot struct {
	Title, X, Y    string
	XRange, YRange [2]float64
	Lines          []Line
	Under          []Under // rows of words below the axis
}

// Under is a row of words below places of the horizontal axis, such as numbers at risk.
type Under struct {
	Name  string
	At    []float64
	Words []string // as many as places
}

// The plane of all charts, in SVG's units.
const (
	width, height             = 420., 340.
	left, right, above, below = 54., 14., 34., 46.
)

// palette is Okabe and Ito's, which people with any colour vision tell apart.
var palette = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7000", "#666666"}

// canvas is SVG in the making.
type canvas struct{ bytes.Buffer }

func (c *canvas) add(format string, a ...any) { fmt.Fprintf(c, format+"\n", a...) }

func (c *canvas) open(title string, w, h float64) {
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" viewBox="0 0 %s %s" font-family="system-ui, sans-serif" font-size="12" fill="currentColor">`,
		html.EscapeString(title), num(w), num(h))
	c.text(left, 18, "start", title, ` font-weight="600"`)
}

// close ends the picture and gives it.
func (c *canvas) close() []byte {
	c.add("</svg>")
	return c.Bytes()
}

func (c *canvas) text(x, y float64, anchor, text, more string) {
	c.add(`<text x="%s" y="%s" text-anchor="%s"%s>%s</text>`, num(x), num(y), anchor, more, html.EscapeString(text))
}

func (c *canvas) rule(x1, y1, x2, y2 float64, more string) {
	c.add(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="currentColor"%s/>`, num(x1), num(y1), num(x2), num(y2), more)
}

const faint = ` stroke-opacity=".15"`

// num is a coordinate to a hundredth, without trailing zeros.
func num(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// label is a value as people read it.
func label(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
