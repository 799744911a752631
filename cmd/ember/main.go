// Command ember reads a hospital's FHIR resources and recommends treatments and
// next tests. Run `ember help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "unknown"

// Exit codes.
const (
	exitOK       = 0
	exitFailure  = 1 // something went wrong while working
	exitUsage    = 2 // the command line or configuration is wrong
	exitPartial  = 3 // some of the input was refused, the rest is stored
	exitNotFound = 4 // no such patient, model or file
	exitUnsafe   = 5 // refused for safety: address without tokens, wrong key, gate
)

// exitError carries the exit code that an error means.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

func failure(code int, format string, args ...any) error {
	return exitError{code, fmt.Errorf(format, args...)}
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "ember:", err)
	var exit exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	if errors.Is(err, context.Canceled) {
		return exitFailure
	}
	return exitUsage
}

func newRoot() *cobra.Command {
	p := &program{}
	root := &cobra.Command{
		Use:   "ember",
		Short: "Recommend treatments and next tests from a hospital's FHIR data",
		Long: `Ember reads FHIR R4 into one data directory, learns from it, and answers what
would be done next for a patient: treatments and tests, each with a probability,
its reasons and the safety rules that were checked.

Begin with a synthetic hospital:
  ember synth --patients 2000 --seed 1 hospital
  ember load hospital
  ember train
  ember serve

Or make a model of your own data for your own question:
  ember model new tabular
  ember model train tabular.toml
  ember model list

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 part of the input was refused,
4 not found, 5 refused for safety.`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.configure(cmd.Flags()) },
	}
	flags := root.PersistentFlags()
	flags.String("data", "ember-data", "data directory")
	flags.String("config", "", "configuration file (default: ember.toml here or in the data directory)")
	flags.Bool("json", false, "print JSON")
	flags.Bool("quiet", false, "no progress")
	flags.String("log-level", "warn", "debug, info, warn or error")
	root.AddCommand(p.synth(), p.load(), p.train(), p.eval(), p.serve(), p.recommend(), p.search(), p.view(), p.validate(), p.cohort(), p.export(),
		p.reindex(), p.backup(), p.restore(), p.erase(), p.dataset(), p.job(), p.model(), p.ehr(), p.doctor(), p.version(), p.demo(), p.trainChild())
	return root
}
