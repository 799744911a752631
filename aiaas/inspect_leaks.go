package aiaas

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
)

// A column is suspect when it alone takes away this share of the errors that are
// left to the most frequent class, or of the spread of a number.
const suspectShare = .9

// leaks looks for columns, and gaps in columns, that predict the label almost
// alone. Each sample is predicted by the others of its value or range.
func (in *inspection) leaks(context.Context) error {
	in.leaky = make(map[string]bool)
	rows := in.d.Labelled()
	if len(rows) < 50 || in.d.Multi {
		return nil
	}
	for k := range in.d.Columns {
		c := &in.d.Columns[k]
		if s := in.alone(rows, in.binsOf(c, rows)); s >= suspectShare {
			in.leaky[c.Name] = true
			in.find(LeakColumn, c.Name, nil, s, "column %q alone predicts the label: it takes away %.0f %% of the errors", c.Name, 100*s)
			continue
		}
		gaps := make([]int, len(rows))
		for a, i := range rows {
			if c.Absent(i) {
				gaps[a] = 1
			}
		}
		if s := in.alone(rows, gaps); s >= suspectShare {
			in.leaky[c.Name] = true
			in.find(LeakColumn, c.Name, nil, s, "whether column %q has a value predicts the label: it takes away %.0f %% of the errors", c.Name, 100*s)
		}
	}
	return nil
}

// binsOf deals the samples into the values of a category or 32 ranges of a
// number; nil for other kinds.
func (in *inspection) binsOf(c *Column, rows []int) []int {
	bins := make([]int, len(rows))
	switch c.Kind {
	case Category:
		at := make(map[string]int)
		for a, i := range rows {
			if !c.Absent(i) {
				if at[c.Text[i]] == 0 {
					at[c.Text[i]] = len(at) + 1
				}
				bins[a] = at[c.Text[i]]
			}
		}
	case Number, Date:
		var values []float64
		for _, i := range rows {
			if v, ok := known(c, i); ok {
				values = append(values, v)
			}
		}
		slices.Sort(values)
		distinct := slices.Compact(slices.Clone(values))
		for a, i := range rows {
			v, ok := known(c, i)
			if !ok {
				continue
			}
			at, _ := slices.BinarySearch(values, v)
			if bins[a] = 1 + at*32/len(values); len(distinct) <= 32 {
				at, _ = slices.BinarySearch(distinct, v)
				bins[a] = 1 + at
			}
		}
	default:
		return nil
	}
	return bins
}

// alone is the share of errors, or of spread, that bins take away when each
// sample is predicted by the others of its bin.
func (in *inspection) alone(rows, bins []int) float64 {
	if bins == nil {
		return 0
	}
	if in.d.Target != nil {
		return in.spreadAlone(rows, bins)
	}
	count := make(map[[2]int]int) // bin, class
	total := make(map[int]int)
	for a, i := range rows {
		count[[2]int{bins[a], in.d.Labels[i][0]}]++
		total[in.d.Labels[i][0]]++
	}
	top := 0
	for _, n := range total {
		top = max(top, n)
	}
	wrong := 0
	for a, i := range rows {
		y := in.d.Labels[i][0]
		mine := count[[2]int{bins[a], y}] - 1
		for c := range in.d.Classes {
			if c != y && count[[2]int{bins[a], c}] >= mine {
				wrong++
				break
			}
		}
		if mine == 0 && len(in.d.Classes) == 1 {
			wrong++
		}
	}
	base := len(rows) - top
	if base == 0 {
		return 0
	}
	return 1 - float64(wrong)/float64(base)
}

func (in *inspection) spreadAlone(rows, bins []int) float64 {
	sum, n := make(map[int]float64), make(map[int]float64)
	var all, squares float64
	for a, i := range rows {
		v := in.d.Target[i]
		sum[bins[a]] += v
		n[bins[a]]++
		all += v / float64(len(rows))
	}
	left := 0.
	for a, i := range rows {
		v, b := in.d.Target[i], bins[a]
		others := all
		if n[b] > 1 {
			others = (sum[b] - v) / (n[b] - 1)
		}
		left += (v - others) * (v - others)
		squares += (v - all) * (v - all)
	}
	if squares == 0 {
		return 0
	}
	return 1 - left/squares
}

// order looks whether the rows, or the subjects' names, are sorted by label.
func (in *inspection) order(context.Context) error {
	if in.d.Labels == nil || in.d.Multi {
		return nil
	}
	var rows []int // the first of each subject
	seen := make(map[string]bool)
	named := false
	for _, i := range in.d.Labelled() {
		if !seen[in.d.Subject[i]] {
			seen[in.d.Subject[i]] = true
			rows = append(rows, i)
		}
		named = named || in.d.Subject[i] != in.d.Places[i].String()
	}
	if len(rows) < 40 {
		return nil
	}
	if in.d.Places[rows[0]].Line > 0 {
		if s := in.sorted(rows); s > .8 {
			in.find(LeakOrder, "", nil, s, "the samples are sorted by label: do not let their order or their numbers be inputs")
		}
	}
	if !named {
		return nil
	}
	slices.SortStableFunc(rows, func(a, b int) int { return natural(in.d.Subject[a], in.d.Subject[b]) })
	if s := in.sorted(rows); s > .8 {
		in.find(LeakOrder, "", nil, s, "the names of subjects are sorted by label: they tell it")
	}
	return nil
}

// sorted is 1 − the changes of label from one sample to the next over those that
// chance would give.
func (in *inspection) sorted(rows []int) float64 {
	count := make(map[int]float64)
	changes := 0.
	for a, i := range rows {
		count[in.d.Labels[i][0]]++
		if a > 0 && in.d.Labels[i][0] != in.d.Labels[rows[a-1]][0] {
			changes++
		}
	}
	n := float64(len(rows))
	chance := 1.
	for _, c := range count {
		chance -= c / n * (c / n)
	}
	if chance*n < 10 {
		return 0
	}
	return 1 - changes/(chance*n)
}

// natural orders names as people do: p2 before p10.
func natural(a, b string) int {
	head := func(s string) (string, int) {
		k := len(s)
		for k > 0 && s[k-1] >= '0' && s[k-1] <= '9' && len(s)-k < 15 {
			k--
		}
		n, err := strconv.Atoi(s[k:])
		if err != nil {
			n = -1
		}
		return s[:k], n
	}
	ha, na := head(a)
	hb, nb := head(b)
	return cmp.Or(cmp.Compare(ha, hb), cmp.Compare(na, nb), cmp.Compare(a, b))
}

// named looks for classes that the texts name, and for single words that stand
// for a class. A word is told only if ten subjects have it.
func (in *inspection) named(context.Context) error {
	if in.d.Labels == nil || len(in.d.Of(FreeText)) == 0 {
		return nil
	}
	rows := in.d.Labelled()
	texts := make([]string, in.Samples)
	for _, i := range rows {
		texts[i] = " " + strings.Join(splitWords(in.d.Texts(i)), " ") + " "
	}
	for c, name := range in.d.Classes {
		in.nameIn(c, name, rows, texts)
	}
	in.words(rows, texts)
	return nil
}

func (in *inspection) nameIn(c int, name string, rows []int, texts []string) {
	phrase := " " + strings.Join(splitWords(name), " ") + " "
	if len(phrase) < 6 {
		return
	}
	var inside []int
	with, all := 0, 0
	for _, i := range rows {
		has, of := strings.Contains(texts[i], phrase), slices.Contains(in.d.Labels[i], c)
		if has {
			with++
		}
		if of {
			all++
		}
		if has && of {
			inside = append(inside, i)
		}
	}
	if n := len(inside); n >= 5 && n*10 >= 3*all && n*10 >= 8*with && all*5 < 4*len(rows) {
		in.find(LeakText, "", inside, float64(n)/float64(all), "%d of the %d texts of class %q name it, and few others do", n, all, name)
	}
}

// words looks for words that a class of at least a twentieth of the samples has
// and no other.
func (in *inspection) words(rows []int, texts []string) {
	members := make([]int, len(in.d.Classes))
	for _, i := range rows {
		for _, c := range in.d.Labels[i] {
			members[c]++
		}
	}
	for c, name := range in.d.Classes {
		if members[c] < max(20, len(rows)/20) || members[c]*10 > 9*len(rows) {
			continue
		}
		if w, score := in.wordOf(c, members[c], rows, texts); score >= .97 {
			in.find(LeakColumn, "", nil, score, "the word %q stands for class %q almost alone", w, name)
		}
	}
}

// wordOf is the word of ten subjects that stands for a class best, with its F1.
func (in *inspection) wordOf(c, members int, rows []int, texts []string) (word string, score float64) {
	type tally struct{ all, inside int }
	count := make(map[string]tally)
	each := func(i int, yield func(w string)) {
		words := strings.Fields(texts[i])
		slices.Sort(words)
		for _, w := range slices.Compact(words) {
			yield(w)
		}
	}
	for _, i := range rows {
		inside := 0
		if slices.Contains(in.d.Labels[i], c) {
			inside = 1
		}
		each(i, func(w string) { t := count[w]; count[w] = tally{t.all + 1, t.inside + inside} })
	}
	for _, w := range sortedKeys(count) {
		if f := 2 * float64(count[w].inside) / float64(count[w].all+members); f > score {
			word, score = w, f
		}
	}
	subjects := make(map[string]bool)
	for _, i := range rows {
		each(i, func(w string) {
			if w == word {
				subjects[in.d.Subject[i]] = true
			}
		})
	}
	if len(subjects) < 10 {
		return "", 0
	}
	return word, score
}
