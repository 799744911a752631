// Command ehr is an EHR to try Ember's client against: FHIR R4 over a folder of NDJSON,
// SMART Backend Services, bulk export, subscriptions; and it misbehaves as told.
//
//	go run ./cmd/ember synth --patients 100 hospital
//	go run ./cmd/ember ehr key ehr-key.json > jwks.json
//	go run ./bench/ehr -addr 127.0.0.1:8081 -client ember=jwks.json hospital
//	go run ./bench/ehr -faults '{"Cut": 3, "Busy": {"file": 2}}' hospital
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ember/ehr/ehrtest"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:8081", "HOST:PORT to listen on")
	clients := flag.String("client", "", "ID=FILE with the client's JWK Set; several by commas; none: no tokens are needed")
	faults := flag.String("faults", "{}", "how to misbehave: the fields of ehrtest.Faults, as JSON")
	life := flag.Duration("token-life", 5*time.Minute, "how long a token is good")
	size := flag.Int("file-size", 1000, "resources in a file of an export")
	heartbeat := flag.Duration("heartbeat", 0, "between two heartbeats of subscriptions, 0 = none")
	flag.Parse()
	opt := ehrtest.Options{Life: *life, FileSize: *size, Clients: map[string][]byte{}}
	for c := range strings.SplitSeq(*clients, ",") {
		if c == "" {
			continue
		}
		id, file, ok := strings.Cut(c, "=")
		if !ok {
			return fmt.Errorf("-client: want ID=FILE")
		}
		keys, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		opt.Clients[id] = keys
	}
	s := ehrtest.New(opt)
	var f ehrtest.Faults
	if err := json.Unmarshal([]byte(*faults), &f); err != nil {
		return fmt.Errorf("-faults: %w", err)
	}
	s.Set(func(to *ehrtest.Faults) { *to = f })
	if err := load(s, flag.Args()); err != nil {
		return err
	}
	if *heartbeat > 0 {
		go func() {
			for range time.Tick(*heartbeat) {
				s.Heartbeat()
			}
		}()
	}
	log.Printf("an EHR on http://%s/fhir", *addr)
	return http.ListenAndServe(*addr, s)
}

// load takes the NDJSON files of folders.
func load(s *ehrtest.Server, dirs []string) error {
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
		if err != nil {
			return err
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := s.Load(b); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}
