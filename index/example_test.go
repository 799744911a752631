package index_test

import (
	"context"
	"fmt"
	"time"

	"ember/index"
	"ember/record"
)

func asthma(id string, year int) index.Document {
	code := record.Code{System: record.SNOMED, Value: "195967001", Display: "Asthma"}
	return index.Document{
		Timeline: record.Timeline{
			Person: record.Person{ID: id, Sex: record.Female, Born: record.Date{Year: 1980}},
			Events: []record.Event{{Kind: record.Condition, Concept: code, Known: time.Date(year, 5, 1, 0, 0, 0, 0, time.UTC)}},
		},
		Notes: []record.Note{{Source: "DocumentReference/" + id, Text: "Wheezing at night since spring."}},
	}
}

func Example() {
	x, err := index.Open(index.Options{Notes: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer x.Close()
	if err := x.Apply([]index.Document{asthma("ann", 2020), asthma("bea", 2023)}, nil, 1); err != nil {
		fmt.Println(err)
		return
	}
	res, err := x.Search(context.Background(), index.Query{Text: "asthma"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, hit := range res.Patients {
		fmt.Println(hit.Patient, hit.Why[0].Kind, hit.Why[0].Display)
	}
	res, err = x.Search(context.Background(), index.Query{Text: `"at night"`, Limit: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Notes[0].Fragment)
	// Output:
	// ann condition Asthma
	// bea condition Asthma
	// Wheezing at night since spring.
}

func ExampleView_Postings() {
	x, err := index.Open(index.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer x.Close()
	if err := x.Apply([]index.Document{asthma("ann", 2020), asthma("bea", 2023)}, nil, 1); err != nil {
		fmt.Println(err)
		return
	}
	v := x.View()
	since := index.Day(time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC))
	for p := range v.Postings(record.Condition, record.Code{System: record.SNOMED, Value: "195967001"}) {
		fmt.Println(v.Patient(p.Patient).ID, p.Day >= since)
	}
	// Output:
	// ann false
	// bea true
}
