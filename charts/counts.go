package charts

import (
	"html"
	"strconv"
)

// Counts draws a table of counts, rows are what is true and columns what was said,
// each cell the darker the larger its share of the row. There are as many names as
// rows and columns.
func Counts(title string, names []string, counts [][]int) []byte {
	const edge = 104.
	n := float64(len(names))
	cell := min(64, (width-edge-right)/max(n, 1))
	var c canvas
	c.open(title, width, edge+cell*n+8)
	c.text(edge-8, edge-10, "end", "true ↓ said →", ` font-style="italic" font-size="10"`)
	for i, name := range names {
		mid := edge + cell*(float64(i)+.5)
		c.text(edge-8, mid+4, "end", short(name, 14), "")
		c.text(0, 0, "start", short(name, 12), ` transform="translate(`+num(mid+4)+` `+num(edge-8)+`) rotate(-45)"`)
		total := 0
		for _, v := range counts[i] {
			total += v
		}
		for j, v := range counts[i] {
			share := float64(v) / float64(max(total, 1))
			x, y := edge+cell*float64(j), edge+cell*float64(i)
			c.add(`<g><title>%s, said %s: %d of %d</title><rect x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="%s" stroke="currentColor" stroke-opacity=".2"/>`,
				html.EscapeString(name), html.EscapeString(names[j]), v, total, num(x), num(y), num(cell), num(cell), palette[0], num(.05+.75*share))
			if cell >= 26 {
				c.text(x+cell/2, y+cell/2+4, "middle", strconv.Itoa(v), "")
			}
			c.add("</g>")
		}
	}
	return c.close()
}
