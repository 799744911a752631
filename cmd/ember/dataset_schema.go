package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/pflag"

	"ember/aiaas"
)

// schema says what the fields of a dataset are, in a job file and in flags.
type schema struct {
	Task    string            `json:"task"`
	Label   string            `json:"label"`
	Subject string            `json:"subject"`
	Split   string            `json:"split"`
	Multi   bool              `json:"multi"`
	Between string            `json:"between"`
	Number  bool              `json:"number"`
	Inputs  []string          `json:"inputs"`
	Ignore  []string          `json:"ignore"`
	Kinds   map[string]string `json:"kinds"`
}

// flags adds the flags that set it.
func (s *schema) flags(f *pflag.FlagSet) {
	f.StringVar(&s.Task, "task", "", "text-classification, image-classification, sequence-classification, tabular, timeline-risk or forecast (default: as the data looks)")
	f.StringVar(&s.Label, "label", "", "column with the class, the classes or the number")
	f.StringVar(&s.Subject, "subject", "", "column that names the patient: nobody is in training and test at once")
	f.StringVar(&s.Split, "split", "", "column that says train or test")
	f.BoolVar(&s.Multi, "multi", false, "a sample may have several classes")
	f.StringVar(&s.Between, "between", "", `what stands between several classes (default "|")`)
	f.BoolVar(&s.Number, "number", false, "the label is a number to predict")
	f.StringSliceVar(&s.Inputs, "inputs", nil, "the only columns to learn from (default: all others)")
	f.StringSliceVar(&s.Ignore, "ignore", nil, "columns not to learn from")
	f.StringToStringVar(&s.Kinds, "kind", nil, "COLUMN=number, category, text or date, where it should not be guessed")
}

// query is the schema as the API takes it.
func (s *schema) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"task": s.Task, "label": s.Label, "subject": s.Subject, "split": s.Split, "between": s.Between} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for name, v := range map[string]bool{"multi": s.Multi, "number": s.Number} {
		if v {
			q.Set(name, strconv.FormatBool(v))
		}
	}
	for name, v := range map[string][]string{"inputs": s.Inputs, "ignore": s.Ignore} {
		if len(v) > 0 {
			q[name] = v
		}
	}
	for column, kind := range s.Kinds {
		q.Set("kind."+column, kind)
	}
	return q
}

// schemaOf is the schema that a dataset was uploaded with.
func schemaOf(s aiaas.Schema) schema {
	out := schema{Label: s.Label, Subject: s.Subject, Split: s.Split, Multi: s.Multi, Between: s.Between, Number: s.Number, Inputs: s.Inputs, Ignore: s.Ignore, Kinds: s.Kinds}
	if s.Task != 0 {
		out.Task = s.Task.String()
	}
	return out
}
