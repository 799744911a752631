package charts

import (
	"html"
	"math"
	"strings"
)

// SVG draws the plot. Points that are not numbers are left out.
func (p Plot) SVG() []byte {
	var c canvas
	a := axes{unit(p.XRange), unit(p.YRange)}
	below := 16 * float64(len(p.Under))
	c.open(p.Title, width, height+below+18*float64(len(p.Lines)))
	a.draw(&c, p.X, p.Y)
	for i, u := range p.Under {
		a.words(&c, u, height+16*float64(i))
	}
	next := 0
	for i, l := range p.Lines {
		colour := "currentColor"
		if !l.Dashed {
			colour = palette[next%len(palette)]
			next++
		}
		a.line(&c, l, colour)
		y := height + below + 18*float64(i)
		c.add(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="2"%s/>`, num(left), num(y), num(left+22), num(y), colour, dashes(l.Dashed))
		c.text(left+30, y+4, "start", l.Name, "")
	}
	return c.close()
}

func unit(r [2]float64) [2]float64 {
	if r[0] == r[1] {
		return [2]float64{0, 1}
	}
	return r
}

func dashes(on bool) string {
	if on {
		return ` stroke-dasharray="5 4" stroke-opacity=".6"`
	}
	return ""
}

// axes turn values into places.
type axes struct{ x, y [2]float64 }

func (a axes) place(p Point) (x, y float64) {
	return left + (p.X-a.x[0])/(a.x[1]-a.x[0])*(width-left-right),
		height - below - (p.Y-a.y[0])/(a.y[1]-a.y[0])*(height-above-below)
}

func (a axes) draw(c *canvas, xName, yName string) {
	bottom := height - below
	for _, v := range ticks(a.x) {
		x, _ := a.place(Point{v, a.y[0]})
		c.rule(x, above, x, bottom, faint)
		c.text(x, bottom+16, "middle", label(v), "")
	}
	for _, v := range ticks(a.y) {
		_, y := a.place(Point{a.x[0], v})
		c.rule(left, y, width-right, y, faint)
		c.text(left-6, y+4, "end", label(v), "")
	}
	c.text((left+width-right)/2, bottom+34, "middle", xName, "")
	c.text(0, 0, "middle", yName, ` transform="translate(14 `+num((above+bottom)/2)+`) rotate(-90)"`)
}

// path is places as SVG has them.
func (a axes) path(points []Point) string {
	var path strings.Builder
	for _, p := range points {
		if x, y := a.place(p); !math.IsNaN(x+y) && !math.IsInf(x+y, 0) {
			path.WriteString(num(x) + "," + num(y) + " ")
		}
	}
	return strings.TrimSpace(path.String())
}

// words is a row below the axis, its name at the left edge.
func (a axes) words(c *canvas, u Under, y float64) {
	c.text(4, y+4, "start", short(u.Name, 8), ` font-size="10"`)
	for i, at := range u.At {
		if x, _ := a.place(Point{at, a.y[0]}); !math.IsNaN(x) && !math.IsInf(x, 0) {
			c.text(x, y+4, "middle", u.Words[i], ` font-size="10"`)
		}
	}
}

func (a axes) line(c *canvas, l Line, colour string) {
	if len(l.Band) > 0 {
		c.add(`<polygon fill="%s" fill-opacity=".12" points="%s"/>`, colour, a.path(l.Band))
	}
	c.add(`<polyline fill="none" stroke="%s" stroke-width="2"%s points="%s"/>`, colour, dashes(l.Dashed), a.path(l.Points))
	if !l.Dots {
		return
	}
	for _, p := range l.Points {
		if x, y := a.place(p); !math.IsNaN(x+y) && !math.IsInf(x+y, 0) {
			c.add(`<circle cx="%s" cy="%s" r="3.5" fill="%s"><title>%s: %s, %s</title></circle>`, num(x), num(y), colour, html.EscapeString(l.Name), label(p.X), label(p.Y))
		}
	}
}

// ticks are four to eight round values of a range.
func ticks(r [2]float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((r[1]-r[0])/3)))
	for (r[1]-r[0])/step > 8 {
		step *= 2
		if (r[1]-r[0])/step > 8 {
			step *= 2.5
		}
	}
	var out []float64
	for k := math.Ceil(r[0]/step - 1e-9); k*step <= r[1]+1e-9*step; k++ {
		out = append(out, math.Round(k*step*1e9)/1e9+0) // + 0 makes of -0 what people write
	}
	return out
}
