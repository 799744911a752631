package synth

// problem is one condition on the problem list.
type problem struct {
	id       id
	cond     condition
	onset    stamp
	recorded stamp
	resolved stamp // 0 = still there
	clinic   int   // the clinician who wrote it, for the way of coding
	visit    id
}

// order is one medication order.
type order struct {
	id        id
	drug      drug
	cond      condition // what for
	reason    id        // of the problem; zero = none given
	clinic    int
	visit     id
	written   stamp
	days      int // one supply
	refills   int
	stopped   stamp // 0 = not before its supply ended
	inStay    bool
	cancelled bool
}

func (o *order) supplyEnd() stamp { return o.written + stamp(o.days*(1+o.refills))*day }

// active is a drug the patient takes, or is believed to.
type active struct {
	drug    drug
	cond    condition
	since   stamp
	supply  stamp // the last order's end
	prior   stamp // the end of the one before
	dose    float64
	atStart float64 // the program's score when it was started
	effect  stamp   // when an adverse effect becomes apparent; 0 = never
	last    int     // index of the last order
}

// chart is what is known about the patient, and the present state of the body.
type chart struct {
	problems []problem
	listed   [conditionCount]int // index+1 of the open problem; 0 = none
	orders   []order
	meds     []active
	failed   []uint8           // by drug
	refused  [groupCount]uint8 // by group: ineffective or harmful drugs of it
	value    [analyteCount]float64
	before   [analyteCount]float64
	measured [analyteCount]stamp
	ordered  [lastTest]stamp
	given    [64]stamp // vaccines, by index
	doses    [64]uint8
	treated  [therapyCount]stamp
	known    [allergenCount]bool
	noted    [allergenCount]stamp    // when a drug brought the allergy to light; 0 = before the record
	score    [conditionCount]float64 // of each program at the last visit
	scored   [conditionCount]stamp
	changed  [conditionCount]stamp
	strength [groupCount]float64 // of the active drugs, with response and dose
	lmp      stamp               // of the present pregnancy; 0 = none
	due      stamp
	infected stamp // last antibiotic
	lastBug  group
	flare    stamp // last exacerbation
}

const (
	ineffective uint8 = 1
	harmful     uint8 = 2
)

func (c *chart) reset(n int) {
	problems, orders, meds, failed := c.problems[:0], c.orders[:0], c.meds[:0], c.failed
	*c = chart{problems: problems, orders: orders, meds: meds, failed: failed}
	if len(c.failed) < n {
		c.failed = make([]uint8, n)
	}
	clear(c.failed)
}

// has says whether a condition is on the problem list.
func (c *chart) has(k condition) bool { return c.listed[k] > 0 }

func (c *chart) reasonOf(k condition) id {
	if i := c.listed[k]; i > 0 {
		return c.problems[i-1].id
	}
	return id{}
}

// takes is the number of active drugs of a group.
func (c *chart) takes(g group) (n int) {
	for i := range c.meds {
		if drugs[c.meds[i].drug].group == g {
			n++
		}
	}
	return n
}

func (c *chart) on(groups ...group) bool {
	for i := range c.meds {
		for _, g := range groups {
			if drugs[c.meds[i].drug].group == g {
				return true
			}
		}
	}
	return false
}

// takesFor counts the drugs taken for a condition.
func (c *chart) takesFor(k condition) (n int) {
	for i := range c.meds {
		if c.meds[i].cond == k {
			n++
		}
	}
	return n
}

func (c *chart) findMed(d drug) *active {
	for i := range c.meds {
		if c.meds[i].drug == d || drugs[c.meds[i].drug].name == drugs[d].name {
			return &c.meds[i]
		}
	}
	return nil
}

// pregnant at t, as far as the chart knows.
func (m *maker) pregnant() bool { return m.lmp > 0 && m.has(pregnancy) }

// fertile says whether pregnancy is possible, which guides some choices.
func (m *maker) fertile() bool {
	a := m.age(m.now)
	return m.person.woman && a >= 14 && a < 47
}

// seen is the last known value of an analyte, or what is usual when there is none.
func (m *maker) seen(a analyte, usual float64) float64 {
	if m.measured[a] == 0 {
		return usual
	}
	return m.value[a]
}

// rising is the change between the last two values.
func (m *maker) rising(a analyte) float64 {
	if m.before[a] == 0 {
		return 0
	}
	return m.value[a] - m.before[a]
}
