package ingest

import (
	"context"
	"net/http"

	"ember/fhir"
)

// Answers answers the searches among the entries of a Bundle: the searchset and its
// status, or issues that say why not. Who asks may see what is not this room's
// business.
type Answers func(ctx context.Context, typ, query string) (status int, body []byte, issues []fhir.Issue)

type answersKey struct{}

// WithAnswers lets the GET entries of what is loaded under the context search.
func WithAnswers(ctx context.Context, a Answers) context.Context {
	return context.WithValue(ctx, answersKey{}, a)
}

// answer answers a search entry.
func (b *bundle) answer(r request, out *Outcome) {
	a, _ := b.ctx.Value(answersKey{}).(Answers)
	if a == nil {
		out.refuse(http.StatusBadRequest, "not-supported", out.Path+".request.url", "searches are not answered here")
		return
	}
	var issues []fhir.Issue
	out.Status, out.Body, issues = a(b.ctx, r.typ, r.search)
	for _, i := range issues {
		if i.Path == "" {
			i.Path = out.Path + ".request.url"
		}
		out.Issues = append(out.Issues, i)
	}
}
