package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// definition is a ViewDefinition as it is written.
type definition struct {
	ResourceType string     `json:"resourceType"`
	Name         string     `json:"name"`
	Resource     string     `json:"resource"`
	Constant     []constant `json:"constant"`
	Select       []selected `json:"select"`
	Where        []where    `json:"where"`
}

type where struct {
	Path string `json:"path"`
}

type selected struct {
	Column        []columnOf `json:"column"`
	Select        []selected `json:"select"`
	ForEach       *string    `json:"forEach"`
	ForEachOrNull *string    `json:"forEachOrNull"`
	Repeat        []string   `json:"repeat"`
	UnionAll      []selected `json:"unionAll"`
}

type columnOf struct {
	Name       string `json:"name"`
	Path       string `json:"path"`
	Type       string `json:"type"`
	Collection bool   `json:"collection"`
}

// constant keeps value[x] as it is written.
type constant struct {
	name  string
	typ   string // what follows "value", as in Date
	value json.RawMessage
	more  bool // more than one value
}

// UnmarshalJSON finds the one value among the members.
func (c *constant) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return errors.New("a constant is an object")
	}
	for name, value := range members {
		if name == "name" {
			if err := json.Unmarshal(value, &c.name); err != nil {
				return errors.New("the name of a constant is a text")
			}
		}
		if typ, ok := strings.CutPrefix(name, "value"); ok {
			c.more = c.typ != ""
			c.typ, c.value = typ, value
		}
	}
	return nil
}

// Fault is what is wrong with a ViewDefinition, or with what a view finds in the
// data: Path is the place in the definition.
type Fault struct {
	Path string
	Text string
	// Resource is the type of the resource at which it shows, "" for a fault of
	// the definition itself.
	Resource string
}

// Error names the place.
func (f *Fault) Error() string {
	if f.Path == "" {
		return "view: " + f.Text
	}
	return "view: " + f.Path + ": " + f.Text
}

func fault(at, format string, args ...any) error {
	return &Fault{Path: at, Text: fmt.Sprintf(format, args...)}
}

var (
	sqlName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	typeName = regexp.MustCompile(`^[A-Z][A-Za-z]{0,63}$`)
)

// read reads and checks what does not need the expressions.
func read(b []byte) (*definition, error) {
	var d definition
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&d); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, fault("ViewDefinition."+wrong.Field, "a JSON %s stands where another type is expected", wrong.Value)
		}
		return nil, fault("ViewDefinition", "it is no JSON object of a ViewDefinition")
	}
	switch {
	case d.ResourceType != "" && !strings.HasSuffix(d.ResourceType, "ViewDefinition"):
		return nil, fault("ViewDefinition.resourceType", "ViewDefinition is expected")
	case d.Resource == "":
		return nil, fault("ViewDefinition.resource", "the type of resource is missing, as in \"resource\": \"Patient\"")
	case !typeName.MatchString(d.Resource):
		return nil, fault("ViewDefinition.resource", "not the name of a resource type")
	case d.Name != "" && !sqlName.MatchString(d.Name):
		return nil, fault("ViewDefinition.name", "a name begins with a letter and has letters, digits and _ only")
	case len(d.Select) == 0:
		return nil, fault("ViewDefinition.select", "at least one select is needed")
	}
	return &d, nil
}
