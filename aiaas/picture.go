package aiaas

import (
	"fmt"
	"image"
	_ "image/jpeg" // decoders of the formats taken
	_ "image/png"
	"io"
	"strings"

	"bytes"
)

// ReadImage reads a PNG, a JPEG or a DICOM file, told apart by their first
// bytes. An image larger than the limit in pixels is refused before it is
// decoded.
func ReadImage(name string, r io.Reader, l Limits) (Image, error) {
	l = l.filled()
	content, err := io.ReadAll(&bounded{r: r, left: l.Bytes, name: name})
	if err != nil {
		return Image{}, csvError(name, err)
	}
	return decodeImage(name, content, l.Pixels)
}

func decodeImage(name string, content []byte, pixels int64) (Image, error) {
	if isDICOM(name, content) {
		return decodeDICOM(name, content, pixels)
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return Image{}, fmt.Errorf("aiaas: %s: neither PNG, JPEG nor DICOM", name)
	}
	if int64(config.Width)*int64(config.Height) > pixels {
		return Image{}, fmt.Errorf("aiaas: %s: %d × %d pixels are more than the limit", name, config.Width, config.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return Image{}, fmt.Errorf("aiaas: %s: damaged %s: %w", name, format, err)
	}
	return fromImage(img), nil
}

// imageName reports a file name that may be an image.
func imageName(name string) bool {
	name = strings.ToLower(name)
	for _, end := range []string{".png", ".jpg", ".jpeg", ".dcm", ".dicom"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// fromImage is a decoded image with pixels from 0 to 1; grey stays one channel.
func fromImage(img image.Image) Image {
	b := img.Bounds()
	out := Image{Width: b.Dx(), Height: b.Dy(), Channels: 3}
	switch img.(type) {
	case *image.Gray, *image.Gray16:
		out.Channels = 1
	}
	out.Pixels = make([]float32, 0, out.Width*out.Height*out.Channels)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			if out.Channels == 1 {
				out.Pixels = append(out.Pixels, float32(r)/0xffff)
				continue
			}
			out.Pixels = append(out.Pixels, float32(r)/0xffff, float32(g)/0xffff, float32(bl)/0xffff)
		}
	}
	return out
}

// Resize is the image at another size and number of channels: each pixel is the
// mean of what it covers, or interpolated where the image grows.
func (m Image) Resize(width, height, channels int) Image {
	out := Image{Width: width, Height: height, Channels: channels, Pixels: make([]float32, width*height*channels)}
	if m.Width == 0 || m.Height == 0 {
		return out
	}
	wx, wy := weigh(m.Width, width), weigh(m.Height, height)
	for y, ys := range wy {
		for x, xs := range wx {
			for c := range channels {
				var s float32
				for _, a := range ys {
					for _, b := range xs {
						s += a.w * b.w * m.at(b.i, a.i, c, channels)
					}
				}
				out.Pixels[(y*width+x)*channels+c] = s
			}
		}
	}
	return out
}

// at is a pixel in channel c of those wanted: grey of colours is their mean by
// brightness, colours of grey are all the same.
func (m Image) at(x, y, c, channels int) float32 {
	p := m.Pixels[(y*m.Width+x)*m.Channels:]
	switch {
	case m.Channels == 1:
		return p[0]
	case channels == 1:
		return .299*p[0] + .587*p[1] + .114*p[2]
	}
	return p[c]
}

type share struct {
	i int
	w float32
}

// weigh is which old pixels of a line make each new one.
func weigh(from, to int) [][]share {
	out := make([][]share, to)
	step := float64(from) / float64(to)
	for k := range out {
		low, high := float64(k)*step, float64(k+1)*step
		if step < 1 { // growing: between the two nearest centres
			at := (low+high)/2 - .5
			i := int(max(at, 0))
			t := float32(max(at, 0)) - float32(i)
			out[k] = []share{{min(i, from-1), 1 - t}, {min(i+1, from-1), t}}
			continue
		}
		for i := int(low); i < from && float64(i) < high-1e-9; i++ {
			covered := min(high, float64(i+1)) - max(low, float64(i))
			out[k] = append(out[k], share{i, float32(covered / step)})
		}
	}
	return out
}
