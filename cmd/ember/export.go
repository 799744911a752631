package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// exportAsk is what an export is asked for; a folder goes on with the same only.
type exportAsk struct {
	Kickoff string `json:"kickoff"`
	Gzip    bool   `json:"gzip,omitempty"`
	Job     string `json:"job"` // where its status is
}

// exportManifest is what is read of a manifest, and kept in the folder.
type exportManifest struct {
	TransactionTime string            `json:"transactionTime"`
	Request         string            `json:"request"`
	Output          []exportFile      `json:"output"`
	Deleted         []exportFile      `json:"deleted"`
	Error           []exportFile      `json:"error"`
	Extension       map[string]string `json:"extension,omitempty"`
}

type exportFile struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count int64  `json:"count"`
}

const (
	exportState        = "export.json" // while it is under way
	exportManifestName = "manifest.json"
)

func (p *program) export() *cobra.Command {
	var group, since string
	var types, filters []string
	var deid string
	var zipped bool
	c := &cobra.Command{
		Use: "export FOLDER", Short: "Write everything, or a group's records, as NDJSON into a folder", Args: cobra.ExactArgs(1),
		Long: `Writes one series of files a type, and manifest.json beside them, as HL7's Bulk Data
Access has it. What is broken off goes on where it was when the same command is given
again. With --since last a folder gets what changed since the export it holds.`,
		Example: "  ember export everything\n" +
			"  ember export diabetics --group diabetics --deid safe-harbor --gzip",
		RunE: func(cmd *cobra.Command, args []string) error {
			x := exporting{p: p, dir: args[0], ask: exportAsk{Gzip: zipped}}
			q := url.Values{}
			for name, values := range map[string][]string{"_type": types, "_typeFilter": filters, "deid": {deid}, "_since": {since}} {
				for _, v := range values {
					if v != "" {
						q.Add(name, v)
					}
				}
			}
			level := "/fhir/$export"
			if group != "" {
				level = "/fhir/Group/" + url.PathEscape(group) + "/$export"
			}
			return p.with(cmd.Context(), func(c *client) error { return x.run(cmd.Context(), c, level, q) })
		},
	}
	c.Flags().StringVar(&group, "group", "", "the members of this saved cohort or stored Group only")
	c.Flags().StringSliceVar(&types, "type", nil, "these types of resources only")
	c.Flags().StringArrayVar(&filters, "filter", nil, "a search that resources of a type must meet, as Observation?status=final")
	c.Flags().StringVar(&since, "since", "", "only what changed later than this instant; last = than the export in the folder")
	c.Flags().StringVar(&deid, "deid", "none", "how patients are hidden: none, safe-harbor or shifted")
	c.Flags().BoolVar(&zipped, "gzip", false, "files are compressed")
	c.AddCommand(p.exportKey())
	return c
}

func (p *program) exportKey() *cobra.Command {
	return &cobra.Command{
		Use: "rotate-key", Short: "Make a new key for de-identification", Args: cobra.NoArgs,
		Long: `What is de-identified from now on cannot be joined with what was before. The old key
is gone for good.`,
		Example: "  ember export rotate-key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), func(c *client) error {
				var key struct {
					Key string `json:"key"`
				}
				if err := c.ask(cmd.Context(), "POST", "/admin/deid-key", nil, &key); err != nil {
					return err
				}
				return p.print(key, func(w io.Writer) { fmt.Fprintf(w, "new key %s\n", key.Key) })
			})
		},
	}
}

// exporting is one export into a folder.
type exporting struct {
	p   *program
	dir string
	ask exportAsk
}

func (x *exporting) run(ctx context.Context, c *client, level string, q url.Values) error {
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return exitError{exitUsage, err}
	}
	if q.Get("_since") == "last" {
		var before exportManifest
		if err := x.load(exportManifestName, &before); err != nil {
			return failure(exitUsage, "--since last: the folder holds no whole export: %w", err)
		}
		q.Set("_since", before.TransactionTime)
	}
	x.ask.Kickoff = level
	if len(q) > 0 {
		x.ask.Kickoff += "?" + q.Encode()
	}
	m, err := x.manifest(ctx, c)
	if err != nil {
		return err
	}
	for _, list := range [][]exportFile{m.Output, m.Deleted, m.Error} {
		for i := range list {
			if list[i].URL, err = x.fetch(ctx, c, list[i].URL); err != nil {
				return err
			}
		}
	}
	if err := x.save(exportManifestName, m); err != nil {
		return err
	}
	if resp, err := c.call(ctx, http.MethodDelete, x.ask.Job, nil); err == nil {
		resp.Body.Close()
	}
	if err := os.Remove(filepath.Join(x.dir, exportState)); err != nil {
		return exitError{exitFailure, err}
	}
	return x.p.print(m, func(w io.Writer) { x.tell(w, m) })
}

// manifest begins the export, or goes on with the one that the folder knows, and waits
// for it.
func (x *exporting) manifest(ctx context.Context, c *client) (m exportManifest, err error) {
	var before exportAsk
	if err := x.load(exportState, &before); err == nil {
		if before.Kickoff != x.ask.Kickoff || before.Gzip != x.ask.Gzip {
			return m, failure(exitUsage, "%s holds another export that is not whole; finish it, or remove %s", x.dir, exportState)
		}
		x.ask.Job = before.Job
	}
	for try := 0; try < 2; try++ {
		if x.ask.Job == "" {
			if err := x.begin(ctx, c); err != nil {
				return m, err
			}
		}
		if m, err = x.wait(ctx, c); err == nil || codeOf(err) != exitNotFound {
			return m, err
		}
		x.ask.Job = "" // it expired: begin another
	}
	return m, err
}

func codeOf(err error) int {
	var e exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitFailure
}

// begin kicks off; files of an earlier export, which have the same names, are removed.
func (x *exporting) begin(ctx context.Context, c *client) error {
	resp, err := x.get(ctx, c, x.ask.Kickoff, "Prefer", "respond-async")
	if err != nil {
		return err
	}
	resp.Body.Close()
	at, err := url.Parse(resp.Header.Get("Content-Location"))
	if err != nil || at.Path == "" {
		return failure(exitFailure, "the server does not say where the export is")
	}
	x.ask.Job = at.Path
	old, err := filepath.Glob(filepath.Join(x.dir, "*.ndjson*"))
	for _, name := range old {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		return exitError{exitFailure, err}
	}
	return x.save(exportState, x.ask)
}

// wait asks until the files are whole: soon at first, as small exports take no time.
func (x *exporting) wait(ctx context.Context, c *client) (m exportManifest, err error) {
	for pause := 20 * time.Millisecond; ; pause *= 4 {
		resp, err := x.get(ctx, c, x.ask.Job)
		if err != nil {
			return m, err
		}
		if resp.StatusCode == http.StatusOK {
			defer resp.Body.Close()
			if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
				return m, exitError{exitFailure, err}
			}
			return m, nil
		}
		resp.Body.Close()
		hint, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil || hint < 1 {
			hint = 1
		}
		select {
		case <-ctx.Done():
			return m, ctx.Err()
		case <-time.After(min(pause, time.Duration(hint)*time.Second)):
		}
	}
}

// get asks for a path; header are names and values.
func (x *exporting) get(ctx context.Context, c *client, at string, header ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://ember"+at, nil)
	if err != nil {
		return nil, exitError{exitFailure, err}
	}
	req.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return c.answered(req, http.StatusRequestedRangeNotSatisfiable)
}

// fetch brings one file, from where an earlier try was broken off, and gives its name.
func (x *exporting) fetch(ctx context.Context, c *client, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", exitError{exitFailure, err}
	}
	name := path.Base(u.Path)
	if x.ask.Gzip {
		name += ".gz"
	}
	whole := filepath.Join(x.dir, name)
	if _, err := os.Stat(whole); err == nil {
		return name, nil
	}
	if err := x.part(ctx, c, u.Path, whole+".part"); err != nil {
		return "", err
	}
	if err := os.Rename(whole+".part", whole); err != nil {
		return "", exitError{exitFailure, err}
	}
	return name, nil
}

// part appends to a file what it lacks. A compressed file begins anew: its bytes are
// made on the way.
func (x *exporting) part(ctx context.Context, c *client, at, name string) error {
	flags := os.O_WRONLY | os.O_CREATE
	if x.ask.Gzip {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return exitError{exitFailure, err}
	}
	defer f.Close()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return exitError{exitFailure, err}
	}
	header := []string{"Range", "bytes=" + strconv.FormatInt(have, 10) + "-"}
	switch {
	case x.ask.Gzip:
		header = []string{"Accept-Encoding", "gzip"}
	case have == 0:
		header = nil
	}
	resp, err := x.get(ctx, c, at, header...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable { // it is whole
		return nil
	}
	if resp.StatusCode == http.StatusOK && have > 0 {
		if err := errors.Join(f.Truncate(0), seekStart(f)); err != nil {
			return exitError{exitFailure, err}
		}
	}
	_, err = io.Copy(f, resp.Body)
	if err = errors.Join(err, f.Sync()); err != nil {
		return exitError{exitFailure, err}
	}
	return nil
}

func seekStart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

func (x *exporting) load(name string, v any) error {
	b, err := os.ReadFile(filepath.Join(x.dir, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// save writes a file whole, or leaves what was there.
func (x *exporting) save(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(x.dir, name+".new"), append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(x.dir, name+".new"), filepath.Join(x.dir, name))
	}
	if err != nil {
		return exitError{exitFailure, err}
	}
	return nil
}

// tell says what came, by type.
func (x *exporting) tell(w io.Writer, m exportManifest) {
	counts := map[string]int64{}
	for _, f := range m.Output {
		counts[f.Type] += f.Count
	}
	var total int64
	var types []string
	for typ, n := range counts {
		total += n
		types = append(types, typ)
	}
	slices.Sort(types)
	fmt.Fprintf(w, "%d resources in %s\n", total, x.dir)
	for _, typ := range types {
		fmt.Fprintf(w, "  %-24s %d\n", typ, counts[typ])
	}
	if len(m.Deleted) > 0 {
		fmt.Fprintf(w, "deletions in %s\n", strings.Join(names(m.Deleted), ", "))
	}
	if len(m.Error) > 0 {
		fmt.Fprintf(w, "what is left out is named in %s\n", strings.Join(names(m.Error), ", "))
	}
}

func names(list []exportFile) (out []string) {
	for _, f := range list {
		out = append(out, f.URL)
	}
	return out
}
