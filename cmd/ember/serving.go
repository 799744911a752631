package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"ember"
	"ember/synth"
)

func (p *program) serve() *cobra.Command {
	c := &cobra.Command{
		Use: "serve", Short: "Answer over HTTP", Args: cobra.NoArgs,
		Long: `Serve the FHIR and recommendation API. The default listens on 127.0.0.1:8080; any
other than a loopback address is refused without a token file. Stops gracefully
on SIGTERM.`,
		Example: "  ember serve\n  ember serve --addr 0.0.0.0:8443 --token-file tokens.tsv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := ember.Open(cmd.Context(), p.config)
			if err != nil {
				return openFailure(err)
			}
			collectLess()
			err = app.Serve(cmd.Context(), func(addr net.Addr) {
				fmt.Fprintf(os.Stderr, "ember serves %s on http://%s\n", p.config.Data, addr)
			})
			return serveFailure(errors.Join(err, app.Close()))
		},
	}
	c.Flags().String("addr", ember.Defaults().Addr, "HOST:PORT to listen on")
	c.Flags().String("token-file", "", "who may do what")
	return c
}

// collectLess lets a server's heap grow to three times what is in use before the
// next collection, instead of twice: memory that a server has, for less processor
// time in a load. GOGC and GOMEMLIMIT, where set, go before.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

func serveFailure(err error) error {
	if err == nil {
		return nil
	}
	if ember.Refused(err) {
		return exitError{exitUnsafe, err}
	}
	return exitError{exitFailure, err}
}

func (p *program) demo() *cobra.Command {
	patients := 2000
	c := &cobra.Command{
		Use: "demo", Short: "Make, load, train and serve a synthetic hospital", Args: cobra.NoArgs,
		Example: "  ember demo --data demo-data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			app, err := ember.Open(cmd.Context(), p.config)
			if err != nil {
				return openFailure(err)
			}
			err = p.runDemo(cmd.Context(), app, patients)
			return serveFailure(errors.Join(err, app.Close()))
		},
	}
	c.Flags().IntVar(&patients, "patients", patients, "how many patients")
	c.Flags().String("addr", ember.Defaults().Addr, "HOST:PORT to listen on")
	return c
}

func (p *program) runDemo(ctx context.Context, app *ember.App, patients int) error {
	if err := p.prepareDemo(ctx, app, patients); err != nil {
		return err
	}
	patient, err := app.ExamplePatient()
	if err != nil {
		return err
	}
	shown := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = app.Serve(ctx, func(addr net.Addr) {
		go func() {
			err := p.showDemo(ctx, "http://"+addr.String(), patient)
			if err != nil {
				stop()
			}
			shown <- err
		}()
	})
	select {
	case failed := <-shown:
		return errors.Join(failed, err)
	default:
		return err
	}
}

// prepareDemo makes, loads and trains; what an earlier demo did is kept.
func (p *program) prepareDemo(ctx context.Context, app *ember.App, patients int) error {
	d := p.display()
	defer d.finish()
	if app.Trained() {
		fmt.Fprintf(os.Stderr, "%s is there already: not made again (make clean removes it)\n", p.config.Data)
		return nil
	}
	hospital := filepath.Join(p.config.Data, "hospital")
	if _, err := synth.Write(ctx, hospital, synth.Options{Patients: patients, Seed: 1, Until: today()}, func(done, total int) { d.show("making patients", done, total) }); err != nil {
		return err
	}
	loaded, err := app.Load(ctx, ember.LoadRequest{Paths: []string{hospital}, Wait: true}, d.show, nil)
	if err != nil {
		return err
	}
	trained, err := app.Train(ctx, d.show)
	if err != nil {
		return err
	}
	d.finish()
	printLoad(os.Stdout, loaded)
	printTrain(os.Stdout, trained)
	return nil
}

// today is where the demo's history ends, so that what it shows is of the moment.
func today() time.Time { return time.Now().UTC().Truncate(24 * time.Hour) }

// showDemo asks the server as anybody would, and says how.
func (p *program) showDemo(ctx context.Context, base, patient string) error {
	for _, want := range []string{"treatments", "tests"} {
		url := fmt.Sprintf("%s/v1/patients/%s/recommendations?want=%s&limit=5", base, patient, want)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		err = func() error {
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b, err := io.ReadAll(resp.Body)
				return errors.Join(fmt.Errorf("%s: %s: %s", url, resp.Status, outcomeText(b)), err)
			}
			fmt.Println()
			return p.printAnswer(resp.Body)
		}()
		if err != nil {
			return err
		}
		fmt.Printf("\n  curl '%s'\n", url)
	}
	fmt.Fprintf(os.Stderr, "\nserving on %s until Ctrl-C\n", base)
	return nil
}
