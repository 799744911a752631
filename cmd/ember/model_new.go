package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ember/aiaas"
)

//go:embed templates/*.toml
var templates embed.FS

// tasks are the names of all tasks.
func tasks() (names []string) {
	for t := aiaas.Text; t <= aiaas.Tabular; t++ {
		names = append(names, t.String())
	}
	return names
}

func (p *program) modelNew() *cobra.Command {
	return &cobra.Command{
		Use: "new TASK [DIR]", Short: "Write a job file to fill in, with everything that can be said", Args: cobra.RangeArgs(1, 2),
		Long:      "Write a job file for a task: " + strings.Join(tasks(), ", ") + ".\nEvery setting is in it, explained; what is commented out is the default or an example.",
		Example:   "  ember model new tabular\n  ember model new image-classification xrays",
		ValidArgs: tasks(),
		RunE: func(_ *cobra.Command, args []string) error {
			template, err := templates.ReadFile("templates/" + args[0] + ".toml")
			if err != nil {
				return failure(exitUsage, "there is no task %s: the tasks are %s", args[0], strings.Join(tasks(), ", "))
			}
			dir := append(args, ".")[1]
			path := filepath.Join(dir, args[0]+".toml")
			if err := writeNew(path, template); err != nil {
				return err
			}
			return p.print(map[string]string{"path": path}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is written. Name your data in it, then:\n  ember model train %s\n", path, path)
			})
		},
	}
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return exitError{exitFailure, err}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return failure(exitFailure, "%s is there already: it is not written over", path)
	}
	if err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return exitError{exitFailure, err}
	}
	return nil
}
