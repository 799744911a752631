package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Models is one model asked by one client and by many.
type Models struct {
	Families []Asked `json:"families"`
	Clients  int     `json:"clients"`
}

// Asked is a family's throughput, requests of one sample a second, by turn.
type Asked struct {
	Family string    `json:"family"`
	One    []float64 `json:"one_client"`
	Many   []float64 `json:"many_clients"`
	OneCPU []float64 `json:"one_client_cpu_us"` // of the server, a request
	CPU    []float64 `json:"many_clients_cpu_us"`
}

const (
	askers  = 64
	askTime = 4 * time.Second
	samples = 600
)

func measureModels(ctx context.Context, b *bench) (any, error) {
	p, err := b.serve(ctx, filepath.Join(b.tmp, "models-data"))
	if err != nil {
		return nil, err
	}
	m := Models{Clients: askers}
	for _, family := range []string{"text-lstm", "cnn", "linear"} {
		a := Asked{Family: family}
		if err := p.makeModel(ctx, family); err != nil {
			_ = p.stop()
			return nil, err
		}
		if err := a.measure(ctx, b, p); err != nil {
			_ = p.stop()
			return nil, err
		}
		m.Families = append(m.Families, a)
	}
	return m, p.stop()
}

// makeModel trains a family on synthetic samples, quickly: how good it is does not
// matter here.
func (p *process) makeModel(ctx context.Context, family string) error {
	task, media, body, err := syntheticNotes()
	if family != "text-lstm" {
		task, media, body, err = syntheticImages()
	}
	if err != nil {
		return err
	}
	if err := p.send(ctx, "/v1/datasets/"+family+"?label=class&file=notes.csv&task="+task, media, body, nil); err != nil {
		return err
	}
	var job struct{ ID, State, Error string }
	request := fmt.Sprintf(`{"model":%q,"dataset":%q,"families":[%q],"folds":2,"seconds":60}`, family, family, family)
	if err := p.send(ctx, "/v1/jobs", "application/json", []byte(request), &job); err != nil {
		return err
	}
	for job.State != "done" {
		if job.Error != "" || ctx.Err() != nil {
			return fmt.Errorf("training %s: %s", family, job.Error)
		}
		time.Sleep(200 * time.Millisecond)
		if err := p.read(ctx, "/v1/jobs/"+job.ID, &job); err != nil {
			return err
		}
	}
	return p.send(ctx, "/v1/models/"+family+"/promote", "application/json", []byte(`{"version":"1","force":true}`), nil)
}

// syntheticImages are of two kinds, 28 × 28, in IDX.
func syntheticImages() (task, media string, body []byte, err error) {
	rng := rand.New(rand.NewPCG(1, 1))
	images := binary.BigEndian.AppendUint32(nil, 0x803)
	labels := binary.BigEndian.AppendUint32(nil, 0x801)
	for _, n := range []uint32{samples, 28, 28} {
		images = binary.BigEndian.AppendUint32(images, n)
	}
	labels = binary.BigEndian.AppendUint32(labels, samples)
	for i := range samples {
		for range 28 * 28 {
			images = append(images, byte(rng.IntN(160)+60*(i%2)))
		}
		labels = append(labels, byte(i%2))
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, content := range map[string][]byte{"images-idx3-ubyte": images, "labels-idx1-ubyte": labels} {
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			return "", "", nil, err
		}
		if _, err := part.Write(content); err != nil {
			return "", "", nil, err
		}
	}
	err = w.Close()
	return "image-classification", w.FormDataContentType(), form.Bytes(), err
}

// syntheticNotes are of two kinds, 40 words each.
func syntheticNotes() (task, media string, body []byte, err error) {
	rng := rand.New(rand.NewPCG(1, 1))
	b := []byte("note,class\n")
	for i := range samples {
		b = append(append(b, note(rng, i%2)...), fmt.Sprintf(",%d\n", i%2)...)
	}
	return "text-classification", "text/csv", b, nil
}

func note(rng *rand.Rand, kind int) string {
	var words []string
	for range 40 {
		words = append(words, fmt.Sprintf("word%d", 300*kind*rng.IntN(2)+rng.IntN(300)))
	}
	return strings.Join(words, " ")
}

func (p *process) send(ctx context.Context, path, media string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	return p.take(req, into)
}

func (p *process) read(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return err
	}
	return p.take(req, into)
}

func (p *process) take(req *http.Request, into any) error {
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s: %.300s", req.URL.Path, resp.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func (a *Asked) measure(ctx context.Context, b *bench, p *process) error {
	for turn := range b.turns + 1 {
		one, oneCPU, err := p.throughput(ctx, a.Family, 1)
		if err != nil {
			return err
		}
		many, cpu, err := p.throughput(ctx, a.Family, askers)
		if err != nil {
			return err
		}
		fmt.Printf("models, %s, turn %d: %.0f requests/s by one client, %.0f by %d; %.0f and %.0f µs of CPU\n", a.Family, turn, one, many, askers, oneCPU, cpu)
		if turn > 0 {
			a.One, a.Many = append(a.One, one), append(a.Many, many)
			a.OneCPU, a.CPU = append(a.OneCPU, oneCPU), append(a.CPU, cpu)
		}
	}
	return nil
}

// question is a request of one sample, images as binary tensors.
func question(family string) (body []byte, head int) {
	if family == "text-lstm" {
		text := note(rand.New(rand.NewPCG(2, 2)), 1)
		body = fmt.Appendf(nil, `{"inputs":[{"name":"note","shape":[1],"datatype":"BYTES","data":[%q]}]}`, text)
		return body, len(body)
	}
	body = []byte(`{"inputs":[{"name":"image","shape":[1,28,28],"datatype":"FP32","parameters":{"binary_data_size":3136}}],"outputs":[{"name":"probabilities","parameters":{"binary_data":true}}]}`)
	head = len(body)
	for i := range 28 * 28 {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(float32(i%97)/97))
	}
	return body, head
}

// throughput is requests a second and the server's processor time for each, in
// microseconds.
func (p *process) throughput(ctx context.Context, model string, clients int) (rate, cpu float64, err error) {
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	n, err := p.asked(ctx, model, clients)
	if err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	after, err := p.cpu()
	return n / took.Seconds(), (after - before).Seconds() * 1e6 / n, err
}

// asked is how often clients got an answer in askTime; each asks for one sample
// again as soon as it has its answer.
func (p *process) asked(ctx context.Context, model string, clients int) (n float64, err error) {
	body, head := question(model)
	began := time.Now()
	var done atomic.Int64
	var wg sync.WaitGroup
	fails := make(chan error, clients)
	for range clients {
		c, err := dialRaw(ctx, p.base, "/v2/models/"+model+"/infer", body, "Inference-Header-Content-Length: "+strconv.Itoa(head))
		if err != nil {
			return 0, err
		}
		defer c.close()
		wg.Go(func() {
			for time.Since(began) < askTime {
				if err := c.ask(); err != nil {
					fails <- err
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-fails:
		return 0, err
	default:
		return float64(done.Load()), nil
	}
}
