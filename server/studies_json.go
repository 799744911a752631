package server

import (
	"ember/cohort"
	"ember/cohort/study"
)

type toldJSON struct {
	Name    string      `json:"name,omitempty"`
	Cohort  answerJSON  `json:"cohort"`
	Index   []meantJSON `json:"index,omitempty"`
	In      countJSON   `json:"in"`
	NoIndex countJSON   `json:"noIndex"`
	Early   countJSON   `json:"early"`
	Several countJSON   `json:"several"`
	Prior   countJSON   `json:"prior"`
}

func toldOf(t *study.Told) toldJSON {
	return toldJSON{t.Name, answerOf(t.Answer, ""), meanings(t.Index), counted(t.In), counted(t.NoIndex), counted(t.Early), counted(t.Several), counted(t.Prior)}
}

func meanings(all []cohort.Meaning) []meantJSON {
	return answerOf(cohort.Answer{Meant: all}, "").Meant
}

type pointJSON struct {
	Day      int32   `json:"day"`
	Survival float64 `json:"survival"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

type atRiskJSON struct {
	Day int32 `json:"day"`
	countJSON
	Survival *float64 `json:"survival"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
}

type incidencePointJSON struct {
	Day       int32   `json:"day"`
	Incidence float64 `json:"incidence"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
}

type causeJSON struct {
	Events countJSON            `json:"events"`
	Points []incidencePointJSON `json:"points"`
}

type incidenceAtRiskJSON struct {
	Day int32 `json:"day"`
	countJSON
	Outcome *incidencePointJSON `json:"outcome"`
	Death   *incidencePointJSON `json:"death"`
}

type incidenceJSON struct {
	Outcome causeJSON             `json:"outcome"`
	Death   causeJSON             `json:"death"`
	AtRisk  []incidenceAtRiskJSON `json:"atRisk"`
}

func incidenceOf(in *study.Incidences) *incidenceJSON {
	if in == nil {
		return nil
	}
	point := func(p *study.IncidencePoint) *incidencePointJSON {
		if p == nil {
			return nil
		}
		return &incidencePointJSON{p.Day, p.Value, p.Low, p.High}
	}
	cause := func(c study.CauseCurve) causeJSON {
		out := causeJSON{counted(c.Events), []incidencePointJSON{}}
		for i := range c.Points {
			out.Points = append(out.Points, *point(&c.Points[i]))
		}
		return out
	}
	out := &incidenceJSON{cause(in.Outcome), cause(in.Death), []incidenceAtRiskJSON{}}
	for _, r := range in.AtRisk {
		out.AtRisk = append(out.AtRisk, incidenceAtRiskJSON{r.Day, counted(r.Count), point(r.Outcome), point(r.Death)})
	}
	return out
}

type curveJSON struct {
	toldJSON
	Events      countJSON      `json:"events"`
	Median      *int32         `json:"median"`
	MedianLow   *int32         `json:"medianLow"`
	MedianHigh  *int32         `json:"medianHigh"`
	Until       int32          `json:"until"`
	DeadUndated countJSON      `json:"deadUndated"`
	Points      []pointJSON    `json:"points"`
	AtRisk      []atRiskJSON   `json:"atRisk"`
	Incidence   *incidenceJSON `json:"incidence,omitempty"`
}

type logRankJSON struct {
	ChiSquare float64 `json:"chiSquare"`
	Freedom   int     `json:"freedom"`
	P         float64 `json:"p"`
	Expected  []int   `json:"expected"`
}

type survivalJSON struct {
	Death   string       `json:"death"`
	Outcome []meantJSON  `json:"outcome"`
	Groups  []curveJSON  `json:"groups"`
	LogRank *logRankJSON `json:"logRank"`
}

func survivalOf(s *study.Survival) survivalJSON {
	out := survivalJSON{Death: string(s.Death), Outcome: meanings(s.Outcome)}
	for i := range s.Groups {
		g := &s.Groups[i]
		c := curveJSON{toldJSON: toldOf(&g.Told), Events: counted(g.Events), Median: g.Median, MedianLow: g.MedianLow, MedianHigh: g.MedianHigh, Until: g.Until,
			DeadUndated: counted(g.DeadUndated), Incidence: incidenceOf(g.Incidence), Points: []pointJSON{}, AtRisk: []atRiskJSON{}}
		for _, p := range g.Points {
			c.Points = append(c.Points, pointJSON(p))
		}
		for _, r := range g.AtRisk {
			row := atRiskJSON{Day: r.Day, countJSON: counted(r.Count)}
			if p := r.Curve; p != nil {
				row.Survival, row.Low, row.High = &p.Survival, &p.Low, &p.High
			}
			c.AtRisk = append(c.AtRisk, row)
		}
		out.Groups = append(out.Groups, c)
	}
	if l := s.LogRank; l != nil {
		out.LogRank = &logRankJSON{l.ChiSquare, l.Freedom, l.P, l.Expected}
	}
	return out
}

type quantileJSON struct {
	Share float64 `json:"share"`
	Value float64 `json:"value"`
}

type spreadJSON struct {
	Mean      float64        `json:"mean"`
	Deviation float64        `json:"deviation"`
	Quantiles []quantileJSON `json:"quantiles"`
}

func spreadOf(s *study.Spread) *spreadJSON {
	if s == nil {
		return nil
	}
	out := &spreadJSON{s.Mean, s.Deviation, []quantileJSON{}}
	for _, q := range s.Quantiles {
		out.Quantiles = append(out.Quantiles, quantileJSON(q))
	}
	return out
}

type tableCellJSON struct {
	countJSON
	Share      *float64    `json:"share,omitempty"`
	Missing    *countJSON  `json:"missing,omitempty"`
	Spread     *spreadJSON `json:"spread,omitempty"`
	Difference *float64    `json:"difference,omitempty"`
}

type tableRowJSON struct {
	Section string          `json:"section"`
	Label   string          `json:"label"`
	Code    *codeJSON       `json:"code,omitempty"`
	Unit    string          `json:"unit,omitempty"`
	Meant   []meantJSON     `json:"meant,omitempty"`
	Cells   []tableCellJSON `json:"cells"`
}

type tableJSON struct {
	Groups []toldJSON     `json:"groups"`
	Rows   []tableRowJSON `json:"rows"`
}

func tableOf(t *study.Table) tableJSON {
	out := tableJSON{Rows: []tableRowJSON{}}
	for i := range t.Groups {
		out.Groups = append(out.Groups, toldOf(&t.Groups[i]))
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		row := tableRowJSON{Section: r.Section, Label: r.Label, Unit: r.Unit, Meant: meanings(r.Meant)}
		if !r.Code.Zero() {
			code := coded(r.Code)
			row.Code = &code
		}
		for _, c := range r.Cells {
			cell := tableCellJSON{countJSON: counted(c.Count), Share: c.Share, Spread: spreadOf(c.Spread), Difference: c.Difference}
			if c.Missing != nil {
				missing := counted(*c.Missing)
				cell.Missing = &missing
			}
			row.Cells = append(row.Cells, cell)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

type binJSON struct {
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
	countJSON
}

type unitJSON struct {
	Unit  string `json:"unit"`
	State string `json:"state"`
	countJSON
}

type distributionJSON struct {
	With      countJSON   `json:"with"`
	Unusable  countJSON   `json:"unusable"`
	Without   countJSON   `json:"without"`
	Spread    *spreadJSON `json:"spread"`
	Histogram []binJSON   `json:"histogram"`
	Units     []unitJSON  `json:"units"`
}

type testReportJSON struct {
	Text   string             `json:"text"`
	Unit   string             `json:"unit"`
	Meant  []meantJSON        `json:"meant"`
	Groups []distributionJSON `json:"groups"`
}

type valuesJSON struct {
	Groups []toldJSON       `json:"groups"`
	Tests  []testReportJSON `json:"tests"`
}

func valuesOf(v *study.Values) valuesJSON {
	var out valuesJSON
	for i := range v.Groups {
		out.Groups = append(out.Groups, toldOf(&v.Groups[i]))
	}
	for _, t := range v.Tests {
		report := testReportJSON{Text: t.Text, Unit: t.Unit, Meant: meanings(t.Meant)}
		for _, g := range t.Groups {
			d := distributionJSON{counted(g.With), counted(g.Unusable), counted(g.Without), spreadOf(g.Spread), []binJSON{}, []unitJSON{}}
			for _, b := range g.Histogram {
				d.Histogram = append(d.Histogram, binJSON{b.Low, b.High, counted(b.Count)})
			}
			for _, u := range g.Units {
				d.Units = append(d.Units, unitJSON{u.Unit, u.State.String(), counted(u.Count)})
			}
			report.Groups = append(report.Groups, d)
		}
		out.Tests = append(out.Tests, report)
	}
	return out
}

type periodJSON struct {
	Period   string    `json:"period"`
	New      countJSON `json:"new"`
	Patients countJSON `json:"patients"`
}

type periodsJSON struct {
	Cohort  answerJSON   `json:"cohort"`
	Event   []meantJSON  `json:"event"`
	Periods []periodJSON `json:"periods"`
}

func periodsOf(p *study.Periods) periodsJSON {
	out := periodsJSON{answerOf(p.Answer, ""), meanings(p.Event), []periodJSON{}}
	for _, one := range p.Periods {
		out.Periods = append(out.Periods, periodJSON{one.Label, counted(one.New), counted(one.Patients)})
	}
	return out
}

type stepJSON struct {
	Text string `json:"text"`
	countJSON
	Left countJSON `json:"left"`
}

type attritionJSON struct {
	Cohort answerJSON `json:"cohort"`
	Steps  []stepJSON `json:"steps"`
}

func attritionOf(a *study.Attrition, text string) attritionJSON {
	out := attritionJSON{Cohort: answerOf(a.Answer, text)}
	for _, s := range a.Steps {
		out.Steps = append(out.Steps, stepJSON{s.Text, counted(s.Count), counted(s.Left)})
	}
	return out
}

type windowJSON struct {
	From     int32     `json:"from"`
	To       int32     `json:"to"`
	Observed countJSON `json:"observed"`
}

type alignedCellJSON struct {
	countJSON
	Share *float64 `json:"share,omitempty"`
}

type alignedRowJSON struct {
	Kind  string            `json:"kind"`
	Code  codeJSON          `json:"code"`
	Cells []alignedCellJSON `json:"cells"`
}

type alignedJSON struct {
	toldJSON
	Windows []windowJSON     `json:"windows"`
	Rows    []alignedRowJSON `json:"rows"`
}

func alignedOf(a *study.Aligned) alignedJSON {
	out := alignedJSON{toldOf(&a.Told), []windowJSON{}, []alignedRowJSON{}}
	for _, w := range a.Windows {
		out.Windows = append(out.Windows, windowJSON{w.From, w.To, counted(w.Observed)})
	}
	for _, r := range a.Rows {
		row := alignedRowJSON{Kind: r.Kind.String(), Code: coded(r.Code)}
		for _, c := range r.Cells {
			row.Cells = append(row.Cells, alignedCellJSON{counted(c.Count), c.Share})
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

type balanceJSON struct {
	Name             string    `json:"name"`
	Cases            *float64  `json:"cases"`
	Pool             *float64  `json:"pool"`
	DifferenceBefore *float64  `json:"differenceBefore"`
	MatchedCases     *float64  `json:"matchedCases"`
	MatchedControls  *float64  `json:"matchedControls"`
	Difference       *float64  `json:"difference"`
	MissingCases     countJSON `json:"missingCases"`
	MissingOfThePool countJSON `json:"missingOfThePool"`
}

type matchedJSON struct {
	Cases    toldJSON      `json:"cases"`
	Pool     toldJSON      `json:"pool"`
	Saved    savedJSON     `json:"saved"`
	Matched  countJSON     `json:"matched"`
	Controls countJSON     `json:"controls"`
	Balance  []balanceJSON `json:"balance"`
}

func matchedOf(m *study.Matched, saved savedJSON) matchedJSON {
	out := matchedJSON{toldOf(&m.Cases), toldOf(&m.Pool), saved, counted(m.Matched), counted(m.Controls), []balanceJSON{}}
	for _, b := range m.Balance {
		out.Balance = append(out.Balance, balanceJSON{b.Name, b.Cases, b.Pool, b.DifferenceBefore, b.MatchedCases, b.MatchedControls, b.Difference, counted(b.MissingCases), counted(b.MissingOfThePool)})
	}
	return out
}

var _ Studies = (*study.Service)(nil)
