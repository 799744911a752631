package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	cdsResources = 200 // of a prefetch
	cdsRate      = 50  // requests a second of the open loop
	cdsClients   = 8   // that find the sustainable rate
	cdsDeadline  = 400 * time.Millisecond
	cdsOverload  = 5
)

// CDS is patient-view by CDS Hooks, with all that is known in the prefetch.
type CDS struct {
	Patients  int       `json:"patients"`
	Bytes     float64   `json:"bytes"`     // of a request, mean
	CPU       []float64 `json:"cpu_ms"`    // milliseconds of processor time a request, by turn
	Speaks    float64   `json:"speaks"`    // share of patients there is something to say about, when nothing else is asked
	Open      []Hooked  `json:"open_loop"` // cdsRate a second
	Rate      float64   `json:"rate"`      // answers a second that clients who wait for theirs get
	Overload  Hooked    `json:"overload"`  // cdsOverload times that
	Deadline  float64   `json:"deadline_ms"`
	Clients   int       `json:"clients"`
	Resources int       `json:"resources"`
}

// Hooked is an open loop of hook calls.
type Hooked struct {
	Latency
	Offered float64 `json:"offered"` // requests a second
	Cards   float64 `json:"cards"`   // share of answers with cards, where there is something to say
	Told    float64 `json:"told"`    // answers with cards a second
	Late    int     `json:"late"`    // answers later than the deadline and a tenth of it
}

// call is one request and whether there is something to say.
type call struct {
	patient string
	body    []byte
	speaks  bool
}

func measureCDS(ctx context.Context, b *bench) (any, error) {
	data := filepath.Join(b.tmp, "cds-data")
	if _, err := b.synth(ctx, "full", askPatients, 1); err != nil {
		return nil, err
	}
	if err := b.ember1(ctx, data, "load", filepath.Join(b.tmp, "full")); err != nil {
		return nil, err
	}
	if err := b.ember1(ctx, data, "train"); err != nil {
		return nil, err
	}
	strangers, err := b.synth(ctx, "full", askPatients, 2)
	if err != nil {
		return nil, err
	}
	p, err := b.serve(ctx, data)
	if err != nil {
		return nil, err
	}
	m := CDS{Deadline: float64(cdsDeadline.Milliseconds()), Clients: cdsClients, Resources: cdsResources}
	err = m.measure(ctx, b, p, strangers)
	return m, errors.Join(err, p.stop())
}

func (m *CDS) measure(ctx context.Context, b *bench, p *process, files []string) error {
	if err := p.indexed(ctx); err != nil {
		return err
	}
	keys, err := p.prefetchKeys(ctx)
	if err != nil {
		return err
	}
	calls, err := hookCalls(files, keys)
	if err != nil {
		return err
	}
	m.Patients = len(calls)
	for i := range calls {
		m.Bytes += float64(len(calls[i].body)) / float64(len(calls))
	}
	for turn := range b.turns + 1 {
		cpu, err := p.hookOneByOne(ctx, calls)
		if err != nil {
			return err
		}
		open, err := p.hookLoop(ctx, calls, cdsRate, loopTime)
		if err != nil {
			return err
		}
		fmt.Printf("cds, turn %d: %.2f ms of CPU, open loop p99 %.2f ms, %.3f with cards\n", turn, cpu, open.P99, open.Cards)
		if turn > 0 {
			m.CPU, m.Open = append(m.CPU, cpu), append(m.Open, open)
		}
	}
	m.Speaks = share(calls)
	if m.Rate, err = p.hookClosed(ctx, calls, cdsClients, loopTime/4); err != nil {
		return err
	}
	m.Overload, err = p.hookLoop(ctx, calls, cdsOverload*m.Rate, loopTime/4)
	return err
}

func share(calls []call) float64 {
	n := 0
	for _, c := range calls {
		if c.speaks {
			n++
		}
	}
	return float64(n) / float64(len(calls))
}

// prefetchKeys are the keys of the treatments service with the type each asks for.
func (p *process) prefetchKeys(ctx context.Context) (map[string]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/cds-services", nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var discovery struct {
		Services []struct {
			ID       string            `json:"id"`
			Prefetch map[string]string `json:"prefetch"`
		} `json:"services"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&discovery); err != nil {
		return nil, err
	}
	for _, s := range discovery.Services {
		if s.ID == "treatments" {
			keys := map[string]string{}
			for key, query := range s.Prefetch {
				keys[key] = query[:strings.IndexAny(query+"?", "?/")]
			}
			return keys, nil
		}
	}
	return nil, errors.New("discovery lists no service treatments")
}

// hookCalls are requests about every patient of the files of whom there are enough
// resources of the types that are asked for: the last of them, and the patient.
func hookCalls(files []string, keys map[string]string) ([]call, error) {
	patients, records := map[string]json.RawMessage{}, map[string]map[string][]json.RawMessage{}
	for _, file := range files {
		typ := typeOf(file)
		if err := eachLine(file, func(line []byte) error {
			var r struct {
				ID      string `json:"id"`
				Subject struct {
					Reference string `json:"reference"`
				} `json:"subject"`
				Patient struct {
					Reference string `json:"reference"`
				} `json:"patient"`
			}
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			if typ == "Patient" {
				patients[r.ID] = bytes.Clone(line)
				return nil
			}
			id := strings.TrimPrefix(cmp.Or(r.Subject.Reference, r.Patient.Reference), "Patient/")
			if records[id] == nil {
				records[id] = map[string][]json.RawMessage{}
			}
			records[id][typ] = append(records[id][typ], bytes.Clone(line))
			return nil
		}); err != nil {
			return nil, err
		}
	}
	var calls []call
	for id, patient := range patients {
		if body, ok := hookBody(id, patient, records[id], keys); ok {
			calls = append(calls, call{patient: id, body: body})
		}
	}
	slices.SortFunc(calls, func(a, b call) int { return strings.Compare(a.patient, b.patient) })
	if len(calls) == 0 {
		return nil, fmt.Errorf("no patient has %d resources", cdsResources)
	}
	return calls, nil
}

// hookBody is a request with exactly cdsResources resources, or none if there are not
// enough; what is over is left out of the kind there is most of. INSTANCE stands where
// every request has a hookInstance of its own.
func hookBody(id string, patient json.RawMessage, record map[string][]json.RawMessage, keys map[string]string) ([]byte, bool) {
	prefetch, asked, n := map[string]any{}, map[string][]json.RawMessage{}, 1
	for _, typ := range keys {
		if _, ok := asked[typ]; !ok && typ != "Patient" {
			asked[typ] = record[typ]
			n += len(record[typ])
		}
	}
	if n < cdsResources {
		return nil, false
	}
	for ; n > cdsResources; n-- {
		most := ""
		for typ := range asked {
			if len(asked[typ]) > len(asked[most]) {
				most = typ
			}
		}
		asked[most] = asked[most][1:]
	}
	for key, typ := range keys {
		if typ == "Patient" {
			prefetch[key] = patient
			continue
		}
		entries := []any{}
		for _, r := range asked[typ] {
			entries = append(entries, map[string]any{"resource": r})
		}
		delete(asked, typ) // a second key of the type gets none of them again
		prefetch[key] = map[string]any{"resourceType": "Bundle", "type": "searchset", "entry": entries}
	}
	body, err := json.Marshal(map[string]any{"hook": "patient-view", "hookInstance": "INSTANCE",
		"context": map[string]any{"userId": "Practitioner/1", "patientId": id}, "prefetch": prefetch})
	return body, err == nil
}

var instances atomic.Int64

// hook makes one call and reports whether there were cards.
func (p *process) hook(ctx context.Context, c *call) (status int, cards bool, err error) {
	instance := fmt.Appendf(nil, "00000000-0000-4000-8000-%012d", instances.Add(1))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/cds-services/treatments", bytes.NewReader(bytes.Replace(c.body, []byte("INSTANCE"), instance, 1)))
	if err != nil {
		return 0, false, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, bytes.Contains(answer, []byte(`"summary"`)), err
}

// hookOneByOne makes each call once, with nothing beside it, and notes whether there is
// something to say; cpu is milliseconds of processor time a call.
func (p *process) hookOneByOne(ctx context.Context, calls []call) (cpu float64, err error) {
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	for i := range calls {
		status, cards, err := p.hook(ctx, &calls[i])
		if err != nil {
			return 0, err
		}
		if status != http.StatusOK {
			return 0, fmt.Errorf("patient-view was answered by %d", status)
		}
		calls[i].speaks = cards
	}
	after, err := p.cpu()
	return (after - before).Seconds() * 1e3 / float64(len(calls)), err
}

// hookLoop sends calls at times fixed beforehand.
func (p *process) hookLoop(ctx context.Context, calls []call, rate float64, during time.Duration) (Hooked, error) {
	var (
		mu                    sync.Mutex
		took                  []time.Duration
		refused, told, spoken int
		fails                 error
		h                     = Hooked{Offered: rate}
	)
	atRate(ctx, rate, during, func(i int, due time.Time) {
		c := &calls[i*7919%len(calls)]
		status, cards, err := p.hook(ctx, c)
		d := time.Since(due)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			fails = err
			return
		}
		took = append(took, d)
		if status != http.StatusOK {
			refused++
		}
		if d > cdsDeadline+cdsDeadline/10 {
			h.Late++
		}
		if c.speaks {
			spoken++
		}
		if cards {
			told++
		}
	})
	h.Latency = latency(took, refused)
	h.Cards, h.Told = float64(told)/float64(max(spoken, 1)), float64(told)/during.Seconds()
	return h, fails
}

// hookClosed has clients that each wait for their answer, and gives answers a second.
func (p *process) hookClosed(ctx context.Context, calls []call, clients int, during time.Duration) (float64, error) {
	var wg sync.WaitGroup
	var answers, next atomic.Int64
	errs := make([]error, clients)
	end := time.Now().Add(during)
	for i := range clients {
		wg.Go(func() {
			for time.Now().Before(end) && errs[i] == nil {
				_, cards, err := p.hook(ctx, &calls[int(next.Add(1))*7919%len(calls)])
				if errs[i] = err; cards {
					answers.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(answers.Load()) / during.Seconds(), errors.Join(errs...)
}
