package ehr

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// bundle is a Bundle as far as it matters here.
type bundle struct {
	ResourceType string `json:"resourceType"`
	Type         string `json:"type"`
	Link         []struct {
		Relation string `json:"relation"`
		URL      string `json:"url"`
	} `json:"link"`
	Entry []bundleEntry `json:"entry"`
}

type bundleEntry struct {
	FullURL  string          `json:"fullUrl"`
	Resource json.RawMessage `json:"resource"`
	Request  struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	} `json:"request"`
	Search struct {
		Mode string `json:"mode"`
	} `json:"search"`
}

// head is what every resource has.
type head struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	Meta         struct {
		VersionID   string `json:"versionId"`
		LastUpdated string `json:"lastUpdated"`
	} `json:"meta"`
}

func headOf(raw []byte) (h head, ok bool) {
	return h, json.Unmarshal(raw, &h) == nil && h.ResourceType != "" && h.ID != ""
}

// first is the id of the first resource of a type, "" = there is none.
func (b *bundle) first(typ string) string {
	for _, e := range b.Entry {
		if h, ok := headOf(e.Resource); ok && h.ResourceType == typ {
			return h.ID
		}
	}
	return ""
}

// next is the address of the next page.
func (b *bundle) next() string {
	for _, l := range b.Link {
		if l.Relation == "next" {
			return l.URL
		}
	}
	return ""
}

// bundle asks for a Bundle.
func (c *Client) bundle(ctx context.Context, doing, address string) (*bundle, error) {
	b, _, err := c.get(ctx, request{doing: doing, address: address})
	if err != nil {
		return nil, err
	}
	var out bundle
	if json.Unmarshal(b, &out) != nil || out.ResourceType != "Bundle" {
		return nil, &Failure{Doing: doing, Status: http.StatusOK, Why: "the answer is no Bundle"}
	}
	return &out, nil
}

// Read reads one resource as the EHR has it; found is false when it has none.
func (c *Client) Read(ctx context.Context, typ, id string) (raw []byte, found bool, err error) {
	q := request{doing: "reading a resource", method: http.MethodGet, address: c.base + "/" + typ + "/" + id,
		final: func(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }}
	resp, err := c.ask(ctx, q)
	if err != nil {
		return nil, false, err
	}
	if resp.StatusCode >= 400 {
		return nil, false, resp.Body.Close()
	}
	raw, err = c.document(q, resp)
	if err != nil {
		return nil, false, err
	}
	if h, ok := headOf(raw); !ok || h.ResourceType != typ || h.ID != id {
		return nil, false, &Failure{Doing: q.doing, Status: resp.StatusCode, Why: "the answer is another resource than was asked for"}
	}
	return raw, true, nil
}

// mostPages bounds how many pages of a search are read.
const mostPages = 10_000

// Search hands over every resource that a search matches, page by page, until each
// returns an error.
func (c *Client) Search(ctx context.Context, query string, each func(raw []byte) error) error {
	const doing = "searching"
	address := c.base + "/" + query
	for range mostPages {
		b, err := c.bundle(ctx, doing, address)
		if err != nil {
			return err
		}
		for _, e := range b.Entry {
			if h, ok := headOf(e.Resource); ok && h.ResourceType != "OperationOutcome" && (e.Search.Mode == "" || e.Search.Mode == "match") {
				if err := each(e.Resource); err != nil {
					return err
				}
			}
		}
		if address = b.next(); address == "" {
			return nil
		}
		if !strings.Contains(address, "://") && !strings.HasPrefix(address, "/") {
			address = c.base + "/" + address
		}
	}
	return &Failure{Doing: doing, Why: "there are too many pages"}
}
