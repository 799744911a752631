package ehr_test

import (
	"net/http"
)

// rewriting is a server that others know by another host: what it names lies there.
func rewriting(h http.Handler, _, to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = to
		h.ServeHTTP(w, r)
	})
}
