package aiaas

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// FuzzReaders gives every reader the same bytes: none may panic, and what it
// makes of them must fit together.
func FuzzReaders(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,2\n", "a;b\n\"x;\ny\";NA\n", "{\"a\":[1,null],\"b\":{\"c\":\"d\"}}\n", "{\"v\":{\"period\":1,\"dimensions\":2,\"data\":\"1 E L U\"}}",
		"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }            \n0000000000000000",
		"\x00\x00\x08\x03\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02ab", "m 2 360 10\nm.dat 212 200 11 1024\nm.dat 212 200/mV\n", "\x01\x04\x02\xec\x01\x00\x05\x00\x00\x00",
		strings.Repeat("\x00", 128) + "DICM\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00", "PK\x05\x06" + strings.Repeat("\x00", 18),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, l := context.Background(), Limits{Rows: 100, Bytes: 1 << 16, Pixels: 1 << 14, Columns: 50, Values: 1 << 12}
		read := func() *bytes.Reader { return bytes.NewReader(b) }
		check := func(d *Dataset, err error) {
			if err != nil {
				if !strings.HasPrefix(err.Error(), "aiaas: ") {
					t.Errorf("an error without its room: %v", err)
				}
				return
			}
			if err := d.Check(); err != nil {
				t.Errorf("read without an error: %v", err)
			}
		}
		check(ReadCSV(ctx, "f", read(), Schema{}, l))
		check(ReadNDJSON(ctx, "f", read(), Schema{}, l))
		check(ReadIDX(ctx, "f", read(), nil, l))
		check(ReadZip(ctx, "f", read(), int64(len(b)), Schema{}, l))
		check(ReadWFDB(ctx, "f", read(), read(), read(), WFDB{}, l))
		if a, err := ReadNPY("f", read(), l); err == nil {
			n := 1
			for _, s := range a.Shape {
				n *= s
			}
			if n != len(a.Values) {
				t.Errorf("shape %v of %d numbers", a.Shape, len(a.Values))
			}
		}
		if m, err := ReadImage("f.dcm", read(), l); err == nil && m.Width*m.Height*m.Channels != len(m.Pixels) {
			t.Errorf("%d × %d × %d of %d", m.Width, m.Height, m.Channels, len(m.Pixels))
		}
	})
}
