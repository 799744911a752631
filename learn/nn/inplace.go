package nn

import "math"

// placement is a convolution whose windows are read where they are in the image:
// a row of a window lies side by side, and the next row a line further, so
// nothing is copied but images that need zeros around them.
type placement struct {
	height, width int     // of the image with its zeros
	positions     int     // of an image
	rows          []int32 // where each position's window begins, for as many images as fill whole tiles
	framed        []float32
	bias          []float32 // filled up to whole tiles
	tile          []float32 // of the last columns, where they make no tile
}

// leastRun is how many elements of a window must lie side by side to be read in
// place: for fewer, copies are made that the plain product reads.
const leastRun = 16

// place makes the placement, or nil where patches serve better.
func (c *conv) place() *placement {
	rows, _ := active.tileSize()
	positions := c.outHeight * c.outWidth
	if c.wide*c.depth < leastRun || positions < rows || c.W.plain == nil {
		return nil
	}
	p := &placement{
		height:    max(c.height, (c.outHeight-1)*c.down+c.high),
		width:     max(c.width, (c.outWidth-1)*c.across+c.wide),
		positions: positions,
	}
	images, image := 1, p.height*p.width*c.depth
	for !c.frames(p) && images*positions%rows > 0 {
		images++
	}
	if images*image > math.MaxInt32 {
		return nil
	}
	p.rows = make([]int32, 0, images*positions)
	for i := range images {
		for at := range positions {
			y, x := at/c.outWidth*c.down, at%c.outWidth*c.across
			p.rows = append(p.rows, int32(i*image+(y*p.width+x)*c.depth))
		}
	}
	return p
}

// frames says that images need zeros around them, always or by their lengths, so
// that they come one by one.
func (c *conv) frames(p *placement) bool {
	return c.sequence || p.height > c.height || p.width > c.width
}

// images are samples i:i+n, with zeros wherever a window reaches over the edge of
// one that comes alone.
func (c *conv) images(p *placement, i, n int) []float32 {
	size, real := c.height*c.width*c.depth, c.real(c.x, i)
	x := c.x.Data[i*size : (i+n)*size]
	if p.height == c.height && p.width == c.width && real == c.width {
		return x
	}
	p.framed = resized(p.framed, p.height*p.width*c.depth)
	clear(p.framed)
	for y := range c.height {
		from := ((y+c.top)*p.width + c.left) * c.depth
		copy(p.framed[from:], x[y*c.width*c.depth:(y*c.width+real)*c.depth])
	}
	return p.framed
}

// forwardPlaced is Forward's product without patches.
func (c *conv) forwardPlaced(p *placement, y []float32) {
	_, cols := active.tileSize()
	f := c.filters()
	p.bias = resized(p.bias, (f+cols-1)/cols*cols)
	copy(p.bias, c.B.Value)
	together := len(p.rows) / p.positions
	for i := 0; i < c.x.Shape[0]; i += together {
		n := min(together, c.x.Shape[0]-i)
		c.multiplyPlaced(p, c.images(p, i, n), p.rows[:n*p.positions], y[i*p.positions*f:(i+n)*p.positions*f])
	}
}

// multiplyPlaced writes the output at the windows that begin at rows. The last
// tile begins early enough to be whole and writes some rows twice, to the same
// values.
func (c *conv) multiplyPlaced(p *placement, images []float32, rows []int32, y []float32) {
	floor := float32(math.Inf(-1))
	if c.relu {
		floor = 0
	}
	high, cols := active.tileSize()
	f, k, pitch := c.filters(), c.wide*c.depth, p.width*c.depth
	p.tile = resized(p.tile, high*cols)
	for j := 0; j < f; j += cols {
		panel, bias := c.W.plain.data[j*c.high*k:(j+cols)*c.high*k], p.bias[j:]
		for m := 0; m < len(rows); m += high {
			m := min(m, len(rows)-high)
			if j+cols <= f {
				active.placed(floor, c.high, k, images, rows[m:m+high], pitch, panel, y[m*f+j:], f, bias)
				continue
			}
			active.placed(floor, c.high, k, images, rows[m:m+high], pitch, panel, p.tile, cols, bias)
			for r := range high {
				copy(y[(m+r)*f+j:(m+r+1)*f], p.tile[r*cols:])
			}
		}
	}
}
