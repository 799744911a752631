package aiaas

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

var gap = float32(math.NaN())

// seriesOf is a list of numbers and nulls, or a list of such lists of one
// length, as a series.
func seriesOf(list []any) (*Series, bool) {
	if _, nested := list[0].([]any); !nested {
		ch, ok := channelOf(list)
		return &Series{Channels: [][]float32{ch}}, ok
	}
	s := &Series{}
	for _, v := range list {
		inner, ok := v.([]any)
		if !ok {
			return nil, false
		}
		ch, ok := channelOf(inner)
		if !ok || len(s.Channels) > 0 && len(ch) != len(s.Channels[0]) {
			return nil, false
		}
		s.Channels = append(s.Channels, ch)
	}
	return s, true
}

func channelOf(list []any) ([]float32, bool) {
	ch := make([]float32, len(list))
	numbers := 0
	for i, v := range list {
		switch x := v.(type) {
		case nil:
			ch[i] = gap
		case json.Number:
			f, err := strconv.ParseFloat(x.String(), 32)
			if err != nil {
				return nil, false
			}
			ch[i] = float32(f)
			numbers++
		default:
			return nil, false
		}
	}
	return ch, numbers > 0
}

// sampled is a FHIR SampledData as a series; is is false for another object.
// E is a gap, L and U are the limits of the detector, or gaps where they are not
// given.
func sampled(o map[string]any) (s *Series, is bool, err error) {
	text, ok := o["data"].(string)
	if !ok || o["dimensions"] == nil || o["period"] == nil && o["interval"] == nil {
		return nil, false, nil
	}
	num := func(v any, missing float64) float64 {
		n, ok := v.(json.Number)
		if !ok {
			return missing
		}
		f, e := n.Float64()
		if e != nil {
			err = errors.Join(err, e)
		}
		return f
	}
	origin := 0.
	if q, ok := o["origin"].(map[string]any); ok {
		origin = num(q["value"], 0)
	}
	factor, dims, period := num(o["factor"], 1), int(num(o["dimensions"], 1)), num(o["period"], 0)
	low, high := num(o["lowerLimit"], math.NaN()), num(o["upperLimit"], math.NaN())
	words := strings.Fields(text)
	if err != nil || dims < 1 || len(words)%dims != 0 {
		return nil, true, fmt.Errorf("%d sampled values in %d dimensions", len(words), dims)
	}
	s = &Series{Channels: make([][]float32, dims)}
	if period > 0 {
		s.Rate = 1000 / period
	}
	for i, w := range words {
		v := math.NaN()
		switch w {
		case "E":
		case "L":
			v = low
		case "U":
			v = high
		default:
			if v, err = strconv.ParseFloat(w, 64); err != nil {
				return nil, true, fmt.Errorf("sampled value %d is no number", i+1)
			}
			v = origin + factor*v
		}
		s.Channels[i%dims] = append(s.Channels[i%dims], float32(v))
	}
	return s, true, nil
}

// components are an Observation's components that have sampled data, as the
// channels of one series; ok is false if none has.
func components(list []any) (all *Series, ok bool, err error) {
	for _, v := range list {
		o, is := v.(map[string]any)
		if !is {
			return nil, false, nil
		}
		inner, is := o["valueSampledData"].(map[string]any)
		if !is {
			continue
		}
		s, is, err := sampled(inner)
		if err != nil || !is {
			return nil, false, err
		}
		if all == nil {
			all = s
			continue
		}
		if len(s.Channels[0]) != len(all.Channels[0]) || s.Rate != all.Rate {
			return nil, false, errors.New("components of different length or rate")
		}
		all.Channels = append(all.Channels, s.Channels...)
	}
	return all, all != nil, nil
}
