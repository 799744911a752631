package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ember/aiaas"
)

// putDataset is POST /v1/datasets/{name}: the file as the body, or several as
// multipart/form-data. They are sealed as they come.
func (s *Server) putDataset(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	if from, given, err := one(c.r.URL.Query(), "from"); err != nil || given {
		if err == nil && from != "cohort" {
			err = badParameter("from", "cohort, or nothing for an upload")
		}
		if err != nil {
			return err
		}
		return s.drawDataset(ctx, c)
	}
	schema, err := schemaOf(c.r.URL.Query())
	if err != nil {
		return err
	}
	next, done, err := c.uploads()
	if err != nil {
		return err
	}
	defer done()
	var info aiaas.DatasetInfo
	var report *aiaas.Report
	err = c.changed(ctx, "Dataset/"+name, http.StatusCreated, func() (err error) {
		info, report, err = s.deps.Models.PutDataset(ctx, name, schema, next)
		return err
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, map[string]any{"dataset": info, "report": report})
}

var schemaParameters = []string{"file", "task", "label", "subject", "split", "between", "inputs", "ignore", "number", "multi"}

// schemaOf reads the schema from the query.
func schemaOf(q url.Values) (schema aiaas.Schema, err error) {
	list := func(name string) (all []string) {
		for _, v := range q[name] {
			for part := range strings.SplitSeq(v, ",") {
				if part != "" {
					all = append(all, part)
				}
			}
		}
		return all
	}
	schema = aiaas.Schema{Label: q.Get("label"), Subject: q.Get("subject"), Split: q.Get("split"), Between: q.Get("between"),
		Inputs: list("inputs"), Ignore: list("ignore")}
	for name, v := range q {
		column, kind := strings.CutPrefix(name, "kind.")
		switch {
		case kind:
			if schema.Kinds == nil {
				schema.Kinds = map[string]string{}
			}
			schema.Kinds[column] = v[0]
		case !slices.Contains(schemaParameters, name):
			// A misspelt label must not become a dataset without one.
			return schema, badParameter(fmt.Sprintf("%.40q", name), "one of "+strings.Join(schemaParameters, ", ")+" and kind.COLUMN")
		}
	}
	for name, set := range map[string]*bool{"number": &schema.Number, "multi": &schema.Multi} {
		if text := q.Get(name); text != "" {
			if *set, err = strconv.ParseBool(text); err != nil {
				return schema, badParameter(name, "true or false")
			}
		}
	}
	if task := q.Get("task"); task != "" {
		if schema.Task, err = aiaas.ParseTask(task); err != nil {
			return schema, &Fault{Status: http.StatusBadRequest, Code: "value", Path: "task", Detail: "there is no such task",
				Hint: "the tasks are text-classification, image-classification, sequence-classification, tabular, timeline-risk and forecast"}
		}
	}
	return schema, nil
}

// uploads gives the files of a request, one after the other as they come.
func (c *call) uploads() (next func() (aiaas.File, error), done func(), err error) {
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/form-data") {
		body, err := c.body(c.s.opt.Limits.StreamBytes)
		if err != nil {
			return nil, nil, err
		}
		given := false
		return func() (aiaas.File, error) {
			if given {
				return aiaas.File{}, io.EOF
			}
			given = true
			return aiaas.File{Name: fileName(c.r), Body: body}, nil
		}, func() { body.Close() }, nil
	}
	body, err := c.body(c.s.opt.Limits.StreamBytes)
	if err != nil {
		return nil, nil, err
	}
	c.r.Body = body
	parts, err := c.r.MultipartReader()
	if err != nil {
		body.Close()
		return nil, nil, &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is not multipart/form-data"}
	}
	return func() (aiaas.File, error) {
		for {
			p, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				return aiaas.File{}, io.EOF
			}
			if err != nil {
				return aiaas.File{}, brokenParts(err)
			}
			if p.FileName() != "" {
				return aiaas.File{Name: p.FileName(), Body: p}, nil
			}
		}
	}, func() { body.Close() }, nil
}

// brokenParts is a fault of the sender, unless the body is too large or stopped coming.
func brokenParts(err error) error {
	err = fmt.Errorf("server: reading an upload: %w", err)
	if faultOf(err).Status != http.StatusInternalServerError {
		return err
	}
	return &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the parts of the body cannot be read", Hint: "send multipart/form-data as RFC 7578 has it"}
}

// listDatasets is GET /v1/datasets.
func (s *Server) listDatasets(ctx context.Context, c *call) error {
	all, err := s.deps.Models.Datasets()
	if err != nil {
		return err
	}
	if err := c.looked(ctx, "Dataset"); err != nil {
		return err
	}
	return c.answer(http.StatusOK, map[string]any{"datasets": all})
}

// showDataset is GET /v1/datasets/{name}.
func (s *Server) showDataset(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	info, err := s.deps.Models.Dataset(name)
	if err != nil {
		return err
	}
	if err := c.looked(ctx, "Dataset/"+name); err != nil {
		return err
	}
	return c.answer(http.StatusOK, info)
}

// datasetReport is GET /v1/datasets/{name}/report, as JSON or as plain text.
func (s *Server) datasetReport(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	r, err := s.deps.Models.Report(ctx, name)
	if err != nil {
		return err
	}
	if err := c.looked(ctx, "Dataset/"+name); err != nil {
		return err
	}
	if strings.HasPrefix(c.r.Header.Get("Accept"), "text/plain") {
		c.send(http.StatusOK, "text/plain; charset=utf-8", []byte(r.String()))
		return nil
	}
	return c.answer(http.StatusOK, r)
}

// dropDataset is DELETE /v1/datasets/{name}.
func (s *Server) dropDataset(ctx context.Context, c *call) error {
	name := c.params.ByName("name")
	if err := c.changed(ctx, "Dataset/"+name, http.StatusNoContent, func() error { return s.deps.Models.DeleteDataset(name) }); err != nil {
		return err
	}
	c.send(http.StatusNoContent, plainJSON, nil)
	return nil
}
