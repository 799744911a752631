package aiaas

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WFDB says which windows of a WFDB record become samples. The zero value takes
// the beats with 0.25 s before and 0.45 s after.
type WFDB struct {
	Before, After float64 // seconds around the beat
	Subject       string  // whose the record is, default its name
}

// wave is one signal of a header.
type wave struct {
	gain, zero float64
}

// ReadWFDB reads a record of format 212 (two signals of 12 bits in three bytes)
// with its annotations, and makes a sample of each annotated beat, labelled by
// the annotation's letter. Values are in the unit of the header, invalid ones
// gaps. Beats too near to an end are left out.
func ReadWFDB(ctx context.Context, name string, header, signals, annotations io.Reader, o WFDB, l Limits) (*Dataset, error) {
	l = l.filled()
	if o.Before == 0 && o.After == 0 {
		o.Before, o.After = .25, .45
	}
	rate, waves, samples, err := wfdbHeader(name, header)
	if err != nil {
		return nil, err
	}
	channels, err := read212(name, &bounded{r: signals, left: l.Bytes, name: name + ".dat"}, waves, samples, l)
	if err != nil {
		return nil, err
	}
	beats, err := readAnnotations(name, &bounded{r: annotations, left: l.Bytes, name: name + ".atr"})
	if err != nil {
		return nil, err
	}
	if o.Subject == "" {
		o.Subject = name
	}
	d := &Dataset{Name: name, Task: Sequence}
	c := Column{Name: "signal", Kind: Waveforms}
	var labels [][]string
	before, after := int(o.Before*rate+.5), int(o.After*rate+.5)
	for _, b := range beats {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if b.at-before < 0 || b.at+after > len(channels[0]) {
			continue
		}
		s := Series{Rate: rate}
		for _, ch := range channels {
			s.Channels = append(s.Channels, ch[b.at-before:b.at+after])
		}
		c.Series = append(c.Series, s)
		labels = append(labels, []string{b.kind})
		d.Places = append(d.Places, Place{File: name, Line: b.at + 1})
		d.Subject = append(d.Subject, o.Subject)
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("aiaas: %s: no beat with enough around it", name)
	}
	d.Columns = []Column{c}
	d.setClasses(labels)
	return d, d.Check()
}

func wfdbHeader(name string, r io.Reader) (rate float64, waves []wave, samples int, err error) {
	fail := func(what string) (float64, []wave, int, error) {
		return 0, nil, 0, fmt.Errorf("aiaas: %s.hea: %s", name, what)
	}
	lines := bufio.NewScanner(io.LimitReader(r, 1<<20))
	n := 0
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if n == 0 {
			if len(fields) < 3 {
				return fail("no record line")
			}
			var e1, e2 error
			n, e1 = strconv.Atoi(fields[1])
			rate, e2 = strconv.ParseFloat(strings.Split(fields[2], "/")[0], 64)
			if e1 != nil || e2 != nil || n < 1 || !(rate > 0) {
				return fail("damaged record line")
			}
			if len(fields) > 3 {
				samples, _ = strconv.Atoi(fields[3]) // 0 = as many as there are
			}
			continue
		}
		w, err := wfdbSignal(fields)
		if err != nil {
			return fail(err.Error())
		}
		if waves = append(waves, w); len(waves) == n {
			break
		}
	}
	if n == 0 || len(waves) != n {
		return fail(fmt.Sprintf("%d of %d signals described", len(waves), n))
	}
	if n != 2 {
		return fail(fmt.Sprintf("%d signals; two are read", n))
	}
	return rate, waves, samples, nil
}

func wfdbSignal(fields []string) (wave, error) {
	if len(fields) < 2 || fields[1] != "212" {
		return wave{}, fmt.Errorf("a signal is not of format 212")
	}
	w := wave{gain: 200}
	if len(fields) > 2 {
		text := strings.FieldsFunc(fields[2], func(r rune) bool { return r == '(' || r == '/' })
		g, err := strconv.ParseFloat(text[0], 64)
		if err != nil {
			return wave{}, fmt.Errorf("damaged gain")
		}
		if g != 0 {
			w.gain = g
		}
	}
	if len(fields) > 4 {
		z, err := strconv.ParseFloat(fields[4], 64)
		if err != nil {
			return wave{}, fmt.Errorf("damaged zero")
		}
		w.zero = z
	}
	return w, nil
}

// read212 is both signals in their units.
func read212(name string, r io.Reader, waves []wave, samples int, l Limits) ([][]float32, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	channels := make([][]float32, 2)
	three := make([]byte, 3)
	for samples == 0 || len(channels[0]) < samples {
		if _, err := io.ReadFull(b, three); err != nil {
			if err == io.EOF && samples == 0 && len(channels[0]) > 0 {
				break
			}
			return nil, fmt.Errorf("aiaas: %s.dat: cut off after %d of %d samples", name, len(channels[0]), samples)
		}
		if int64(2*len(channels[0])) >= l.Values {
			return nil, fmt.Errorf("aiaas: %s.dat: more than %d numbers", name, l.Values)
		}
		for k, v := range [2]int{int(three[0]) | int(three[1]&0x0f)<<8, int(three[2]) | int(three[1]&0xf0)<<4} {
			if v >= 2048 {
				v -= 4096
			}
			x := gap
			if v != -2048 { // the format's mark for an invalid sample
				x = float32((float64(v) - waves[k].zero) / waves[k].gain)
			}
			channels[k] = append(channels[k], x)
		}
	}
	return channels, nil
}

// beat is one annotation of a beat.
type beat struct {
	at   int
	kind string
}

// beatKinds are the annotation codes that stand for beats.
var beatKinds = map[int]string{
	1: "N", 2: "L", 3: "R", 4: "a", 5: "V", 6: "F", 7: "J", 8: "A", 9: "S",
	10: "E", 11: "j", 12: "/", 13: "Q", 25: "B", 30: "?", 34: "e", 35: "n", 38: "f", 41: "r",
}

// readAnnotations reads the two-byte annotation format: six bits of code and ten
// of time since the one before, with longer times and texts between.
func readAnnotations(name string, r io.Reader) ([]beat, error) {
	b := bufio.NewReader(r)
	word := make([]byte, 4)
	var beats []beat
	at := 0
	for {
		if _, err := io.ReadFull(b, word[:2]); err != nil {
			return nil, fmt.Errorf("aiaas: %s.atr: cut off", name)
		}
		v := int(binary.LittleEndian.Uint16(word))
		code, rest := v>>10, v&0x3ff
		switch {
		case v == 0:
			return beats, nil
		case code == 59: // the time follows in four bytes, high half first
			if _, err := io.ReadFull(b, word); err != nil {
				return nil, fmt.Errorf("aiaas: %s.atr: cut off", name)
			}
			at += int(int32(uint32(binary.LittleEndian.Uint16(word))<<16 | uint32(binary.LittleEndian.Uint16(word[2:]))))
		case code == 63: // a text of that length, padded to even
			if _, err := b.Discard(rest + rest%2); err != nil {
				return nil, fmt.Errorf("aiaas: %s.atr: cut off", name)
			}
		case code >= 60: // properties of the annotation before
		default:
			at += rest
			if kind, is := beatKinds[code]; is {
				beats = append(beats, beat{at, kind})
			}
		}
	}
}
