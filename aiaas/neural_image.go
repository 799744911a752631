package aiaas

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"ember/learn/nn"
)

// CNN is a convolutional network on images: of one size chosen from the data,
// varied in each epoch as another device or posture would, with averaged weights.
func CNN() Family { return cnn().family() }

func cnn() recipe {
	return recipe{
		name: "cnn", rank: 50, members: 2, accepts: acceptsImages,
		prepare: func(d *Dataset) (preparation, error) { return fitPictures(d, usualVariation) },
		design:  func(p preparation) nn.Spec { return cnnSpec(p.shape()) },
		options: cnnOptions,
	}
}

func acceptsImages(d *Dataset) error {
	if len(d.Of(Picture)) != 1 {
		return errors.New("not one column of images")
	}
	return nil
}

// cnnSpec halves the image until some 7 × 7 are left, and keeps a coarse grid of
// places for the end: where something is can matter.
func cnnSpec(in []int) nn.Spec {
	s := nn.Input(in...)
	filters := []int{16, 24, 32, 40, 48}
	side := min(in[0], in[1])
	s = s.Conv2D(filters[0], 3, "relu").Same()
	if side > 40 { // large images are halved at once
		s = s.Strides(2)
		side = (side + 1) / 2
	}
	s = s.BatchNorm().Conv2D(filters[1], 3, "relu").Same().MaxPool2D(2).BatchNorm()
	for side /= 2; side > 20; side /= 2 {
		s = s.Conv2D(filters[1], 3, "relu").Same().MaxPool2D(2).BatchNorm()
	}
	return quick(s.Conv2D(filters[2], 3, "relu").Same().BatchNorm().
		Conv2D(filters[3], 3, "relu").Same().MaxPool2D(2).BatchNorm().
		Conv2D(filters[4], 3, "relu").Same().MaxPool2D(2).BatchNorm().
		Flatten().Dropout(.3))
}

// quick lets the running means of batches follow averaged weights closely.
func quick(s nn.Spec) nn.Spec {
	for i := range s.Layers {
		if s.Layers[i].Type == "BatchNorm" {
			s.Layers[i].Momentum = .9
		}
	}
	return s
}

// cnnOptions trains to the end of the schedule, where the rate is near nothing and
// the weights are averaged. On folds of PneumoniaMNIST that ranked better than
// the best epoch by held-out loss, and held up better where images were changed.
func cnnOptions(samples int) nn.Options {
	return nn.Options{
		Epochs: epochsFor(samples, 12, 30, 72_000), Batch: 32, ClipNorm: 5,
		Optimizer: nn.Optimizer{Name: "adamw", Rate: .002, Decay: .01},
		Schedule:  nn.Schedule{Name: "cosine", Warmup: 50, Final: .02},
		Average:   "ema", AverageDecay: decayFor(samples, 32),
	}
}

// epochsFor is the number of epochs that shows some samples in all, between
// least and most.
func epochsFor(samples, least, most, shown int) int {
	return min(max(shown/max(samples, 1), least), most)
}

// decayFor lets the mean of weights reach back about two epochs.
func decayFor(samples, batch int) float64 {
	steps := float64(samples)/float64(batch) + 1
	return min(max(1-1/(2*steps), .9), .999)
}

// pictures is a column of images as network inputs of one size. Each image is
// standardised by itself: another device's exposure is no finding.
type pictures struct {
	Column   string    `json:"column"`
	Height   int       `json:"height"`
	Width    int       `json:"width"`
	Channels int       `json:"channels"`
	Vary     variation `json:"vary"`
}

// sides are the sizes images are brought to.
var sides = []int{28, 64, 96}

func fitPictures(d *Dataset, v variation) (*pictures, error) {
	c := d.Of(Picture)[0]
	p := &pictures{Column: c.Name, Channels: 1, Vary: v}
	var lengths []int
	for i, m := range c.Image {
		if c.Absent(i) || len(m.Pixels) == 0 {
			continue
		}
		lengths = append(lengths, max(m.Width, m.Height))
		p.Channels = max(p.Channels, m.Channels)
	}
	if len(lengths) == 0 {
		return nil, fmt.Errorf("aiaas: %s: no image", d.Name)
	}
	slices.Sort(lengths)
	p.Height = sideFor(lengths[len(lengths)/2])
	p.Width = p.Height
	return p, nil
}

// sideFor is the least of the sides that loses little of images of a length, or
// the largest.
func sideFor(length int) int {
	for _, side := range sides {
		if length <= 5*side/4 {
			return side
		}
	}
	return sides[len(sides)-1]
}

func (p *pictures) shape() []int { return []int{p.Height, p.Width, p.Channels} }

func (p *pictures) check() error {
	if min(p.Height, p.Width) < 1 || max(p.Height, p.Width) > 4096 || p.Channels != 1 && p.Channels != 3 {
		return errors.New("images of no size")
	}
	return nil
}

// raw are the images at the network's size, with pixels from 0 to 1. An image
// that is missing is grey.
func (p *pictures) raw(d *Dataset) (nn.Tensor, error) {
	if err := needs(d, Picture, []string{p.Column}); err != nil {
		return nn.Tensor{}, err
	}
	c := d.Column(p.Column)
	x := nn.NewTensor(d.Len(), p.Height, p.Width, p.Channels)
	for i := range d.Len() {
		into := p.sample(x, i)
		if c.Absent(i) || len(c.Image[i].Pixels) == 0 {
			for k := range into {
				into[k] = .5
			}
			continue
		}
		m := c.Image[i]
		if m.Width != p.Width || m.Height != p.Height || m.Channels != p.Channels {
			m = m.Resize(p.Width, p.Height, p.Channels)
		}
		copy(into, m.Pixels)
	}
	return x, nil
}

func (p *pictures) sample(x nn.Tensor, i int) []float32 {
	n := p.Height * p.Width * p.Channels
	return x.Data[i*n : (i+1)*n]
}

func (p *pictures) inputs(d *Dataset) (nn.Tensor, error) {
	x, err := p.raw(d)
	if err != nil {
		return x, err
	}
	for i := range d.Len() {
		standardise(p.sample(x, i))
	}
	return x, nil
}

// standardise brings an image to mean 0 and deviation 1; one without any contrast
// becomes zeros.
func standardise(v []float32) {
	var mean, square float64
	for _, x := range v {
		mean += float64(x)
	}
	mean /= float64(len(v))
	for _, x := range v {
		square += (float64(x) - mean) * (float64(x) - mean)
	}
	scale := 0.
	if sd := math.Sqrt(square / float64(len(v))); sd > 1e-4 {
		scale = 1 / sd
	}
	for i, x := range v {
		v[i] = float32((float64(x) - mean) * scale)
	}
}

// vary draws each image anew.
func (p *pictures) vary(raw, x nn.Tensor, seed, stream uint64) {
	w := newVarying(p, seed, stream)
	for i := range raw.Shape[0] {
		w.draw(p.sample(raw, i), p.sample(x, i))
		standardise(p.sample(x, i))
	}
}
