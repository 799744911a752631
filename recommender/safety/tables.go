package safety

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed tables/*.tsv
var tables embed.FS

// source is where tables are read from, and the hash of what was read.
type source struct {
	dir  string
	hash hash.Hash
}

// interaction: an active member of one side speaks against the other.
type interaction struct {
	rule, tier, text, source string
	left, right              []string
	isLeft, isRight          classSet
	washout                  [2]int // days after the end of a left, of a right
}

// crossAllergy: an allergy to a member of one speaks against the other.
type crossAllergy struct {
	rule, tier, text, source string
	allergen, drug           []string
}

type duplicate struct {
	rule, tier, text, source string
	classes                  []string
	in                       classSet
}

// usual: an ingredient, or the members of a class, of which two orders at once
// are usual: in different products, or, in a stay, as one and the same drug.
type usual struct {
	tier, text, source string
	class              string // "" when it is for one ingredient
	name               string
	stay               bool
}

// condition: a value set, or a value beyond a limit, speaks against a class.
type condition struct {
	rule, tier, text, source string
	drug                     []string
	set                      string // "" for a value
	value                    string
	above                    bool
	limit                    float64
	bit                      uint32 // of set
	at                       int    // of value in Checker.values
}

type value struct {
	name, unit string
	days       int
	loinc      []string
}

type duration struct {
	class string
	days  int
}

type interval struct {
	test, text, source string
	days               int
	codes              []string
}

// rows reads a table and hands over each row by column name.
func (s source) rows(name string, columns []string, each func(map[string]string) error) error {
	r, shown, err := s.open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := bufio.NewScanner(io.TeeReader(r, s.hash))
	header := false
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if !header {
			if header = true; !slices.Equal(cells, columns) {
				return fmt.Errorf("%s:%d: the columns must be %s", shown, n, strings.Join(columns, ", "))
			}
			continue
		}
		if len(cells) != len(columns) {
			return fmt.Errorf("%s:%d: %d columns instead of %d", shown, n, len(cells), len(columns))
		}
		row := make(map[string]string, len(cells))
		for i, c := range cells {
			row[columns[i]] = strings.TrimSpace(c)
		}
		if err := each(row); err != nil {
			return fmt.Errorf("%s:%d: %w", shown, n, err)
		}
	}
	return lines.Err()
}

func (s source) open(name string) (io.ReadCloser, string, error) {
	if s.dir != "" {
		path := filepath.Join(s.dir, name)
		f, err := os.Open(path)
		if err == nil {
			return f, path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	f, err := tables.Open("tables/" + name)
	return f, name, err
}

func tierOf(row map[string]string) (string, error) {
	switch t := row["tier"]; t {
	case Block, Warn, Info:
		return t, nil
	default:
		return "", fmt.Errorf("tier %q is none of block, warn, info", t)
	}
}

// mostDays is a century: durations stay far from overflow.
const mostDays = 36525

func number(row map[string]string, column string) (int, error) {
	n, err := strconv.Atoi(row[column])
	if err != nil || n < 0 || n > mostDays {
		return 0, fmt.Errorf("%s: %q is not a number of days", column, row[column])
	}
	return n, nil
}

// washoutOf reads "14", or "35/14" where the sides differ.
func washoutOf(row map[string]string) (days [2]int, err error) {
	left, right, differ := strings.Cut(row["washout"], "/")
	if !differ {
		right = left
	}
	for i, s := range []string{left, right} {
		if days[i], err = number(map[string]string{"washout": s}, "washout"); err != nil {
			return days, err
		}
	}
	return days, nil
}

func list(s string) []string { return strings.Split(s, "|") }

func (c *Checker) loadInteractions(s source) error {
	return s.rows("interactions.tsv", []string{"rule", "tier", "left", "right", "washout", "text", "source"}, func(r map[string]string) error {
		tier, err := tierOf(r)
		if err != nil {
			return err
		}
		days, err := washoutOf(r)
		if err != nil {
			return err
		}
		c.interactions = append(c.interactions, interaction{rule: r["rule"], tier: tier, text: r["text"], source: r["source"], left: list(r["left"]), right: list(r["right"]), washout: days})
		c.longest = max(c.longest, time.Duration(max(days[0], days[1]))*day)
		return c.knownClasses(list(r["left"]), list(r["right"]))
	})
}

func (c *Checker) loadAllergies(s source) error {
	return s.rows("allergies.tsv", []string{"rule", "tier", "allergen", "drug", "text", "source"}, func(r map[string]string) error {
		tier, err := tierOf(r)
		if err != nil {
			return err
		}
		c.allergies = append(c.allergies, crossAllergy{r["rule"], tier, r["text"], r["source"], list(r["allergen"]), list(r["drug"])})
		return c.knownClasses(list(r["allergen"]), list(r["drug"]))
	})
}

func (c *Checker) loadDuplicates(s source) error {
	return s.rows("duplicates.tsv", []string{"rule", "tier", "classes", "text", "source"}, func(r map[string]string) error {
		tier, err := tierOf(r)
		if err != nil {
			return err
		}
		c.duplicates = append(c.duplicates, duplicate{rule: r["rule"], tier: tier, text: r["text"], source: r["source"], classes: list(r["classes"])})
		return c.knownClasses(list(r["classes"]))
	})
}

func (c *Checker) loadUsual(s source) error {
	return s.rows("usual.tsv", []string{"drug", "where", "tier", "text", "source"}, func(r map[string]string) error {
		tier, err := tierOf(r)
		if err != nil {
			return err
		}
		row := usual{tier: tier, text: r["text"], source: r["source"], stay: r["where"] == "stay"}
		if !row.stay && r["where"] != "products" {
			return fmt.Errorf("where: %q is neither products nor stay", r["where"])
		}
		if class, ok := strings.CutPrefix(r["drug"], "class:"); ok {
			row.class = class
			c.usual = append(c.usual, row)
			return c.knownClasses([]string{class})
		}
		i, ok := c.terms.Ingredient(r["drug"])
		if !ok {
			return fmt.Errorf("%q is no ingredient", r["drug"])
		}
		row.name = i.Name
		c.usual = append(c.usual, row)
		return nil
	})
}

func (c *Checker) loadConditions(s source) error {
	return s.rows("conditions.tsv", []string{"rule", "tier", "when", "drug", "text", "source"}, func(r map[string]string) error {
		tier, err := tierOf(r)
		if err != nil {
			return err
		}
		cond := condition{rule: r["rule"], tier: tier, text: r["text"], source: r["source"], drug: list(r["drug"])}
		if err := cond.parse(r["when"]); err != nil {
			return err
		}
		c.conditions = append(c.conditions, cond)
		return c.knownClasses(cond.drug)
	})
}

// parse reads "set:asthma", "value:egfr<30", "value:potassium>5.5".
func (c *condition) parse(when string) (err error) {
	kind, rest, _ := strings.Cut(when, ":")
	switch kind {
	case "set":
		c.set = rest
		return nil
	case "value":
		i := strings.IndexAny(rest, "<>")
		if i > 0 {
			c.value, c.above = rest[:i], rest[i] == '>'
			if c.limit, err = strconv.ParseFloat(rest[i+1:], 64); err == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("when %q is neither set:NAME nor value:NAME<LIMIT", when)
}

func (c *Checker) loadValues(s source) error {
	return s.rows("values.tsv", []string{"value", "unit", "days", "loinc", "source"}, func(r map[string]string) error {
		days, err := number(r, "days")
		c.values = append(c.values, value{r["value"], r["unit"], days, list(r["loinc"])})
		return err
	})
}

func (c *Checker) loadDurations(s source) error {
	return s.rows("durations.tsv", []string{"class", "days", "source"}, func(r map[string]string) error {
		days, err := number(r, "days")
		if err != nil {
			return err
		}
		c.durations = append(c.durations, duration{r["class"], days})
		return c.knownClasses([]string{r["class"]})
	})
}

func (c *Checker) loadIntervals(s source) error {
	return s.rows("intervals.tsv", []string{"test", "days", "codes", "text", "source"}, func(r map[string]string) error {
		days, err := number(r, "days")
		c.intervals = append(c.intervals, interval{r["test"], r["text"], r["source"], days, list(r["codes"])})
		return err
	})
}

// knownClasses refuses a class without members: a misspelt class would never fire.
func (c *Checker) knownClasses(lists ...[]string) error {
	for _, classes := range lists {
		for _, class := range classes {
			class = strings.TrimPrefix(class, namedClass)
			if class == "" {
				continue
			}
			if len(c.terms.Class(class)) == 0 {
				return fmt.Errorf("the class %q has no members", class)
			}
		}
	}
	return nil
}

// resolve connects the rows of one table with those of others that they name.
func (c *Checker) resolve() error {
	if err := c.resolveClasses(); err != nil {
		return err
	}
	c.sets = []string{"pregnancy", "pregnancy-end"}
	for i := range c.conditions {
		cond := &c.conditions[i]
		if cond.set != "" {
			at := slices.Index(c.sets, cond.set)
			if at < 0 {
				at = len(c.sets)
				c.sets = append(c.sets, cond.set)
			}
			cond.bit = 1 << at
			continue
		}
		cond.at = slices.IndexFunc(c.values, func(v value) bool { return v.name == cond.value })
		if cond.at < 0 {
			return fmt.Errorf("conditions.tsv: %s: values.tsv has no value %q", cond.rule, cond.value)
		}
	}
	for of, n := range map[string]int{"value sets in conditions.tsv": len(c.sets), "rows in values.tsv": len(c.values),
		"rows in intervals.tsv": len(c.intervals), "rows in forms.tsv": len(c.forms)} {
		if n > 32 { // bits of a meaning
			return fmt.Errorf("%d %s, of at most 32", n, of)
		}
	}
	return nil
}

// resolveClasses numbers the classes that interactions and duplicates name.
func (c *Checker) resolveClasses() error {
	c.classes = map[string]int{}
	set := func(classes []string) classSet {
		for _, class := range classes {
			if _, ok := c.classes[class]; !ok && len(c.classes) < 64*len(classSet{}) {
				c.classes[class] = len(c.classes)
			}
		}
		return c.setOf(classes)
	}
	for i := range c.interactions {
		row := &c.interactions[i]
		row.isLeft, row.isRight = set(row.left), set(row.right)
		if row.tier == Block {
			for w := range c.blocking {
				c.blocking[w] |= row.isLeft[w] | row.isRight[w]
			}
		}
	}
	for i := range c.duplicates {
		c.duplicates[i].in = set(c.duplicates[i].classes)
	}
	if n := len(c.classes); n == 64*len(classSet{}) {
		return fmt.Errorf("interactions.tsv and duplicates.tsv name %d classes or more, of fewer than that", n)
	}
	return nil
}
