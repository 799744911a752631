package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"ember"
)

// program is what all commands share.
type program struct {
	config ember.Config
	json   bool
	quiet  bool
}

// configure merges, weakest first: defaults, the configuration file, EMBER_*
// variables, flags that were given.
func (p *program) configure(flags *pflag.FlagSet) error {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(ember.Defaults(), "koanf"), nil); err != nil {
		return failure(exitUsage, "configuration: defaults: %w", err)
	}
	path, err := configFile(flags)
	if err != nil {
		return err
	}
	if path != "" {
		if err := k.Load(file.Provider(path), toml.Parser()); err != nil {
			return failure(exitUsage, "configuration: %s: %w", path, err)
		}
	}
	variables := env.Provider(".", env.Opt{Prefix: "EMBER_", TransformFunc: func(name, value string) (string, any) {
		return settingOf(name), value
	}})
	if err := k.Load(variables, nil); err != nil {
		return failure(exitUsage, "configuration: environment: %w", err)
	}
	if err := k.Load(posflag.Provider(flags, ".", k), nil); err != nil {
		return failure(exitUsage, "configuration: flags: %w", err)
	}
	if err := k.Unmarshal("", &p.config); err != nil {
		return failure(exitUsage, "configuration: %w", err)
	}
	if err := checkKeys(path); err != nil {
		return err
	}
	p.json, p.quiet = k.Bool("json"), k.Bool("quiet")
	var level slog.Level
	if err := level.UnmarshalText([]byte(k.String("log-level"))); err != nil {
		return failure(exitUsage, "configuration: log-level: debug, info, warn or error")
	}
	p.config.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if err := p.warnOfVariables(os.Environ()); err != nil {
		return err
	}
	if err := p.config.Validate(); err != nil {
		return failure(exitUsage, "%w", err)
	}
	return nil
}

// checkKeys refuses a file with a key that does not exist: a misspelt safety
// setting must not be silently ignored.
func checkKeys(path string) error {
	if path == "" {
		return nil
	}
	known, err := settings()
	if err != nil {
		return err
	}
	given := koanf.New(".")
	if err := given.Load(file.Provider(path), toml.Parser()); err != nil {
		return failure(exitUsage, "configuration: %s: %w", path, err)
	}
	var unknown []string
	for _, key := range given.Keys() {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		return failure(exitUsage, "configuration: %s: unknown settings: %s", path, strings.Join(unknown, ", "))
	}
	return nil
}

// settings are the names of all settings.
func settings() (map[string]bool, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(ember.Defaults(), "koanf"), nil); err != nil {
		return nil, failure(exitUsage, "configuration: defaults: %w", err)
	}
	known := map[string]bool{"json": true, "quiet": true, "log-level": true, "config": true}
	for _, key := range k.Keys() {
		known[key] = true
	}
	return known, nil
}

// warnOfVariables names variables that look like settings and are none. They are
// no reason to stop: an orchestrator sets EMBER_PORT for a service named ember.
func (p *program) warnOfVariables(environ []string) error {
	known, err := settings()
	if err != nil {
		return err
	}
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "EMBER_") && !known[settingOf(name)] {
			p.config.Log.Warn("this variable is no setting and is ignored", "variable", name)
		}
	}
	return nil
}

// settingOf is the setting that a variable sets: EMBER_MAX_BODY sets max-body.
func settingOf(variable string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, "EMBER_")), "_", "-")
}

func configFile(flags *pflag.FlagSet) (string, error) {
	path, err := flags.GetString("config")
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	if path == "" {
		path = os.Getenv("EMBER_CONFIG")
	}
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", failure(exitUsage, "configuration: %w", err)
		}
		return path, nil
	}
	data, err := flags.GetString("data")
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	if set := os.Getenv("EMBER_DATA"); set != "" && !flags.Changed("data") {
		data = set
	}
	for _, path := range []string{"ember.toml", filepath.Join(data, "ember.toml")} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", failure(exitUsage, "configuration: %w", err)
		}
	}
	return "", nil
}
