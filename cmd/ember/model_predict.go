package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ember/aiaas"
)

// predictions are what the API says of samples, as far as a terminal shows it.
type predictions struct {
	Model       aiaas.Serving `json:"model"`
	Predictions []predicted   `json:"predictions"`
}

type predicted struct {
	Probabilities map[string]float64 `json:"probabilities"`
	Labels        []string           `json:"labels"`
	Value         *float64           `json:"value"`
	Explanation   *explanation       `json:"explanation"`
}

func (p *program) modelPredict() *cobra.Command {
	var version, class, heat string
	limit := 20
	c := &cobra.Command{
		Use: "predict NAME FILE", Short: "Ask a model about the samples of a file", Args: cobra.ExactArgs(2),
		Long: `Ask a model about samples in .csv, .tsv or .ndjson with the columns it was trained
on, an image (.png, .jpg, .dcm), IDX, .npz, or a .zip of images. --explain says what
speaks for a class, and what against it, of the first samples.`,
		Example: "  ember model predict readmission new.csv\n" +
			"  ember model predict readmission new.csv --explain top\n" +
			"  ember model predict xrays thorax.png --explain pneumonia --heat-map why.png\n" +
			"  ember model predict readmission new.csv --json | jq '.predictions[].labels'",
		ValidArgsFunction: p.complete("/v1/models"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"file": {filepath.Base(args[1])}}
			if version != "" {
				q.Set("version", version)
			}
			if heat != "" && class == "" {
				class = "top"
			}
			if class != "" {
				q.Set("explain", class)
			}
			if _, err := size(args[1:]); err != nil {
				return err
			}
			f, err := os.Open(args[1])
			if err != nil {
				return exitError{exitNotFound, err}
			}
			defer f.Close()
			return p.with(cmd.Context(), func(c *client) error {
				resp, err := c.send(cmd.Context(), http.MethodPost, modelPath(args[0], "predict")+"?"+q.Encode(), "application/octet-stream", f)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				return p.printPredictions(resp.Body, limit, heat)
			})
		},
	}
	c.Flags().StringVar(&version, "version", "", "the version to ask (default: the one that serves)")
	c.Flags().StringVar(&class, "explain", "", "say why: a class, or top for the likeliest one")
	c.Flags().StringVar(&heat, "heat-map", "", "of an image: write the first one to this .png, red where it speaks for the class, blue against")
	c.Flags().IntVar(&limit, "limit", limit, "samples to show, 0 = all")
	return c
}

func (p *program) printPredictions(r io.Reader, limit int, heat string) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return exitError{exitFailure, err}
	}
	var a predictions
	if err := json.Unmarshal(raw, &a); err != nil {
		return failure(exitFailure, "reading the answer: %w", err)
	}
	if heat != "" {
		if err := a.heatMap(heat); err != nil {
			return err
		}
	}
	if p.json {
		var v any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return exitError{exitFailure, err}
		}
		return p.print(v, nil)
	}
	return p.print(a, func(w io.Writer) { a.write(w, limit) })
}

func (a *predictions) heatMap(path string) error {
	for _, s := range a.Predictions {
		if s.Explanation != nil && s.Explanation.Image != nil {
			_, err := save(path, bytes.NewReader(s.Explanation.Image.PNG))
			return err
		}
	}
	return failure(exitUsage, "--heat-map is for models of images")
}
