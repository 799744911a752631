package aiaas_test

import (
	"context"
	"fmt"
	"strings"

	"ember/aiaas"
)

// A table is read, looked at, and a model chosen for it and asked.
func Example() {
	var table strings.Builder
	table.WriteString("patient,age,crp,admitted\n")
	for i := range 200 {
		age, crp := 20+(i*37)%70, (i*53)%100
		admitted := "no"
		if age+crp+(i*17)%40 > 125 {
			admitted = "yes"
		}
		fmt.Fprintf(&table, "p%d,%d,%d,%s\n", i, age, crp, admitted)
	}
	ctx := context.Background()
	d, err := aiaas.ReadCSV(ctx, "visits.csv", strings.NewReader(table.String()), aiaas.Schema{Label: "admitted", Subject: "patient"}, aiaas.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := aiaas.Inspect(ctx, d)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, %d samples, %d findings\n", report.Task, report.Samples, len(report.Findings))
	choice, err := aiaas.Choose(ctx, d, aiaas.Families(), aiaas.Choosing{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("chosen:", choice.Family)
	fresh, err := aiaas.ReadCSV(ctx, "new.csv", strings.NewReader("age,crp\n25,3\n88,97\n"), aiaas.Schema{}, aiaas.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := choice.Model.Predict(ctx, fresh)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range fresh.Len() {
		yes := p[i*len(d.Classes)+1]
		fmt.Printf("%s: admitted is likely: %v\n", fresh.Places[i], yes > .5)
	}
	// Output:
	// tabular, 200 samples, 0 findings
	// chosen: linear
	// new.csv:2: admitted is likely: false
	// new.csv:3: admitted is likely: true
}
