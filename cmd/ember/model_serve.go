package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ember"
	"ember/aiaas"
)

func (p *program) modelPromote() *cobra.Command {
	force := false
	c := &cobra.Command{
		Use: "promote [NAME] VERSION", Short: "Serve a version; --force when the gate refuses it", Args: cobra.RangeArgs(1, 2),
		Long:              "Serve a version of a model, or, without a name, of the recommender.",
		Example:           "  ember model promote readmission 3\n  ember model promote readmission 3 --force\n  ember model promote 3",
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			version := args[len(args)-1]
			if len(args) == 1 || args[0] == recommenderName {
				return p.recommender(cmd.Context(), http.MethodPost, fmt.Sprintf("/admin/models/promote?version=%s&force=%t", url.QueryEscape(version), force))
			}
			return p.change(cmd.Context(), http.MethodPost, modelPath(args[0], "promote"), map[string]any{"version": version, "force": force})
		},
	}
	c.Flags().BoolVar(&force, "force", false, "against the gate; recorded")
	return c
}

func (p *program) modelRollback() *cobra.Command {
	return &cobra.Command{
		Use: "rollback [NAME]", Short: "Serve the version that served before", Args: cobra.MaximumNArgs(1),
		Long:              "Serve the version of a model, or, without a name, of the recommender, that served\nbefore the one that serves now.",
		Example:           "  ember model rollback readmission\n  ember model rollback",
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == recommenderName {
				return p.recommender(cmd.Context(), http.MethodPost, "/admin/models/rollback")
			}
			return p.change(cmd.Context(), http.MethodPost, modelPath(args[0], "rollback"), nil)
		},
	}
}

// change changes what serves and says what does now.
func (p *program) change(ctx context.Context, method, path string, in any) error {
	return p.with(ctx, func(c *client) error {
		var now aiaas.Serving
		if err := c.ask(ctx, method, path, in, &now); err != nil {
			return err
		}
		return p.print(now, func(w io.Writer) { fmt.Fprintf(w, "%s: version %s serves, %s\n", now.Name, now.Version, now.Family) })
	})
}

// recommender changes or lists the versions of the recommender.
func (p *program) recommender(ctx context.Context, method, path string) error {
	return p.with(ctx, func(c *client) error {
		var versions []ember.ModelVersion
		if err := c.ask(ctx, method, path, nil, &versions); err != nil {
			return err
		}
		return p.print(versions, func(w io.Writer) { printRecommender(w, versions) })
	})
}

func (p *program) modelShadow() *cobra.Command {
	off := false
	c := &cobra.Command{
		Use: "shadow NAME [VERSION]", Short: "Have a version answer beside the one that serves, to compare them", Args: cobra.RangeArgs(1, 2),
		Long: `A shadow is asked whatever the served version is asked; its answers are compared and
never given. Without a version, what was compared so far is shown.`,
		Example:           "  ember model shadow readmission 3\n  ember model shadow readmission\n  ember model shadow readmission --off",
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if off && len(args) > 1 {
				return failure(exitUsage, "--off ends the shadow: it takes no version")
			}
			path := modelPath(args[0], "shadow")
			return p.with(cmd.Context(), func(c *client) error {
				var err error
				switch {
				case off:
					if err = c.ask(cmd.Context(), http.MethodDelete, path, nil, nil); err == nil {
						return p.print(map[string]string{"shadow": ""}, func(w io.Writer) { fmt.Fprintf(w, "%s has no shadow\n", args[0]) })
					}
				case len(args) > 1:
					err = c.ask(cmd.Context(), http.MethodPut, path, map[string]string{"version": args[1]}, nil)
				}
				var r aiaas.ShadowReport
				if err == nil {
					err = c.ask(cmd.Context(), http.MethodGet, path, nil, &r)
				}
				if err != nil {
					return err
				}
				return p.print(r, func(w io.Writer) { printShadow(w, args[0], r) })
			})
		},
	}
	c.Flags().BoolVar(&off, "off", false, "end it")
	return c
}

func printShadow(w io.Writer, name string, r aiaas.ShadowReport) {
	if r.Version == "" {
		fmt.Fprintf(w, "%s has no shadow\n", name)
		return
	}
	fmt.Fprintf(w, "%s: version %s is the shadow: %d requests, %d samples, %d failed\n", name, r.Version, r.Requests, r.Samples, r.Failed)
	if r.Samples > 0 {
		fmt.Fprintf(w, "the same label on %.1f %%, mean difference %.4f\n", 100*r.Agree, r.Difference)
	}
}

func (p *program) modelDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME VERSION", Short: "Delete a version that does not serve", Args: cobra.ExactArgs(2), Example: "  ember model delete readmission 1",
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == recommenderName {
				return failure(exitUsage, "versions of the recommender are not deleted one by one")
			}
			return p.remove(cmd.Context(), modelPath(args[0], "versions", args[1]), fmt.Sprintf("%s version %s", args[0], args[1]))
		},
	}
}

func (p *program) modelExport() *cobra.Command {
	format := ""
	c := &cobra.Command{
		Use: "export NAME VERSION OUT", Short: "Write a network to a file that other programs read", Args: cobra.ExactArgs(3),
		Example:           "  ember model export xrays 2 xrays.onnx\n  ember model export xrays 2 --format safetensors weights.bin",
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format == "" {
				format = strings.TrimPrefix(filepath.Ext(args[2]), ".")
			}
			if format != "onnx" && format != "safetensors" {
				return failure(exitUsage, "the format is onnx or safetensors: name the file so, or say --format")
			}
			return p.with(cmd.Context(), func(c *client) error {
				path := modelPath(args[0], "versions", args[1], "export") + "?format=" + format
				resp, err := c.call(cmd.Context(), http.MethodGet, path, nil)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				return p.keep(args[2], resp.Body)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "", "onnx or safetensors (default: as OUT ends)")
	return c
}

// keep saves a file and says so.
func (p *program) keep(path string, r io.Reader) error {
	n, err := save(path, r)
	if err != nil {
		return err
	}
	return p.print(map[string]any{"path": path, "bytes": n}, func(w io.Writer) { fmt.Fprintf(w, "%s: %d bytes\n", path, n) })
}

// save writes a file that has its name only once it is whole.
func save(path string, r io.Reader) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".ember-*")
	if err != nil {
		return 0, exitError{exitFailure, err}
	}
	defer os.Remove(f.Name()) // gone already when all went well
	n, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return n, exitError{exitFailure, err}
	}
	return n, nil
}
