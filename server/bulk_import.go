package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"ember/bulk"
)

// importRequest is the kick-off of an import, as the proposal for bulk import has it.
type importRequest struct {
	InputFormat   string                 `json:"inputFormat"`
	InputSource   string                 `json:"inputSource"`
	StorageDetail *struct{ Type string } `json:"storageDetail"`
	Input         []bulk.Input           `json:"input"`
}

// mostImported bounds the files of one import.
const mostImported = 10_000

// importFiles is POST /fhir/$import.
func (s *Server) importFiles(ctx context.Context, c *call) error {
	if _, err := c.async(); err != nil {
		return err
	}
	body, err := c.body(c.s.opt.Limits.BodyBytes)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	r, err := readImport(b)
	if err != nil {
		return err
	}
	if err := r.check(s.deps.Bulk.Allowed); err != nil {
		return err
	}
	return c.startBulk(ctx, "$import", bulk.Job{Import: &bulk.Import{Inputs: r.Input}})
}

// readImport reads JSON as it is proposed, or the same as Parameters.
func readImport(b []byte) (r importRequest, err error) {
	var head struct {
		ResourceType string `json:"resourceType"`
		Parameter    []struct {
			viewParameter
			Part []viewParameter `json:"part"`
		} `json:"parameter"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return r, badView("", "the body is not JSON of an import", `send {"inputFormat": "application/fhir+ndjson", "inputSource": …, "input": [{"type": …, "url": …}]}`)
	}
	if head.ResourceType != "Parameters" {
		if err := json.Unmarshal(b, &r); err != nil {
			return r, badView("input", "a list of objects with type and url is expected", "")
		}
		return r, nil
	}
	for _, p := range head.Parameter {
		switch v, _ := p.text(); p.Name {
		case "inputFormat":
			r.InputFormat = v
		case "inputSource":
			r.InputSource = v
		case "input":
			var in bulk.Input
			for _, part := range p.Part {
				switch v, _ := part.text(); part.Name {
				case "type":
					in.Type = v
				case "url":
					in.URL = v
				}
			}
			r.Input = append(r.Input, in)
		}
	}
	return r, nil
}

func (r *importRequest) check(allowed func(string) bool) error {
	switch r.InputFormat {
	case "application/fhir+ndjson", "application/ndjson", "ndjson", "":
	default:
		return badParameter("inputFormat", "application/fhir+ndjson")
	}
	if r.StorageDetail != nil && r.StorageDetail.Type != "" && r.StorageDetail.Type != "https" && r.StorageDetail.Type != "http" {
		return badParameter("storageDetail.type", "https")
	}
	if len(r.Input) == 0 || len(r.Input) > mostImported {
		return badParameter("input", "1 to 10000 files")
	}
	for i, in := range r.Input {
		at := "input[" + strconv.Itoa(i) + "]"
		if in.Type != "" && !typeName.MatchString(in.Type) {
			return badParameter(at+".type", "a resource type")
		}
		if !allowed(in.URL) {
			return &Fault{Status: http.StatusForbidden, Code: "forbidden", Path: at + ".url", Detail: "the address is not one that this site allows to import from",
				Hint: "add the beginning of the address to import-sources; or send the lines themselves to POST /fhir as application/fhir+ndjson"}
		}
	}
	return nil
}
