// Command aiaas measures the text families of room aiaas on a public task: the
// CCSR category of an ICD-10-CM code from its title alone, beside scikit-learn's
// linear SVM on the same titles (baseline.py, whose answers it reads).
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
	folder := flag.String("terminology", "../shared/data/terminology", "folder with icd10cm-2024.tsv.gz and icd10cm-to-ccsr-default.tsv.gz")
	split := flag.String("split", "category", "code or category")
	baseline := flag.String("baseline", "", "answers of baseline.py for the same split")
	only := flag.String("only", "", "families to choose among, with commas; empty = all for texts")
	background := flag.Bool("background", false, "give the titles of ICD-9-CM as texts without labels")
	threads := flag.Int("threads", 2, "threads")
	flag.Parse()
	if err := run(context.Background(), *folder, *split, *baseline, *only, *background, *threads); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// heldOut is the 20 % of keys that a split keeps.
func heldOut(key string) bool {
	h := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(h[:])%100 >= 80
}

func run(ctx context.Context, folder, split, baseline, only string, background bool, threads int) error {
	d, codes, err := titles(folder)
	if err != nil {
		return err
	}
	key := func(i int) string {
		if split == "code" {
			return codes[i]
		}
		return codes[i][:3]
	}
	var fit, check, train, test []int
	for i := range codes {
		switch {
		case heldOut("ember-v1:" + key(i)):
			test = append(test, i)
			continue
		case heldOut("ember-v1:inner:" + key(i)):
			check = append(check, i)
		default:
			fit = append(fit, i)
		}
		train = append(train, i)
	}
	more := 0
	if background {
		if more, err = addBackground(d, folder); err != nil {
			return err
		}
	}
	extra := make([]int, more)
	for k := range extra {
		extra[k] = len(codes) + k
	}
	fmt.Printf("%s: %d titles of %d classes, %d to train on (%d + %d inner), %d to test on, %d without labels\n",
		split, len(codes), len(d.Classes), len(train), len(fit), len(check), len(test), more)
	family, err := choose(ctx, d, slices.Concat(fit, extra), check, only, threads)
	if err != nil {
		return err
	}
	right, err := measure(ctx, family, d, slices.Concat(train, extra), test, threads)
	if err != nil {
		return err
	}
	group := units(split, codes, test)
	fmt.Printf("%s, %s: %s on %d titles\n", split, family.Name, learn.Mean(right, group, 2000, 1), len(test))
	if baseline == "" {
		return nil
	}
	theirs, err := answers(baseline, d, codes, test)
	if err != nil {
		return err
	}
	diff, p := learn.DiffP(right, theirs, group, 5000, 1)
	fmt.Printf("baseline: %s\ndifference: %s, p = %.4f\n", learn.Mean(theirs, group, 2000, 1), diff, p)
	return nil
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
func choose(ctx context.Context, d *aiaas.Dataset, fit, check []int, only string, threads int) (aiaas.Family, error) {
	var top aiaas.Family
	most := -1.
	var candidates []aiaas.Family
	for _, f := range aiaas.Families() {
		asked := only == "" || slices.Contains(strings.Split(only, ","), f.Name)
		if f.Rank > 0 && asked && f.Accepts(d.Take(fit)) == nil {
			candidates = append(candidates, f)
		}
	}
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	for _, f := range candidates {
		right, err := measure(ctx, f, d, fit, check, threads)
		if err != nil {
			return top, err
		}
		e := learn.Mean(right, make([]int, len(right)), 0, 1)
		fmt.Printf("  %s: %.4f inner\n", f.Name, e.Value)
		if e.Value > most {
			top, most = f, e.Value
		}
	}
	return top, nil
}

// measure is which of the test titles the family gets right.
func measure(ctx context.Context, f aiaas.Family, d *aiaas.Dataset, train, test []int, threads int) ([]float64, error) {
	begin := time.Now()
	m, err := f.Fit(ctx, d.Take(train), aiaas.Fitting{Seed: 1, Threads: threads})
	if err != nil {
		return nil, err
	}
	t := d.Take(test)
	p, err := m.Predict(ctx, t)
	if err != nil {
		return nil, err
	}
	k := len(d.Classes)
	right := make([]float64, len(test))
	for i, of := range t.Labels {
		best := 0
		for c, v := range p[i*k : (i+1)*k] {
			if v > p[i*k+best] {
				best = c
			}
		}
		if best == of[0] {
			right[i] = 1
		}
	}
	fmt.Printf("  %s: fit and answers in %s\n", f.Name, time.Since(begin).Round(time.Second))
	return right, nil
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

// answers is which of the test titles the baseline gets right.
func answers(path string, d *aiaas.Dataset, codes []string, test []int) ([]float64, error) {
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
	right := make([]float64, len(test))
	for k, i := range test {
		answer, ok := said[codes[i]]
		if !ok {
			return nil, fmt.Errorf("%s has no answer for %s: another split?", path, codes[i])
		}
		if answer == d.Classes[d.Labels[i][0]] {
			right[k] = 1
		}
	}
	return right, nil
}
