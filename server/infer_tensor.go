package server

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"ember/aiaas"
)

// The Open Inference Protocol, version 2: what requests and answers look like
// (https://github.com/kserve/open-inference-protocol, with the binary tensor data
// extension that Triton's clients use).

// inferRequest is the JSON part of a request.
type inferRequest struct {
	ID         string          `json:"id"`
	Parameters inferParameters `json:"parameters"`
	Inputs     []inferTensor   `json:"inputs"`
	Outputs    []inferOutput   `json:"outputs"`
}

type inferParameters struct {
	BinarySize *int64 `json:"binary_data_size,omitempty"`
	Binary     *bool  `json:"binary_data,omitempty"`
	BinaryAll  *bool  `json:"binary_data_output,omitempty"`
	Classes    int    `json:"classification,omitempty"`
}

type inferTensor struct {
	Name       string          `json:"name"`
	Shape      []int           `json:"shape"`
	Datatype   string          `json:"datatype"`
	Parameters inferParameters `json:"parameters"`
	Data       json.RawMessage `json:"data"`
}

type inferOutput struct {
	Name       string          `json:"name"`
	Parameters inferParameters `json:"parameters"`
}

// sizes of the datatypes in bytes; BYTES has lengths of its own.
var datatypeSize = map[string]int{"BOOL": 1, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8,
	"FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8, aiaas.Bytes: 0}

func badTensor(name, format string, a ...any) error {
	return &Fault{Status: http.StatusBadRequest, Code: "value", Path: name, Detail: fmt.Sprintf(format, a...)}
}

// parseInfer is a request whose first head bytes are JSON and whose rest is
// tensors; head < 0 is all JSON.
func parseInfer(body []byte, head int) (inferRequest, []aiaas.Tensor, error) {
	var q inferRequest
	if head > len(body) {
		return q, nil, &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "Inference-Header-Content-Length is more than the body"}
	}
	text, rest := body, []byte(nil)
	if head >= 0 {
		text, rest = body[:head], body[head:]
	}
	err := json.Unmarshal(text, &q)
	if err != nil && !json.Valid(text) {
		q = inferRequest{}
		err = json.Unmarshal(quoteNonFinite(text), &q)
	}
	if err != nil {
		return q, nil, &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the request is not the JSON of the Open Inference Protocol: " + jsonFault(err)}
	}
	var all []aiaas.Tensor
	for i := range q.Inputs {
		t, left, err := q.Inputs[i].tensor(rest)
		if err != nil {
			return q, nil, err
		}
		all, rest = append(all, t), left
	}
	if len(rest) > 0 {
		return q, nil, &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: fmt.Sprintf("%d bytes are left behind the tensors", len(rest))}
	}
	return q, all, nil
}

// jsonFault is what is wrong with JSON, without what was in it.
func jsonFault(err error) string {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Sprintf("no JSON at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		article := "a"
		if e.Value == "array" || e.Value == "object" {
			article = "an"
		}
		return fmt.Sprintf("%s cannot be %s %s", cmp.Or(e.Field, "it"), article, e.Value)
	}
	return "it ended too early"
}

// elements is the number that a shape has, -1 when it cannot be.
func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt32/d {
			return -1
		}
		n *= d
	}
	return n
}

// tensor reads the data: from the JSON, or from the front of rest.
func (t *inferTensor) tensor(rest []byte) (out aiaas.Tensor, left []byte, err error) {
	out = aiaas.Tensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
	size, known := datatypeSize[t.Datatype]
	n := elements(t.Shape)
	switch {
	case !known:
		return out, nil, badTensor(t.Name, "the datatype %.20q is none of the protocol's", t.Datatype)
	case n < 0 || len(t.Shape) == 0:
		return out, nil, badTensor(t.Name, "the shape %v cannot be", t.Shape)
	case t.Parameters.BinarySize == nil:
		return out, rest, t.parse(&out, n)
	case *t.Parameters.BinarySize < 0 || *t.Parameters.BinarySize > int64(len(rest)):
		return out, nil, badTensor(t.Name, "binary_data_size is %d, %d bytes are there", *t.Parameters.BinarySize, len(rest))
	}
	data := rest[:*t.Parameters.BinarySize]
	left = rest[len(data):]
	if t.Datatype == aiaas.Bytes {
		out.Bytes, err = binaryTexts(t.Name, data, n)
		return out, left, err
	}
	if len(data) != n*size {
		return out, nil, badTensor(t.Name, "%d bytes for the shape %v of %s, which has %d", len(data), t.Shape, t.Datatype, n*size)
	}
	out.Floats = make([]float64, n)
	for i := range out.Floats {
		out.Floats[i] = binaryNumber(t.Datatype, data[i*size:])
	}
	return out, left, nil
}

// binaryTexts are elements with their lengths in front, four bytes each.
func binaryTexts(name string, data []byte, n int) ([][]byte, error) {
	var all [][]byte
	for len(data) > 0 {
		if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
			return nil, badTensor(name, "element %d is longer than the data", len(all))
		}
		end := 4 + int(binary.LittleEndian.Uint32(data))
		all, data = append(all, data[4:end]), data[end:]
	}
	if len(all) != n {
		return nil, badTensor(name, "%d elements for a shape of %d", len(all), n)
	}
	return all, nil
}

func binaryNumber(datatype string, b []byte) float64 {
	switch o := binary.LittleEndian; datatype {
	case "BOOL", "UINT8":
		return float64(b[0])
	case "INT8":
		return float64(int8(b[0]))
	case "UINT16":
		return float64(o.Uint16(b))
	case "INT16":
		return float64(int16(o.Uint16(b)))
	case "UINT32":
		return float64(o.Uint32(b))
	case "INT32":
		return float64(int32(o.Uint32(b)))
	case "UINT64":
		return float64(o.Uint64(b))
	case "INT64":
		return float64(int64(o.Uint64(b)))
	case "FP16":
		return halfFloat(o.Uint16(b))
	case "BF16":
		return float64(math.Float32frombits(uint32(o.Uint16(b)) << 16))
	case "FP32":
		return float64(math.Float32frombits(o.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// halfFloat is an IEEE 754 binary16.
func halfFloat(h uint16) float64 {
	sign, exponent, fraction := float64(1), int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}
