package aiaas

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/frame"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// isDICOM reports the mark of a DICOM file, or its name.
func isDICOM(name string, content []byte) bool {
	name = strings.ToLower(name)
	return len(content) > 132 && string(content[128:132]) == "DICM" || strings.HasSuffix(name, ".dcm") || strings.HasSuffix(name, ".dicom")
}

// decodeDICOM is the first frame of a DICOM file: monochrome with rescale and
// window applied, palette, RGB, or baseline JPEG. What else there is (other
// compressions, files without header or pixels) is refused by name. Of a damaged
// file the library writes a line to the standard logger; it holds no values.
func decodeDICOM(name string, content []byte, pixels int64) (img Image, err error) {
	fail := func(format string, a ...any) (Image, error) {
		return Image{}, fmt.Errorf("aiaas: %s: DICOM: %s", name, fmt.Sprintf(format, a...))
	}
	defer func() { // the library indexes what it has not checked
		if recover() != nil {
			img, err = fail("damaged")
		}
	}()
	if len(content) < 132 || string(content[128:132]) != "DICM" {
		return fail("no file header (preamble and DICM mark)")
	}
	head, err := dicom.Parse(bytes.NewReader(content), int64(len(content)), nil, dicom.SkipPixelData())
	if err != nil {
		return fail("damaged before its pixels")
	}
	h := header{head}
	rows, cols := h.int(tag.Rows, 0), h.int(tag.Columns, 0)
	frames := max(h.int(tag.NumberOfFrames, 1), 1)
	if rows <= 0 || cols <= 0 {
		return fail("no image in it")
	}
	if int64(rows)*int64(cols)*int64(frames) > pixels {
		return fail("%d × %d pixels in %d frames are more than the limit", cols, rows, frames)
	}
	whole, err := dicom.Parse(bytes.NewReader(content), int64(len(content)), nil)
	if err != nil {
		return fail("its pixels do not fit its header, or their transfer syntax %s is not read", h.text(tag.TransferSyntaxUID))
	}
	e, err := whole.FindElementByTag(tag.PixelData)
	if err != nil {
		return fail("no pixels in it")
	}
	info := dicom.MustGetPixelDataInfo(e.Value)
	if len(info.Frames) == 0 {
		return fail("no frame in it")
	}
	if info.Frames[0].Encapsulated {
		return h.compressed(name, info.Frames[0].EncapsulatedData.Data, pixels)
	}
	return h.image(name, &info.Frames[0].NativeData)
}

// header is the elements of a file before its pixels.
type header struct{ dicom.Dataset }

func (h header) strings(t tag.Tag) []string {
	e, err := h.FindElementByTag(t)
	if err != nil {
		return nil
	}
	switch v := e.Value.GetValue().(type) {
	case []string:
		return v
	case []int:
		out := make([]string, len(v))
		for i, x := range v {
			out[i] = strconv.Itoa(x)
		}
		return out
	case []float64:
		out := make([]string, len(v))
		for i, x := range v {
			out[i] = strconv.FormatFloat(x, 'g', -1, 64)
		}
		return out
	}
	return nil
}

func (h header) text(t tag.Tag) string {
	if s := h.strings(t); len(s) > 0 {
		return strings.Trim(s[0], " \x00")
	}
	return ""
}

func (h header) float(t tag.Tag, missing float64) float64 {
	v, err := strconv.ParseFloat(h.text(t), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return missing
	}
	return v
}

func (h header) int(t tag.Tag, missing int) int { return int(h.float(t, float64(missing))) }

// compressed is a frame of baseline JPEG, the one compression that is read.
func (h header) compressed(name string, data []byte, pixels int64) (Image, error) {
	syntax := h.text(tag.TransferSyntaxUID)
	if syntax != "1.2.840.10008.1.2.4.50" {
		return Image{}, fmt.Errorf("aiaas: %s: DICOM: compression %s is not read", name, syntax)
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || int64(config.Width)*int64(config.Height) > pixels {
		return Image{}, fmt.Errorf("aiaas: %s: DICOM: damaged or too large JPEG", name)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return Image{}, fmt.Errorf("aiaas: %s: DICOM: damaged JPEG", name)
	}
	out := fromImage(img)
	if _, grey := img.(*image.Gray); grey && h.text(tag.PhotometricInterpretation) == "MONOCHROME1" {
		for i, v := range out.Pixels {
			out.Pixels[i] = 1 - v
		}
	}
	return out, nil
}

// image is a native frame in the way its photometric interpretation says.
func (h header) image(name string, f *frame.NativeFrame) (Image, error) {
	if f.Rows*f.Cols != len(f.Data) || len(f.Data) == 0 {
		return Image{}, fmt.Errorf("aiaas: %s: DICOM: %d pixels for %d × %d", name, len(f.Data), f.Cols, f.Rows)
	}
	switch kind := h.text(tag.PhotometricInterpretation); kind {
	case "MONOCHROME1", "MONOCHROME2":
		return h.grey(f, kind == "MONOCHROME1"), nil
	case "PALETTE COLOR":
		return h.palette(name, f)
	case "RGB":
		return h.rgb(name, f)
	default:
		return Image{}, fmt.Errorf("aiaas: %s: DICOM: photometric interpretation %.20q is not read", name, kind)
	}
}

// grey applies rescale and window: by the first window given, else from the
// darkest to the brightest pixel.
func (h header) grey(f *frame.NativeFrame, inverted bool) Image {
	slope, intercept := h.float(tag.RescaleSlope, 1), h.float(tag.RescaleIntercept, 0)
	stored := h.int(tag.BitsStored, f.BitsPerSample)
	signed := h.int(tag.PixelRepresentation, 0) == 1
	out := Image{Width: f.Cols, Height: f.Rows, Channels: 1, Pixels: make([]float32, len(f.Data))}
	low, high := math.Inf(1), math.Inf(-1)
	values := make([]float64, len(f.Data))
	for i, p := range f.Data {
		values[i] = slope*float64(stored2(p[0], stored, signed)) + intercept
		low, high = min(low, values[i]), max(high, values[i])
	}
	if width := h.float(tag.WindowWidth, 0); width > 1 { // PS3.3 C.11.2.1.2
		centre := h.float(tag.WindowCenter, 0)
		low, high = centre-.5-(width-1)/2, centre-.5+(width-1)/2
	}
	for i, v := range values {
		t := 0.
		if high > low {
			t = min(max((v-low)/(high-low), 0), 1)
		}
		if inverted {
			t = 1 - t
		}
		out.Pixels[i] = float32(t)
	}
	return out
}

// stored2 is a stored value of some bits, in two's complement if signed.
func stored2(v, bits int, signed bool) int {
	if bits <= 0 || bits >= 32 {
		return v
	}
	v &= 1<<bits - 1
	if signed && v>>(bits-1) == 1 {
		v -= 1 << bits
	}
	return v
}

func (h header) rgb(name string, f *frame.NativeFrame) (Image, error) {
	out := Image{Width: f.Cols, Height: f.Rows, Channels: 3, Pixels: make([]float32, 0, 3*len(f.Data))}
	top := float32(int(1)<<min(max(f.BitsPerSample, 1), 16) - 1)
	if h.int(tag.PlanarConfiguration, 0) == 1 {
		return h.planes(name, f, top)
	}
	for _, p := range f.Data {
		if len(p) != 3 {
			return Image{}, fmt.Errorf("aiaas: %s: DICOM: RGB of %d samples a pixel", name, len(p))
		}
		out.Pixels = append(out.Pixels, float32(p[0])/top, float32(p[1])/top, float32(p[2])/top)
	}
	return out, nil
}

// planes is RGB whose colours lie one after the other.
func (h header) planes(name string, f *frame.NativeFrame, top float32) (Image, error) {
	n := len(f.Data)
	out := Image{Width: f.Cols, Height: f.Rows, Channels: 3, Pixels: make([]float32, 3*n)}
	for i, p := range f.Data {
		if len(p) != 3 {
			return Image{}, fmt.Errorf("aiaas: %s: DICOM: RGB of %d samples a pixel", name, len(p))
		}
		for c, v := range p {
			at := i*3 + c
			out.Pixels[at%n*3+at/n] = float32(v) / top
		}
	}
	return out, nil
}

// palette looks up each pixel in the three tables.
func (h header) palette(name string, f *frame.NativeFrame) (Image, error) {
	out := Image{Width: f.Cols, Height: f.Rows, Channels: 3, Pixels: make([]float32, 3*len(f.Data))}
	tables := [3][2]tag.Tag{
		{tag.RedPaletteColorLookupTableDescriptor, tag.RedPaletteColorLookupTableData},
		{tag.GreenPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableData},
		{tag.BluePaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableData},
	}
	for c, t := range tables {
		table, first, err := h.table(t[0], t[1])
		if err != nil {
			return Image{}, fmt.Errorf("aiaas: %s: DICOM: %w", name, err)
		}
		for i, p := range f.Data {
			at := min(max(p[0]-first, 0), len(table)-1)
			out.Pixels[i*3+c] = table[at]
		}
	}
	return out, nil
}

// table is a palette from 0 to 1, and the pixel value that its first entry is of.
func (h header) table(descriptor, data tag.Tag) (table []float32, first int, err error) {
	d := h.strings(descriptor)
	if len(d) != 3 {
		return nil, 0, fmt.Errorf("palette without a description")
	}
	n, e1 := strconv.Atoi(d[0])
	first, e2 := strconv.Atoi(d[1])
	bits, e3 := strconv.Atoi(d[2])
	e, e4 := h.FindElementByTag(data)
	if e1 != nil || e2 != nil || e3 != nil || e4 != nil {
		return nil, 0, fmt.Errorf("damaged palette")
	}
	if n == 0 {
		n = 1 << 16
	}
	var order binary.ByteOrder = binary.LittleEndian
	if h.text(tag.TransferSyntaxUID) == "1.2.840.10008.1.2.2" {
		order = binary.BigEndian
	}
	raw, ok := e.Value.GetValue().([]byte)
	words := make([]int, 0, n)
	if ints, isInts := e.Value.GetValue().([]int); isInts {
		words, ok = ints, true
	} else if bits == 8 && len(raw) < 2*n {
		for _, b := range raw {
			words = append(words, int(b))
		}
	} else {
		for i := 0; i+1 < len(raw); i += 2 {
			words = append(words, int(order.Uint16(raw[i:])))
		}
	}
	if !ok || len(words) < n {
		return nil, 0, fmt.Errorf("palette of %d entries, not %d", len(words), n)
	}
	table = make([]float32, n)
	for i := range table {
		table[i] = float32(words[i]) / float32(int(1)<<bits-1)
	}
	return table, first, nil
}
