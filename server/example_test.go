package server_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"ember/server"
	"ember/server/auth"
)

// A server over rooms that are all in memory, asked from this machine.
func ExampleNew() {
	rooms := newFake()
	s, err := server.New(server.Options{}, server.Deps{
		Loader: rooms, Writer: rooms, Resources: rooms, Charts: rooms, Bundles: rooms,
		Recommender: rooms, Searcher: rooms, Health: rooms,
		Auditor: auth.NewMemory([]byte("key of the audit record")),
		Clock:   time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, _ := http.NewRequest("GET", "http://localhost/v1/patients/p1/recommendations?want=everything", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 400 {"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value","details":{"text":"the parameter want is not understood"},"diagnostics":"want: it is treatments or tests"}]}
}
