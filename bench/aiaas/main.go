// Command aiaas measures the text families of room aiaas on a public task: the
// CCSR category of an ICD-10-CM code from its title alone, beside scikit-learn's
// linear SVM on the same titles (baseline.py, whose answers it reads). As
// "aiaas images" and "aiaas waves" it measures networks on images and beats. What
// is measured is printed as lines of JSON, which "aiaas page" makes a page of.
//
// Two splits: by code, and with whole three-character categories kept out. Our
// choice among families is made on an inner split of the training titles; the
// test titles are looked at once. With -background the titles of ICD-9-CM go in
// as texts without labels.
//
//	python bench/aiaas/baseline.py TERMINOLOGY category category.tsv
//	go run ./bench/aiaas -split category -baseline category.tsv
package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ember/aiaas"
	"ember/learn"
)

func main() {
	if len(os.Args) > 1 {
		other := map[string]func(context.Context, []string) error{"images": images, "waves": waves, "page": page}
		if run, ok := other[os.Args[1]]; ok {
			if err := run(context.Background(), os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	folder := flag.String("terminology", "../shared/data/terminology", "folder with icd10cm-2024.tsv.gz and icd10cm-to-ccsr-default.tsv.gz")
	split := flag.String("split", "category", "code or category")
	baseline := flag.String("baseline", "", "answers of baseline.py for the same split")
	out := flag.String("out", "", "file to write our answers to, in the baseline's form")
	given := flag.String("answers", "", "answers of -out to compare, instead of a fit")
	only := flag.String("only", "", "families to choose among, with commas; empty = all for texts")
	background := flag.Bool("background", false, "give the titles of ICD-9-CM as texts without labels")
	threads := flag.Int("threads", 2, "threads")
	flag.Parse()
	b := bench{folder: *folder, split: *split, baseline: *baseline, out: *out, given: *given, only: *only, background: *background, threads: *threads}
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// heldOut is the 20 % of keys that a split keeps.
func heldOut(key string) bool {
	h := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(h[:])%100 >= 80
}

// bench is what was asked for.
type bench struct {
	folder, split, baseline, out, given, only string
	background                                bool
	threads                                   int

	family string        // chosen
	took   time.Duration // its fit and answers
}

func (b *bench) run(ctx context.Context) error {
	d, codes, err := titles(b.folder)
	if err != nil {
		return err
	}
	fit, check, test := b.deal(codes)
	train := slices.Concat(fit, check)
	slices.Sort(train)
	var extra []int
	if b.background {
		more, err := addBackground(d, b.folder)
		if err != nil {
			return err
		}
		for k := range more {
			extra = append(extra, len(codes)+k)
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %d titles of %d classes, %d to train on (%d + %d inner), %d to test on, %d without labels\n",
		b.split, len(codes), len(d.Classes), len(train), len(fit), len(check), len(test), len(extra))
	if b.given == "" {
		family, err := b.choose(ctx, d, slices.Concat(fit, extra), check)
		if err != nil {
			return err
		}
		said, err := b.answer(ctx, family, d, slices.Concat(train, extra), test)
		if err != nil {
			return err
		}
		if b.given = b.out; b.given == "" {
			b.given = filepath.Join(os.TempDir(), "aiaas-answers.tsv")
		}
		if err := write(b.given, d, codes, test, said); err != nil {
			return err
		}
	}
	return b.compare(d, codes, test)
}

// deal is the inner split of the training titles, and the test titles.
func (b *bench) deal(codes []string) (fit, check, test []int) {
	for i, key := range codes {
		if b.split != "code" {
			key = key[:3]
		}
		switch {
		case heldOut("ember-v1:" + key):
			test = append(test, i)
		case heldOut("ember-v1:inner:" + key):
			check = append(check, i)
		default:
			fit = append(fit, i)
		}
	}
	return fit, check, test
}

// compare prints what our answers are worth, and beside the baseline's.
func (b *bench) compare(d *aiaas.Dataset, codes []string, test []int) error {
	ours, err := right(b.given, d, codes, test)
	if err != nil {
		return err
	}
	group := units(b.split, codes, test)
	part := "by code"
	if b.split != "code" {
		part = "categories kept out"
	}
	if b.background {
		part += ", titles of ICD-9-CM as texts without labels"
	}
	line := map[string]any{"data": "icd10cm-ccsr", "part": part, "samples": len(test), "family": b.family, "fitSeconds": b.took.Seconds(),
		"accuracy": learn.Mean(ours, group, 2000, 1)}
	if b.baseline == "" {
		return json.NewEncoder(os.Stdout).Encode(line)
	}
	theirs, err := right(b.baseline, d, codes, test)
	if err != nil {
		return err
	}
	diff, p := learn.DiffP(ours, theirs, group, 5000, 1)
	line["baseline"], line["difference"], line["p"] = learn.Mean(theirs, group, 2000, 1), diff, p
	return json.NewEncoder(os.Stdout).Encode(line)
}

func read(path string) ([][2]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var out [][2]string
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		if a, b, ok := strings.Cut(lines.Text(), "\t"); ok {
			out = append(out, [2]string{a, b})
		}
	}
	return out, lines.Err()
}

// titles is the dataset, its subjects the three-character categories, and the
// code of each sample.
func titles(folder string) (*aiaas.Dataset, []string, error) {
	names, err := read(filepath.Join(folder, "icd10cm-2024.tsv.gz"))
	if err != nil {
		return nil, nil, err
	}
	of, err := read(filepath.Join(folder, "icd10cm-to-ccsr-default.tsv.gz"))
	if err != nil {
		return nil, nil, err
	}
	class := make(map[string]string)
	for _, p := range of {
		class[p[0]] = p[1]
	}
	d := &aiaas.Dataset{Name: "titles", Task: aiaas.Text, Columns: []aiaas.Column{{Name: "title", Kind: aiaas.FreeText}}}
	var codes []string
	at := make(map[string]int)
	for _, p := range names {
		if c, ok := class[p[0]]; ok {
			codes = append(codes, p[0])
			d.Classes = append(d.Classes, c)
			d.Columns[0].Text = append(d.Columns[0].Text, p[1])
			d.Subject = append(d.Subject, p[0][:3])
			d.Places = append(d.Places, aiaas.Place{File: "icd10cm-2024.tsv.gz", Line: len(codes)})
		}
	}
	each := slices.Clone(d.Classes)
	slices.Sort(d.Classes)
	d.Classes = slices.Compact(d.Classes)
	for i, c := range d.Classes {
		at[c] = i
	}
	for _, c := range each {
		d.Labels = append(d.Labels, []int{at[c]})
	}
	return d, codes, nil
}

// addBackground appends the titles of ICD-9-CM as samples without labels, whose
// subjects are its three-digit categories.
func addBackground(d *aiaas.Dataset, folder string) (int, error) {
	n := 0
	for _, source := range [][2]string{{"icd9cm-v32-dx.tsv.gz", "9:"}, {"icd9cm-v32-procedures.tsv.gz", "9p:"}} {
		file, prefix := source[0], source[1]
		names, err := read(filepath.Join(folder, file))
		if err != nil {
			return 0, err
		}
		for k, p := range names {
			d.Columns[0].Text = append(d.Columns[0].Text, p[1])
			d.Subject = append(d.Subject, prefix+strings.SplitN(p[0], ".", 2)[0])
			d.Places = append(d.Places, aiaas.Place{File: file, Line: k + 1})
			d.Labels = append(d.Labels, nil)
			n++
		}
	}
	return n, nil
}

// choose is the family that is right most often on the inner split.
func (b *bench) choose(ctx context.Context, d *aiaas.Dataset, fit, check []int) (aiaas.Family, error) {
	var candidates []aiaas.Family
	for _, f := range aiaas.Families() {
		asked := b.only == "" || slices.Contains(strings.Split(b.only, ","), f.Name)
		if f.Rank > 0 && asked && f.Accepts(d.Take(fit)) == nil {
			candidates = append(candidates, f)
		}
	}
	if len(candidates) == 0 {
		return aiaas.Family{}, fmt.Errorf("no family for texts among %q", b.only)
	}
	top, most := candidates[0], -1
	for _, f := range candidates {
		if len(candidates) == 1 {
			break
		}
		said, err := b.answer(ctx, f, d, fit, check)
		if err != nil {
			return top, err
		}
		hits := 0
		for k, i := range check {
			if said[k] == d.Labels[i][0] {
				hits++
			}
		}
		fmt.Fprintf(os.Stderr, "  %s: %.4f inner\n", f.Name, float64(hits)/float64(len(check)))
		if hits > most {
			top, most = f, hits
		}
	}
	return top, nil
}

// answer is the class that the family, fitted to some titles, gives to others.
func (b *bench) answer(ctx context.Context, f aiaas.Family, d *aiaas.Dataset, train, test []int) ([]int, error) {
	begin := time.Now()
	m, err := f.Fit(ctx, d.Take(train), aiaas.Fitting{Seed: 1, Threads: b.threads})
	if err != nil {
		return nil, err
	}
	p, err := m.Predict(ctx, d.Take(test))
	if err != nil {
		return nil, err
	}
	k := len(d.Classes)
	said := make([]int, len(test))
	for i := range said {
		for c, v := range p[i*k : (i+1)*k] {
			if v > p[i*k+said[i]] {
				said[i] = c
			}
		}
	}
	b.family, b.took = f.Name, time.Since(begin)
	fmt.Fprintf(os.Stderr, "  %s: fit and answers in %s\n", f.Name, b.took.Round(time.Second))
	return said, nil
}

// write keeps answers in the form of the baseline's.
func write(path string, d *aiaas.Dataset, codes []string, test, said []int) error {
	var text strings.Builder
	for k, i := range test {
		fmt.Fprintf(&text, "%s\t%s\n", codes[i], d.Classes[said[k]])
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}

// units are what is resampled: titles, or the categories that were kept out.
func units(split string, codes []string, test []int) []int {
	group := make([]int, len(test))
	at := make(map[string]int)
	for k, i := range test {
		u := codes[i]
		if split != "code" {
			u = u[:3]
		}
		if _, ok := at[u]; !ok {
			at[u] = len(at)
		}
		group[k] = at[u]
	}
	return group
}

// right is which of the test titles the answers in a file get right.
func right(path string, d *aiaas.Dataset, codes []string, test []int) ([]float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	said := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if code, class, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			said[code] = class
		}
	}
	hits := make([]float64, len(test))
	for k, i := range test {
		answer, ok := said[codes[i]]
		if !ok {
			return nil, fmt.Errorf("%s has no answer for %s: another split?", path, codes[i])
		}
		if answer == d.Classes[d.Labels[i][0]] {
			hits[k] = 1
		}
	}
	return hits, nil
}
