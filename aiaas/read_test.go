package aiaas

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// real is a file of the real input, or skips the test.
func real(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", path))
	if err != nil {
		t.Skipf("real input is not there: %v", err)
	}
	return b
}

func csvOf(t *testing.T, text string, s Schema) *Dataset {
	t.Helper()
	d, err := ReadCSV(context.Background(), "t.csv", strings.NewReader(text), s, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCSVTypesAndMissing(t *testing.T) {
	d := csvOf(t, "\xef\xbb\xbfid;age;when;sex;note;y\n"+
		"1;0;2024-01-02;f;\"a long; quoted \"\"note\"\" over\ntwo lines\";a\n"+
		"1;;2024-01-03;m;another note about a patient;b\n"+
		"2;3.5;NA;f;;a\n", Schema{Label: "y", Subject: "id"})
	if d.Task != Text || d.Len() != 3 {
		t.Fatalf("task %s of %d samples", d.Task, d.Len())
	}
	age, when := d.Column("age"), d.Column("when")
	if age.Kind != Number || age.Absent(0) || age.Number[0] != 0 || !age.Absent(1) {
		t.Error("zero and missing are mixed up")
	}
	if when.Kind != Date || when.Number[1]-when.Number[0] != 1 || !when.Absent(2) {
		t.Errorf("dates: kind %s, %v", when.Kind, when.Number)
	}
	if d.Column("sex").Kind != Category || d.Column("note").Kind != FreeText {
		t.Errorf("sex is %s, note is %s", d.Column("sex").Kind, d.Column("note").Kind)
	}
	if note := d.Column("note"); note.Text[0] != "a long; quoted \"note\" over\ntwo lines" || !note.Absent(2) {
		t.Errorf("note %q", note.Text[0])
	}
	if d.Subject[0] != d.Subject[1] || d.Subject[0] == d.Subject[2] {
		t.Error("subjects are mixed up")
	}
	if d.Places[1].Line != 4 {
		t.Errorf("the second sample is said to be at line %d", d.Places[1].Line)
	}
}

func TestCSVErrorsNameThePlaceAndNoValue(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		s     Schema
		l     Limits
		place string
	}{
		"too few fields":   {"a,b\n1,2\nsecret\n", Schema{}, Limits{}, "t.csv:3"},
		"bare quote":       {"a,b\n1,sec\"ret\n", Schema{}, Limits{}, "t.csv:2"},
		"no label":         {"a,b\n1,2\n", Schema{Label: "z"}, Limits{}, `"z"`},
		"twice":            {"a,a\n1,2\n", Schema{}, Limits{}, "column 2"},
		"too many rows":    {"a\n1\n2\n3\n", Schema{}, Limits{Rows: 2}, "t.csv:4"},
		"too many bytes":   {"a\n" + strings.Repeat("1\n", 5000), Schema{}, Limits{Bytes: 1000}, "t.csv"},
		"too long a field": {"a\nsecretsecret\n", Schema{}, Limits{Field: 5}, "t.csv:2"},
		"target":           {"a,y\n1,secret\n", Schema{Label: "y", Number: true}, Limits{}, "t.csv:2"},
		"split":            {"a,s\n1,secret\n", Schema{Split: "s"}, Limits{}, "t.csv:2"},
		"bytes":            {"a\n\xff\xfe\n", Schema{}, Limits{}, "t.csv:2"},
		"empty":            {"", Schema{}, Limits{}, "empty"},
		"no rows":          {"a,b\n", Schema{}, Limits{}, "no rows"},
	} {
		_, err := ReadCSV(context.Background(), "t.csv", strings.NewReader(c.text), c.s, c.l)
		if err == nil || !strings.Contains(err.Error(), c.place) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNDJSON(t *testing.T) {
	text := `{"subject":"p1","labels":["x","y"],"note":"chest pain since the morning","lab":{"crp":0}}
{"subject":"p2","labels":[],"note":"a dry cough for two weeks","lab":{"crp":null}}

{"subject":"p3","note":"no complaint at all today here"}
`
	d, err := ReadNDJSON(context.Background(), "n.ndjson", strings.NewReader(text), Schema{Label: "labels", Multi: true, Subject: "subject"}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Labels[0]) != 2 || d.Labels[1] == nil || len(d.Labels[1]) != 0 || d.Labels[2] != nil {
		t.Errorf("labels %v: several, none and unknown are three things", d.Labels)
	}
	if crp := d.Column("lab.crp"); crp == nil || crp.Absent(0) || !crp.Absent(1) || !crp.Absent(2) {
		t.Error("zero, null and absent are mixed up")
	}
	if d.Places[2].Line != 4 {
		t.Errorf("line %d", d.Places[2].Line)
	}
	for _, bad := range []string{"{\"a\":1}\n[1]\n", "{\"a\":1}\n{\"a\":2} x\n", "{\"a\":1}\n{\"a\":\n"} {
		if _, err := ReadNDJSON(context.Background(), "n.ndjson", strings.NewReader(bad), Schema{}, Limits{}); err == nil || !strings.Contains(err.Error(), "n.ndjson:2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSeriesOfJSONAndFHIR(t *testing.T) {
	text := `{"y":"a","valueSampledData":{"origin":{"value":10},"period":2,"factor":0.5,"dimensions":2,"lowerLimit":-1,"data":"2 4 E U L 6"}}
{"y":"b","valueSampledData":{"origin":{"value":0},"period":2,"dimensions":1,"data":"1 2 3"}}
`
	d, err := ReadNDJSON(context.Background(), "o.ndjson", strings.NewReader(text), Schema{Label: "y"}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Columns[0].Series[0]
	if d.Task != Sequence || s.Rate != 500 || len(s.Channels) != 2 {
		t.Fatalf("task %s, rate %g, %d channels", d.Task, s.Rate, len(s.Channels))
	}
	isGap := func(v float32) bool { return v != v }
	if s.Channels[0][0] != 11 || s.Channels[1][0] != 12 || !isGap(s.Channels[0][1]) || !isGap(s.Channels[1][1]) || s.Channels[0][2] != -1 || s.Channels[1][2] != 13 {
		t.Errorf("channels %v", s.Channels)
	}
	text = `{"y":"a","component":[{"valueSampledData":{"origin":{"value":0},"period":4,"dimensions":1,"data":"1 2"}},{"valueSampledData":{"origin":{"value":0},"period":4,"dimensions":1,"data":"3 4"}}]}
{"y":"b","ecg":[[1,null,3],[4,5,6]]}
`
	if d, err = ReadNDJSON(context.Background(), "o.ndjson", strings.NewReader(text), Schema{Label: "y"}, Limits{}); err != nil {
		t.Fatal(err)
	}
	if c := d.Column("valueSampledData"); c == nil || len(c.Series[0].Channels) != 2 || c.Series[0].Channels[1][1] != 4 {
		t.Error("the components are not the channels of one series")
	}
	if c := d.Column("ecg"); c == nil || !isGap(c.Series[1].Channels[0][1]) || c.Series[1].Channels[1][2] != 6 {
		t.Error("lists of numbers are not a series with its gap")
	}
	if _, err := ReadNDJSON(context.Background(), "o.ndjson", strings.NewReader(`{"v":{"period":1,"dimensions":2,"data":"1 2 3"}}`), Schema{}, Limits{}); err == nil || !strings.Contains(err.Error(), "o.ndjson:1") {
		t.Errorf("three values in two dimensions: %v", err)
	}
	if _, err := ReadNDJSON(context.Background(), "o.ndjson", strings.NewReader(`{"v":[1,2,3,4]}`), Schema{}, Limits{Values: 3}); err == nil {
		t.Error("more numbers than the limit accepted")
	}
}

func pngOf(v uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, 4, 2))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	m.SetGray(3, 1, color.Gray{Y: 255})
	var b bytes.Buffer
	if png.Encode(&b, m) != nil {
		return nil
	}
	return b.Bytes()
}

func zipOf(t *testing.T, files map[string][]byte) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(files) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func TestZipByFolderAndByTable(t *testing.T) {
	r := zipOf(t, map[string][]byte{"x/train/cat/1.png": pngOf(0), "x/test/dog/2.png": pngOf(51), "__MACOSX/x/._1.png": nil})
	d, err := ReadZip(context.Background(), "i.zip", r, r.Size(), Schema{}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Len() != 2 || d.Classes[d.Labels[0][0]] != "dog" || d.Side[0] != TestSide || d.Side[1] != TrainSide {
		t.Errorf("labels %v of %v, sides %v", d.Labels, d.Classes, d.Side)
	}
	if m := d.Columns[0].Image[0]; m.Width != 4 || m.Height != 2 || m.Channels != 1 || math.Abs(float64(m.Pixels[0])-.2) > 1e-6 || m.Pixels[7] != 1 {
		t.Errorf("image %+v", m)
	}
	table := []byte("filename,label,patient\n2.png,dog,p\n1.png,cat,p\n")
	r = zipOf(t, map[string][]byte{"1.png": pngOf(0), "2.png": pngOf(51), "labels.csv": table})
	if d, err = ReadZip(context.Background(), "i.zip", r, r.Size(), Schema{Subject: "patient"}, Limits{}); err != nil {
		t.Fatal(err)
	}
	if d.Classes[d.Labels[0][0]] != "cat" || d.Subject[0] != "p" || d.Places[0].File != "i.zip/1.png" || len(d.Columns) != 1 {
		t.Errorf("labels %v, subject %q, place %s, %d columns", d.Labels, d.Subject[0], d.Places[0], len(d.Columns))
	}
}

func TestZipRefuses(t *testing.T) {
	read := func(files map[string][]byte, l Limits) error {
		r := zipOf(t, files)
		_, err := ReadZip(context.Background(), "i.zip", r, r.Size(), Schema{}, l)
		return err
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		l     Limits
		says  string
	}{
		"bomb":      {map[string][]byte{"a/1.png": make([]byte, 8<<20)}, Limits{}, "i.zip/a/1.png"},
		"bytes":     {map[string][]byte{"a/1.png": pngOf(1), "a/2.png": pngOf(2)}, Limits{Bytes: 100}, "limit"},
		"pixels":    {map[string][]byte{"a/1.png": pngOf(1), "a/2.png": pngOf(2)}, Limits{Pixels: 12}, "i.zip/a/2.png"},
		"no image":  {map[string][]byte{"a.txt": nil}, Limits{}, "no image"},
		"damaged":   {map[string][]byte{"a/1.png": pngOf(1)[:40]}, Limits{}, "i.zip/a/1.png"},
		"no row":    {map[string][]byte{"1.png": pngOf(1), "l.csv": []byte("file,label\n2.png,x\n")}, Limits{}, "1.png"},
		"two files": {map[string][]byte{"1.png": pngOf(1), "l.csv": nil, "m.csv": nil}, Limits{}, "which"},
	} {
		if err := read(c.files, c.l); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIDXReal(t *testing.T) {
	images, labels := real(t, "images/pneumoniamnist-val-images.idx3-ubyte.gz"), real(t, "images/pneumoniamnist-val-labels.idx1-ubyte.gz")
	d, err := ReadIDX(context.Background(), "val", bytes.NewReader(images), bytes.NewReader(labels), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for _, of := range d.Labels {
		count[of[0]]++
	}
	if d.Len() != 524 || count[0] != 135 || count[1] != 389 || d.Columns[0].Image[0].Width != 28 {
		t.Errorf("%d images, classes %v", d.Len(), count)
	}
	if _, err := ReadIDX(context.Background(), "val", bytes.NewReader(images), bytes.NewReader(labels), Limits{Pixels: 1000}); err == nil {
		t.Error("more pixels than the limit accepted")
	}
	if _, err := ReadIDX(context.Background(), "val", bytes.NewReader(images[:len(images)/2]), nil, Limits{}); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("half a file: %v", err)
	}
}

func TestGzipBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	head := []byte{0, 0, 8, 3, 0, 0, 0, 200, 0, 0, 1, 0, 0, 0, 1, 0}
	if _, err := z.Write(append(head, make([]byte, 200*256*256)...)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadIDX(context.Background(), "bomb", &b, nil, Limits{}); err == nil {
		t.Error("13 MB of zeros in 13 KB accepted")
	}
}

func npyOf(descr, order, shape string, values any) []byte {
	head := "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }"
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	b := bytes.NewBuffer([]byte("\x93NUMPY\x01\x00"))
	for _, v := range []any{uint16(len(head)), []byte(head), values} {
		if binary.Write(b, binary.LittleEndian, v) != nil {
			return nil
		}
	}
	return b.Bytes()
}

func TestNPY(t *testing.T) {
	want := []float64{1, 2, 3, 4, 5, 6}
	for name, file := range map[string][]byte{
		"f8": npyOf("<f8", "False", "(2, 3)", want),
		"f4": npyOf("<f4", "False", "(2, 3)", []float32{1, 2, 3, 4, 5, 6}),
		"i8": npyOf("<i8", "False", "(2, 3)", []int64{1, 2, 3, 4, 5, 6}),
		"i4": npyOf("<i4", "True", "(2, 3)", []int32{1, 4, 2, 5, 3, 6}),
		"u1": npyOf("|u1", "True", "(2, 3)", []uint8{1, 4, 2, 5, 3, 6}),
	} {
		a, err := ReadNPY(name, bytes.NewReader(file), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if a.Values[i] != v {
				t.Errorf("%s: %v", name, a.Values)
				break
			}
		}
	}
	for name, file := range map[string][]byte{
		"objects":  npyOf("|O8", "False", "(1,)", []uint8{0}),
		"too many": npyOf("<f8", "False", "(1000000, 1000000)", []float64{0}),
		"cut off":  npyOf("<f8", "False", "(10,)", []float64{1, 2}),
		"no numpy": []byte("hello, this is text"),
	} {
		if _, err := ReadNPY(name, bytes.NewReader(file), Limits{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := zipOf(t, map[string][]byte{"x.npy": npyOf("<f8", "False", "(2, 3)", want), "y.npy": npyOf("<i8", "False", "(2,)", []int64{0, 1})})
	all, err := ReadNPZ("a.npz", r, r.Size(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := FromArrays("a.npz", Sequence, all["x"], all["y"])
	if err != nil || d.Columns[0].Series[1].Channels[0][2] != 6 || d.Classes[d.Labels[1][0]] != "1" {
		t.Errorf("%v, %+v", err, d)
	}
}

func TestDICOMReal(t *testing.T) {
	for name, want := range map[string]Image{
		"CT_small.dcm":         {Width: 128, Height: 128, Channels: 1},
		"MR_small.dcm":         {Width: 64, Height: 64, Channels: 1},
		"examples_palette.dcm": {Width: 800, Height: 350, Channels: 3},
		"ExplVR_BigEnd.dcm":    {},
	} {
		m, err := ReadImage(name, bytes.NewReader(real(t, "images/"+name)), Limits{})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		low, high := float32(2), float32(-1)
		for _, v := range m.Pixels {
			low, high = min(low, v), max(high, v)
		}
		t.Logf("%s: %d × %d × %d, %g to %g", name, m.Width, m.Height, m.Channels, low, high)
		if want.Width > 0 && (m.Width != want.Width || m.Height != want.Height || m.Channels != want.Channels) || low < 0 || high > 1 || high-low < .5 {
			t.Errorf("%s: %d × %d × %d, %g to %g", name, m.Width, m.Height, m.Channels, low, high)
		}
	}
	for name, says := range map[string]string{"images/no_meta.dcm": "no file header", "waveforms/waveform_ecg.dcm": "no image"} {
		if _, err := ReadImage(name, bytes.NewReader(real(t, name)), Limits{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ct := real(t, "images/CT_small.dcm")
	if _, err := ReadImage("ct.dcm", bytes.NewReader(ct), Limits{Pixels: 1000}); err == nil {
		t.Error("more pixels than the limit accepted")
	}
	for cut := 200; cut < len(ct); cut += 997 {
		if _, err := ReadImage("ct.dcm", bytes.NewReader(ct[:cut]), Limits{}); err == nil {
			t.Errorf("cut at %d accepted", cut)
		}
	}
}

func TestWFDBReal(t *testing.T) {
	head, data, notes := real(t, "waveforms/mitdb-100.hea"), real(t, "waveforms/mitdb-100.dat"), real(t, "waveforms/mitdb-100.atr")
	d, err := ReadWFDB(context.Background(), "mitdb-100", bytes.NewReader(head), bytes.NewReader(data), bytes.NewReader(notes), WFDB{}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, of := range d.Labels {
		count[d.Classes[of[0]]]++
	}
	// The record is known for 2,239 normal, 33 atrial and 1 ventricular beat; one
	// of the first lies too near to the start.
	if count["N"] < 2237 || count["N"] > 2239 || count["A"] != 33 || count["V"] != 1 {
		t.Errorf("beats %v", count)
	}
	s := d.Columns[0].Series[0]
	if s.Rate != 360 || len(s.Channels) != 2 || len(s.Channels[0]) != 252 {
		t.Errorf("rate %g, %d channels of %d", s.Rate, len(s.Channels), len(s.Channels[0]))
	}
	peaks := 0 // the lead is upright: most beats are highest near their mark
	for _, s := range d.Columns[0].Series {
		top := 0
		for i, v := range s.Channels[0] {
			if v > s.Channels[0][top] {
				top = i
			}
		}
		if top > 80 && top < 100 {
			peaks++
		}
	}
	if peaks < d.Len()*9/10 {
		t.Errorf("%d of %d beats have their peak at the annotation", peaks, d.Len())
	}
	if _, err := ReadWFDB(context.Background(), "m", bytes.NewReader(head), bytes.NewReader(data[:1000]), bytes.NewReader(notes), WFDB{}, Limits{}); err == nil || !strings.Contains(err.Error(), "m.dat") {
		t.Errorf("cut off: %v", err)
	}
}

func TestResize(t *testing.T) {
	m := Image{Width: 4, Height: 4, Channels: 1, Pixels: []float32{0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0}}
	if got := m.Resize(2, 2, 1).Pixels; got[0] != 0 || got[1] != 1 || got[2] != 1 || got[3] != 0 {
		t.Errorf("halved: %v", got)
	}
	up := m.Resize(7, 7, 3)
	for _, v := range up.Pixels {
		if v < 0 || v > 1 {
			t.Fatalf("grown: %v", up.Pixels)
		}
	}
	if len(up.Pixels) != 7*7*3 {
		t.Errorf("%d values", len(up.Pixels))
	}
}
