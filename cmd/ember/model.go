package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ember"
	"ember/aiaas"
)

// recommenderName is the model that `ember train` makes. Its versions are kept
// apart from those of models made of datasets.
const recommenderName = "ember-recommender"

func (p *program) model() *cobra.Command {
	c := &cobra.Command{
		Use: "model", Short: "Make models of your own data; list, promote and roll back versions",
		Long: `Make a model of your own data for your own question: classes of texts, of images,
of series of measurements, or a class or a number from a table. Several families
are tried within a time budget, on folds by patient; the simplest that is as good as
the best is taken, measured, and served if it is not worse than what serves.

The recommender, which ember train makes, is the model ` + recommenderName + `.`,
		Example: "  ember model new tabular\n  ember model train tabular.toml\n  ember model show readmission\n  ember model predict readmission new.csv --explain top",
	}
	c.AddCommand(p.modelNew(), p.modelTrain(), p.modelList(), p.modelShow(), p.modelPredict(), p.modelPredictCohort(),
		p.modelPromote(), p.modelRollback(), p.modelShadow(), p.modelExport(), p.modelDelete())
	return c
}

// modelPath is the API's path of a model, and of what belongs to it.
func modelPath(name string, more ...string) string {
	path := "/v1/models/" + url.PathEscape(name)
	for _, m := range more {
		path += "/" + url.PathEscape(m)
	}
	return path
}

// listed is a model in a list, whose moment is in seconds as other services' are.
type listed struct {
	Created int64 `json:"created"`
	aiaas.Serving
}

// recommenderLine is a version of the recommender beside other models.
type recommenderLine struct {
	Name string `json:"name"`
	Task string `json:"task"`
	ember.ModelVersion
}

func (p *program) modelList() *cobra.Command {
	return &cobra.Command{
		Use: "list [NAME]", Short: "List models, or the versions of one, with what was measured", Args: cobra.MaximumNArgs(1),
		Example:           "  ember model list\n  ember model list readmission\n  ember model list " + recommenderName,
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return p.listAll(cmd.Context())
			case args[0] == recommenderName:
				return p.recommender(cmd.Context(), http.MethodGet, "/admin/models")
			}
			return p.with(cmd.Context(), func(c *client) error {
				all, err := c.versions(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return p.print(all, func(w io.Writer) { printModels(w, all) })
			})
		},
	}
}

// listAll shows the recommender's versions and every other model.
func (p *program) listAll(ctx context.Context) error {
	return p.with(ctx, func(c *client) error {
		var versions []ember.ModelVersion
		if err := c.ask(ctx, http.MethodGet, "/admin/models", nil, &versions); err != nil {
			return err
		}
		models, err := c.models(ctx)
		if err != nil {
			return err
		}
		both := []any{}
		for _, v := range versions {
			both = append(both, recommenderLine{recommenderName, "recommendation", v})
		}
		for _, m := range models {
			both = append(both, m)
		}
		return p.print(both, func(w io.Writer) {
			if len(versions) > 0 || len(models) == 0 {
				fmt.Fprintf(w, "%s\n", recommenderName)
				printRecommender(w, versions)
			}
			if len(models) > 0 {
				printModels(w, models)
			}
		})
	})
}

// models are the models made of datasets; vectors of words, which have no
// versions, are left out.
func (c *client) models(ctx context.Context) (all []aiaas.Serving, err error) {
	var list struct {
		Data []listed `json:"data"`
	}
	err = c.ask(ctx, http.MethodGet, "/v1/models", nil, &list)
	var exit exitError
	if errors.As(err, &exit) && exit.code == exitNotFound {
		return nil, nil // an older server, which serves the recommender alone
	}
	for _, m := range list.Data {
		if m.Version != "" {
			m.Serving.Created = unix(m.Created)
			all = append(all, m.Serving)
		}
	}
	return all, err
}

// versions are those of a model, newest first.
func (c *client) versions(ctx context.Context, name string) ([]aiaas.Serving, error) {
	var list struct {
		Versions []aiaas.Serving `json:"versions"`
	}
	err := c.ask(ctx, http.MethodGet, modelPath(name, "versions"), nil, &list)
	return list.Versions, err
}

// version is one version of a model; without a version the one that serves, else
// the newest.
func (c *client) version(ctx context.Context, name, version string) (aiaas.Serving, error) {
	all, err := c.versions(ctx, name)
	if err != nil {
		return aiaas.Serving{}, err
	}
	for _, v := range all {
		if v.Version == version || version == "" && v.Serves {
			return v, nil
		}
	}
	if version == "" && len(all) > 0 {
		return all[0], nil
	}
	return aiaas.Serving{}, failure(exitNotFound, "there is no version %s of %s", version, name)
}

func (p *program) modelShow() *cobra.Command {
	card, page := false, ""
	c := &cobra.Command{
		Use: "show NAME [VERSION]", Short: "Show a version's inputs, classes and measures, or its model card", Args: cobra.RangeArgs(1, 2),
		Example:           "  ember model show readmission\n  ember model show readmission 2 --card\n  ember model show readmission --page readmission.html\n  ember model show " + recommenderName,
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = append(args, "")
			return p.with(cmd.Context(), func(c *client) error {
				if args[0] == recommenderName {
					return p.recommenderCard(cmd.Context(), c)
				}
				v, err := c.version(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				if !card && page == "" {
					return p.print(v, func(w io.Writer) { printModel(w, v) })
				}
				format := "markdown"
				if page != "" {
					format = "html"
				}
				resp, err := c.call(cmd.Context(), http.MethodGet, modelPath(v.Name, "versions", v.Version, "card")+"?format="+format, nil)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				if page != "" {
					return p.keep(page, resp.Body)
				}
				text, err := io.ReadAll(resp.Body)
				if err != nil {
					return exitError{exitFailure, err}
				}
				return p.print(map[string]string{"card": string(text)}, func(w io.Writer) { w.Write(text) })
			})
		},
	}
	c.Flags().BoolVar(&card, "card", false, "the model card, in Markdown")
	c.Flags().StringVar(&page, "page", "", "write the model card with its plots to this file, as HTML")
	c.MarkFlagsMutuallyExclusive("card", "page")
	return c
}

// recommenderCard shows the card of the version that answers: there is nothing
// shorter to say of it.
func (p *program) recommenderCard(ctx context.Context, c *client) error {
	format := "markdown"
	if p.json {
		format = "json"
	}
	resp, err := c.call(ctx, http.MethodGet, "/v1/recommender/card?format="+format, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		return exitError{exitFailure, err}
	}
	return nil
}

// complete completes the first argument by what a running server has; without one
// it would take a data directory to be opened, so then nothing is offered.
func (p *program) complete(path string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		next := cobra.ShellCompDirectiveDefault
		if len(args) > 0 || p.configure(cmd.Flags()) != nil {
			return nil, next
		}
		conn, err := net.Dial("unix", filepath.Join(p.config.Data, ember.SocketName))
		if err != nil {
			return nil, next
		}
		conn.Close()
		var all struct {
			Datasets []struct{ Name string }
			Jobs     []struct{ ID string }
			Data     []struct{ ID, Version string }
		}
		if err := p.with(cmd.Context(), func(c *client) error { return c.ask(cmd.Context(), http.MethodGet, path, nil, &all) }); err != nil {
			return nil, next
		}
		var names []string
		offer := func(name string) {
			if strings.HasPrefix(name, begun) {
				names = append(names, name)
			}
		}
		for _, d := range all.Datasets {
			offer(d.Name)
		}
		for _, j := range all.Jobs {
			offer(j.ID)
		}
		for _, m := range all.Data {
			if m.Version != "" {
				offer(m.ID)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
