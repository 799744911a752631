package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"ember/aiaas"
)

func (p *program) dataset() *cobra.Command {
	c := &cobra.Command{
		Use: "dataset", Short: "Upload, list and inspect data to make models of",
		Long: `A dataset is a table with a label (.csv, .tsv, .ndjson), a .zip of images, NumPy's
.npz, the two files of IDX, or the .hea, .dat and .atr of a WFDB record; tables and
IDX also in .gz. It is kept sealed. When it is uploaded it is searched for what would
spoil a model: leaks of the label, copies, subjects on both sides of the split,
labels that others like it contradict.`,
	}
	c.AddCommand(p.datasetPut(), p.datasetFromCohort(), p.datasetList(), p.datasetReport(), p.datasetDelete())
	return c
}

func (p *program) datasetPut() *cobra.Command {
	s := &schema{}
	c := &cobra.Command{
		Use: "put NAME FILE...", Short: "Upload a dataset and say what is wrong with it", Args: cobra.MinimumNArgs(2),
		Example: "  ember dataset put visits visits.csv --label readmitted --subject patient\n" +
			"  ember dataset put xrays images.idx3-ubyte.gz labels.idx1-ubyte.gz\n" +
			"  ember dataset put codes titles.tsv --label group --kind title=text",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), func(c *client) error {
				u, err := c.upload(cmd.Context(), args[0], s, args[1:], p.display())
				if err != nil {
					return err
				}
				return p.print(u, func(w io.Writer) { fmt.Fprint(w, u.Report.String()) })
			})
		},
	}
	s.flags(c.Flags())
	return c
}

func (p *program) datasetList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List datasets, newest first", Args: cobra.NoArgs, Example: "  ember dataset list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), func(c *client) error {
				var all struct {
					Datasets []aiaas.DatasetInfo `json:"datasets"`
				}
				if err := c.ask(cmd.Context(), http.MethodGet, "/v1/datasets", nil, &all); err != nil {
					return err
				}
				return p.print(all.Datasets, func(w io.Writer) { printDatasets(w, all.Datasets) })
			})
		},
	}
}

func printDatasets(w io.Writer, all []aiaas.DatasetInfo) {
	t := newTable(w, "dataset", "task", "made", "samples", "subjects", "classes", "findings")
	for _, d := range all {
		t.AppendRow(table.Row{d.Name, d.Task, d.Created.Format(minute), d.Samples, d.Subjects, len(d.Classes), d.Findings})
	}
	t.Render()
}

func (p *program) datasetReport() *cobra.Command {
	return &cobra.Command{
		Use: "report NAME", Short: "Say what is in a dataset and what is wrong with it", Args: cobra.ExactArgs(1), Example: "  ember dataset report visits",
		ValidArgsFunction: p.complete("/v1/datasets"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), func(c *client) error {
				var r aiaas.Report
				if err := c.ask(cmd.Context(), http.MethodGet, "/v1/datasets/"+url.PathEscape(args[0])+"/report", nil, &r); err != nil {
					return err
				}
				return p.print(r, func(w io.Writer) { fmt.Fprint(w, r.String()) })
			})
		},
	}
}

func (p *program) datasetDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a dataset; models made of it stay", Args: cobra.ExactArgs(1), Example: "  ember dataset delete visits",
		ValidArgsFunction: p.complete("/v1/datasets"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.remove(cmd.Context(), "/v1/datasets/"+url.PathEscape(args[0]), "dataset "+args[0])
		},
	}
}

// remove deletes what a path names.
func (p *program) remove(ctx context.Context, path, what string) error {
	return p.with(ctx, func(c *client) error {
		if err := c.ask(ctx, http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
		return p.print(map[string]string{"deleted": what}, func(w io.Writer) { fmt.Fprintf(w, "%s is deleted\n", what) })
	})
}

// minute is how moments are shown in tables.
const minute = "2006-01-02 15:04"

// newTable is a table with a header, written to w when it is rendered.
func newTable(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.AppendHeader(header)
	return t
}
