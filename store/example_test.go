package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ember/store"
)

func Example() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	clock := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	s, err := store.Open(store.Options{Dir: dir, Now: clock}) // makes dir/key as well
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	ctx := context.Background()
	allergy := store.Write{
		Type: "AllergyIntolerance", ID: "a1", Patient: "p1",
		Raw:  []byte(`{"resourceType":"AllergyIntolerance","id":"a1"}`),
		Keys: [][]byte{[]byte("identifier|urn:site|77")},
	}
	for range 2 {
		r, err := s.Commit(ctx, []store.Write{allergy})
		fmt.Printf("version %d, changed %v, %v\n", r[0].Version, r[0].Changed, err)
	}
	for r, err := range s.Patient("p1") {
		fmt.Printf("%s/%s %s %v\n", r.Type, r.ID, r.Raw, err)
	}
	refs, err := s.Lookup([]byte("identifier|urn:site|77"))
	fmt.Println(refs, err)
	if err := s.Erase(ctx, "p1"); err != nil {
		fmt.Println(err)
	}
	_, err = s.Get("AllergyIntolerance", "a1")
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// version 1, changed true, <nil>
	// version 1, changed false, <nil>
	// AllergyIntolerance/a1 {"resourceType":"AllergyIntolerance","id":"a1"} <nil>
	// [{AllergyIntolerance a1}] <nil>
	// true
}
