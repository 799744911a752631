package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ember/aiaas"
)

func TestTensorsAreReadInEveryForm(t *testing.T) {
	for name, c := range map[string]struct {
		head, tail string
		want       string // numbers or texts
	}{
		"flat":    {`{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4.5]}`, "", "[1 2 3 4.5]"},
		"nested":  {`{"name":"x","shape":[2,2],"datatype":"INT64","data":[[1,2],[3,4]]}`, "", "[1 2 3 4]"},
		"gap":     {`{"name":"x","shape":[2],"datatype":"FP64","data":[1,null]}`, "", "[1 NaN]"},
		"truth":   {`{"name":"x","shape":[2],"datatype":"BOOL","data":[true,false]}`, "", "[1 0]"},
		"words":   {`{"name":"x","shape":[2,1],"datatype":"BYTES","data":[["a"],["ü"]]}`, "", "[a ü]"},
		"uint8":   {`{"name":"x","shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2}}`, "\x01\xff", "[1 255]"},
		"int8":    {`{"name":"x","shape":[1],"datatype":"INT8","parameters":{"binary_data_size":1}}`, "\xff", "[-1]"},
		"int16":   {`{"name":"x","shape":[1],"datatype":"INT16","parameters":{"binary_data_size":2}}`, "\xfe\xff", "[-2]"},
		"uint16":  {`{"name":"x","shape":[1],"datatype":"UINT16","parameters":{"binary_data_size":2}}`, "\xfe\xff", "[65534]"},
		"int32":   {`{"name":"x","shape":[1],"datatype":"INT32","parameters":{"binary_data_size":4}}`, "\xfd\xff\xff\xff", "[-3]"},
		"uint32":  {`{"name":"x","shape":[1],"datatype":"UINT32","parameters":{"binary_data_size":4}}`, "\x01\x00\x00\x00", "[1]"},
		"int64":   {`{"name":"x","shape":[1],"datatype":"INT64","parameters":{"binary_data_size":8}}`, "\xff\xff\xff\xff\xff\xff\xff\xff", "[-1]"},
		"uint64":  {`{"name":"x","shape":[1],"datatype":"UINT64","parameters":{"binary_data_size":8}}`, "\x02\x00\x00\x00\x00\x00\x00\x00", "[2]"},
		"fp16":    {`{"name":"x","shape":[4],"datatype":"FP16","parameters":{"binary_data_size":8}}`, "\x00\x3c\x00\xc0\x01\x00\x00\x7c", "[1 -2 5.960464477539063e-08 +Inf]"},
		"bf16":    {`{"name":"x","shape":[2],"datatype":"BF16","parameters":{"binary_data_size":4}}`, "\x80\x3f\x00\xc0", "[1 -2]"},
		"fp32":    {`{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}`, "\x00\x00\x20\x40", "[2.5]"},
		"fp64":    {`{"name":"x","shape":[1],"datatype":"FP64","parameters":{"binary_data_size":8}}`, "\x00\x00\x00\x00\x00\x00\x04\x40", "[2.5]"},
		"texts":   {`{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}`, "\x03\x00\x00\x00abc\x00\x00\x00\x00", "[abc ]"},
		"nothing": {`{"name":"x","shape":[0],"datatype":"FP32","data":[]}`, "", "[]"},
	} {
		text := `{"inputs":[` + c.head + `]}`
		_, in, err := parseInfer([]byte(text+c.tail), len(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := fmt.Sprint(in[0].Floats)
		if in[0].Datatype == aiaas.Bytes {
			got = strings.ReplaceAll(fmt.Sprintf("%s", in[0].Bytes), `"`, "")
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestBadTensorsAreNamed: every fault is the client's, and says which tensor.
func TestBadTensorsAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ text, tail, says string }{
		"no JSON":         {`{"inputs":[`, "", "no JSON"},
		"shape too small": {`{"inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[1,2]}]}`, "", "[3]"},
		"negative":        {`{"inputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[]}]}`, "", "shape"},
		"overflow":        {`{"inputs":[{"name":"x","shape":[65536,65536,65536],"datatype":"FP32","data":[]}]}`, "", "shape"},
		"no shape":        {`{"inputs":[{"name":"x","shape":[],"datatype":"FP32","data":[]}]}`, "", "shape"},
		"datatype":        {`{"inputs":[{"name":"x","shape":[1],"datatype":"FP8","data":[1]}]}`, "", "FP8"},
		"words":           {`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":["a"]}]}`, "", "FP32"},
		"size":            {`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":9}}]}`, "1234", "9"},
		"wrong size":      {`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":3}}]}`, "123", "3 bytes"},
		"negative size":   {`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":-4}}]}`, "", "-4"},
		"left over":       {`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`, "123", "3 bytes"},
		"element":         {`{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}`, "\xff\xff\xff\xffa", "element 0"},
	} {
		_, _, err := parseInfer([]byte(c.text+c.tail), len(c.text))
		var f *Fault
		if !errors.As(err, &f) || f.Status != http.StatusBadRequest || !strings.Contains(f.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := parseInfer([]byte("{}"), 3); err == nil {
		t.Error("a head longer than the body is read")
	}
}

func TestHalfFloats(t *testing.T) {
	if !math.IsNaN(halfFloat(0x7e00)) || !math.IsInf(halfFloat(0xfc00), -1) || halfFloat(0x7bff) != 65504 || halfFloat(0x8000) != 0 {
		t.Error(halfFloat(0x7e00), halfFloat(0xfc00), halfFloat(0x7bff), halfFloat(0x8000))
	}
}

// FuzzParseInfer: whatever comes, there is an error or tensors that are whole.
func FuzzParseInfer(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]}`), -1)
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}`+"\x01\x00\x00\x00a"), 88)
	f.Fuzz(func(t *testing.T, body []byte, head int) {
		_, in, err := parseInfer(body, max(head, -1))
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || fault.Status != http.StatusBadRequest {
				t.Errorf("%v", err)
			}
			return
		}
		for _, x := range in {
			if len(x.Floats)+len(x.Bytes) != elements(x.Shape) {
				t.Errorf("%d and %d elements for %v", len(x.Floats), len(x.Bytes), x.Shape)
			}
		}
	})
}

func TestTheHighestClassesAreNamed(t *testing.T) {
	p := aiaas.Tensor{Name: "p", Datatype: aiaas.FP32, Shape: []int{2, 3}, Floats: []float64{.1, .7, .2, .5, .25, .25}}
	got := classified(p, []string{"a", "b", "c"}, 2)
	if s := fmt.Sprintf("%s", got.Bytes); s != "[0.700000:1:b 0.200000:2:c 0.500000:0:a 0.250000:1:b]" || fmt.Sprint(got.Shape) != "[2 2]" {
		t.Error(s, got.Shape)
	}
}

func TestFaultsInTheirProtocol(t *testing.T) {
	f := &Fault{Status: 400, Code: "value", Path: "input", Detail: `a "bad" text`}
	for path, want := range map[string]string{
		"/v2/models/m/infer": `{"error":"input: a \"bad\" text"}`,
		"/v1/embeddings":     `{"error":{"message":"input: a \"bad\" text","type":"invalid_request_error","param":"input","code":"value"}}`,
	} {
		_, body := (&call{r: httptest.NewRequest("POST", path, nil)}).faultBody(f)
		if string(body) != want || !json.Valid(body) {
			t.Errorf("%s: %s", path, body)
		}
	}
}
