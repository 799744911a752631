package aiaas

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
)

// shownSide is the least size of a heat map's longer side, in pixels.
const shownSide = 224

// showImage adds shares of width × height cells over an image, and the image
// under them.
func (e *Explanation) showImage(column string, m Image, width, height int, shares []float32) error {
	if len(shares) != width*height {
		return fmt.Errorf("aiaas: %d shares of %d × %d pixels", len(shares), width, height)
	}
	var top float64
	for _, v := range shares {
		top = max(top, math.Abs(float64(v)))
	}
	zoom := max(1, (shownSide+max(m.Width, m.Height)-1)/max(m.Width, m.Height))
	out := image.NewRGBA(image.Rect(0, 0, m.Width*zoom, m.Height*zoom))
	for y := range m.Height * zoom {
		for x := range m.Width * zoom {
			grey := m.grey(x/zoom, y/zoom)
			v := shares[y*height/(m.Height*zoom)*width+x*width/(m.Width*zoom)]
			out.SetRGBA(x, y, heated(grey, float64(v)/max(top, 1e-12)))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, out); err != nil {
		return fmt.Errorf("aiaas: drawing a heat map: %w", err)
	}
	e.Image = &ImageShare{Column: column, Width: width, Height: height, Shares: shares, PNG: b.Bytes()}
	return nil
}

// grey is the brightness of a pixel.
func (m Image) grey(x, y int) float32 {
	var sum float32
	for _, v := range m.Pixels[(y*m.Width+x)*m.Channels : (y*m.Width+x+1)*m.Channels] {
		sum += v
	}
	return sum / float32(m.Channels)
}

// heated is a grey pixel under a share from −1 (blue) to 1 (red).
func heated(grey float32, share float64) color.RGBA {
	a := math.Sqrt(math.Abs(share)) * .75
	base := float64(grey) * 255
	mix := func(to float64) uint8 { return uint8(base*(1-a) + to*a + .5) }
	if share >= 0 {
		return color.RGBA{mix(255), mix(40), mix(30), 255}
	}
	return color.RGBA{mix(30), mix(80), mix(255), 255}
}
