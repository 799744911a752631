package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"ember/aiaas"
)

// uploaded is what the API says of a new dataset.
type uploaded struct {
	Dataset aiaas.DatasetInfo `json:"dataset"`
	Report  aiaas.Report      `json:"report"`
}

// size is that of all files together; each must be there.
func size(files []string) (total int64, err error) {
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			return 0, exitError{exitNotFound, err}
		}
		if !info.Mode().IsRegular() {
			return 0, failure(exitUsage, "%s is not a file; pack a folder into a .zip", path)
		}
		total += info.Size()
	}
	return total, nil
}

// contentName is a name made of a model's, and of what the files hold.
func contentName(model string, s *schema, files []string) (string, error) {
	h := sha256.New()
	io.WriteString(h, s.query().Encode()) // a hash takes all
	for _, path := range files {
		fmt.Fprintf(h, "\n%s\n", filepath.Base(path))
		f, err := os.Open(path)
		if err != nil {
			return "", exitError{exitNotFound, err}
		}
		_, err = io.Copy(h, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", exitError{exitFailure, err}
		}
	}
	return model + "-" + hex.EncodeToString(h.Sum(nil)[:4]), nil
}

// upload sends files as a dataset: one as the body, several as parts of it.
func (c *client) upload(ctx context.Context, name string, s *schema, files []string, d *display) (u uploaded, err error) {
	total, err := size(files)
	if err != nil {
		return u, err
	}
	defer d.finish()
	sent := &counted{show: func(n int64) { d.show("uploading", int(n), int(total)) }}
	q := s.query()
	var body io.Reader
	media := "application/octet-stream"
	if len(files) == 1 {
		f, err := os.Open(files[0])
		if err != nil {
			return u, exitError{exitNotFound, err}
		}
		defer f.Close()
		q.Set("file", filepath.Base(files[0]))
		body = io.TeeReader(f, sent)
	} else {
		r, w := io.Pipe()
		defer r.Close()
		form := multipart.NewWriter(w)
		media = form.FormDataContentType()
		go func() { w.CloseWithError(writeParts(form, files, sent)) }()
		body = r
	}
	resp, err := c.send(ctx, http.MethodPost, "/v1/datasets/"+url.PathEscape(name)+"?"+q.Encode(), media, body)
	if err != nil {
		return u, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
		return u, failure(exitFailure, "reading the report: %w", err)
	}
	return u, nil
}

func writeParts(form *multipart.Writer, files []string, sent io.Writer) error {
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		part, err := form.CreateFormFile("file", filepath.Base(path))
		if err == nil {
			_, err = io.Copy(part, io.TeeReader(f, sent))
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return form.Close()
}

// counted counts what is written to it.
type counted struct {
	n    int64
	show func(int64)
}

// Write implements io.Writer.
func (c *counted) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	c.show(c.n)
	return len(b), nil
}

// ensure has a dataset of that name and content be there: what was uploaded
// before is taken, unless it is something else.
func (c *client) ensure(ctx context.Context, name string, s *schema, files []string, d *display) (u uploaded, err error) {
	path := "/v1/datasets/" + url.PathEscape(name)
	err = c.ask(ctx, http.MethodGet, path, nil, &u.Dataset)
	var exit exitError
	if errors.As(err, &exit) && exit.code == exitNotFound && len(files) > 0 {
		return c.upload(ctx, name, s, files, d)
	}
	if err != nil {
		return u, err
	}
	if err := same(u.Dataset, s, files); err != nil {
		return u, err
	}
	return u, c.ask(ctx, http.MethodGet, path+"/report", nil, &u.Report)
}

// same reports a dataset that is not made of these files with this schema.
func same(info aiaas.DatasetInfo, s *schema, files []string) error {
	if len(files) == 0 {
		return nil
	}
	total, err := size(files)
	if err != nil {
		return err
	}
	had := schemaOf(info.Schema)
	if total != info.Bytes || len(files) != len(info.Files) || had.query().Encode() != s.query().Encode() {
		return failure(exitFailure, "there is a dataset %s already, of other files or with another schema: give this one another name, or none", info.Name)
	}
	return nil
}
