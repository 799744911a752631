package recommender

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"ember/learn"
	"ember/record"
	"ember/terms"
)

// The file: magic, format version, length of the body, body, SHA-256 of all
// before it.
const (
	artifactMagic  = "EMBRECOM"
	artifactFormat = 5
	artifactHeader = len(artifactMagic) + 4 + 8
)

// WriteTo writes the artifact as one binary with a checksum. It implements
// io.WriterTo.
func (a *Artifact) WriteTo(w io.Writer) (int64, error) {
	var body bytes.Buffer
	if err := a.encode(&body); err != nil {
		return 0, fmt.Errorf("recommender: encoding artifact: %w", err)
	}
	head := binary.LittleEndian.AppendUint32([]byte(artifactMagic), artifactFormat)
	head = binary.LittleEndian.AppendUint64(head, uint64(body.Len()))
	h := sha256.New()
	h.Write(head)
	h.Write(body.Bytes())
	var n int64
	for _, part := range [][]byte{head, body.Bytes(), h.Sum(nil)} {
		k, err := w.Write(part)
		n += int64(k)
		if err != nil {
			return n, fmt.Errorf("recommender: writing artifact: %w", err)
		}
	}
	return n, nil
}

// ReadArtifact reads what WriteTo wrote. The terms are those of the site; they
// need not be those of training, only their units are used.
func ReadArtifact(r io.Reader, t *terms.Terms) (*Artifact, error) {
	return readArtifact(r, t)
}

func readArtifact(r io.Reader, t meanings) (*Artifact, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("recommender: reading artifact: %w", err)
	}
	if len(b) < artifactHeader+sha256.Size || string(b[:len(artifactMagic)]) != artifactMagic {
		return nil, errFormat
	}
	if v := binary.LittleEndian.Uint32(b[len(artifactMagic):]); v != artifactFormat {
		return nil, fmt.Errorf("recommender: artifact has format %d, this program reads %d: train again", v, artifactFormat)
	}
	end := len(b) - sha256.Size
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return nil, fmt.Errorf("%w: checksum differs", errFormat)
	}
	if binary.LittleEndian.Uint64(b[len(artifactMagic)+4:]) != uint64(end-artifactHeader) {
		return nil, errFormat
	}
	a, err := decodeArtifact(&decoder{b: b[artifactHeader:end]}, t)
	if err != nil {
		return nil, fmt.Errorf("recommender: decoding artifact: %w", err)
	}
	a.seal()
	return a, nil
}

// encode writes the body. It must not depend on anything but the content.
func (a *Artifact) encode(w io.Writer) error {
	e := newEncoder(w)
	e.str(a.Name)
	e.u64(a.Seed)
	e.num(a.ages[0])
	e.num(a.ages[1])
	for _, n := range a.seen {
		e.num(n)
	}
	e.f32(a.likeness)
	e.num(a.patients)
	e.num(a.samples)
	a.names.encode(e)
	a.lexicon.encode(e)
	a.fitted.encode(e)
	for w := Treatments; w < wantEnd; w++ {
		a.rankers[w].encode(e)
	}
	a.report.encode(e)
	encodeLearned(e, a.learned)
	if e.err != nil {
		return e.err
	}
	return e.w.Flush()
}

func decodeArtifact(d *decoder, t meanings) (*Artifact, error) {
	a := &Artifact{Name: d.str(), Seed: d.u64(), ages: [2]int{d.num(), d.num()}}
	for s := range a.seen {
		a.seen[s] = d.num()
	}
	a.likeness, a.patients, a.samples = d.f32(), d.num(), d.num()
	a.names = decodeNames(d)
	a.lexicon = decodeLexicon(d, t)
	if d.err != nil {
		return nil, d.err
	}
	var err error
	if a.fitted, err = decodeFitted(d, a.lexicon); err != nil {
		return nil, err
	}
	for w := Treatments; w < wantEnd; w++ {
		a.rankers[w] = decodeRanker(d, a.lexicon, a.fitted.vectors, w)
	}
	a.report = decodeReport(d)
	a.learned = decodeLearned(d)
	d.ask(len(d.b) == 0)
	return a, d.err
}

func (a *lexicon) encode(e *encoder) {
	e.u32(uint32(len(a.vocabulary.concepts)))
	for i := range a.vocabulary.concepts {
		c := &a.vocabulary.concepts[i]
		e.u8(uint8(c.kind))
		e.str(c.code.System)
		e.str(c.code.Value)
		e.str(c.code.Display)
		e.u32s(c.groups)
		e.bool(c.label >= 0)
		e.u32(uint32(c.means))
		e.bool(c.valued)
		e.f32(c.low)
		e.f32(c.high)
	}
	e.u32(uint32(len(a.siteNames)))
	for _, s := range a.siteNames {
		e.str(s)
	}
	e.u32(uint32(a.columns.n - contextColumns))
	for i := contextColumns; i < a.columns.n; i++ {
		e.u32(a.columns.concept[i])
		e.u8(a.columns.variant[i])
	}
}

func decodeLexicon(d *decoder, t meanings) *lexicon {
	const least = 1 + 3*4 + 4 + 1 + 4 + 1 + 8
	n := d.length(least)
	concepts, labelled := make([]concept, n), make([]bool, n)
	for i := range concepts {
		c := &concepts[i]
		c.kind = record.Kind(d.u8())
		c.code = record.Code{System: d.str(), Value: d.str(), Display: d.str()}
		c.groups = d.u32s()
		labelled[i] = d.bool()
		c.means = int32(d.u32())
		c.valued, c.low, c.high = d.bool(), d.f32(), d.f32()
		for _, g := range c.groups {
			d.ask(int(g) < n)
		}
		d.ask(int(c.means) < n)
	}
	a := &lexicon{vocabulary: newVocabulary(concepts, func(i int) bool { return labelled[i] }), terms: t}
	a.siteNames = make([]string, d.length(4))
	for i := range a.siteNames {
		a.siteNames[i] = d.str()
	}
	a.indexSites()
	chosen := make([]column, d.length(5))
	for i := range chosen {
		chosen[i] = column{d.u32(), d.u8()}
		d.ask(int(chosen[i].concept) < n && chosen[i].variant < variants)
	}
	if d.err == nil {
		a.columns = newColumns(n, chosen)
	}
	return a
}

func (k *ranker) encode(e *encoder) {
	e.u8(uint8(k.kind))
	for st := range statuses {
		e.f32s(k.stack.weight[st][:])
		e.f32s(k.stack.mean[st][:])
		e.f32(k.stack.bias[st])
	}
	for kind := range k.off {
		e.f32s(k.off[kind])
	}
	for kind := range k.calibrate {
		for st := range k.calibrate[kind] {
			k.calibrate[kind][st].encode(e)
		}
	}
	for kind := range k.conformal {
		e.f32s(k.conformal[kind][:])
	}
	k.profile.encode(e)
	e.bool(k.network != nil)
	if k.network != nil {
		k.network.encode(e)
	}
}

func decodeRanker(d *decoder, a *lexicon, v *vectors, w Want) ranker {
	k := ranker{kind: rankerKind(d.u8()), stack: &stack{}}
	d.ask(k.kind < rankerKinds)
	for st := range statuses {
		d.ask(copy(k.stack.weight[st][:], d.f32s()) == stackInputs)
		d.ask(copy(k.stack.mean[st][:], d.f32s()) == stackInputs)
		k.stack.bias[st] = d.f32()
	}
	for kind := range k.off {
		if by := d.f32s(); len(by) > 0 {
			d.ask(len(by) == len(a.vocabulary.labels[w]))
			k.off[kind] = by
		}
	}
	for kind := range k.calibrate {
		for st := range k.calibrate[kind] {
			k.calibrate[kind][st] = decodeCalibration(d)
		}
	}
	for kind := range k.conformal {
		d.ask(copy(k.conformal[kind][:], d.f32s()) == len(levels))
	}
	k.profile = decodeProfile(d)
	if d.bool() {
		k.network = decodeNetwork(d, a, v, w)
	}
	d.ask(k.kind != byNetwork || k.network != nil)
	return k
}

func (r *Report) encode(e *encoder) {
	e.num(r.Patients)
	e.num(r.Samples)
	e.num(r.Columns)
	e.estimate(r.Difference)
	e.u32(uint32(len(r.Wants)))
	for _, w := range r.Wants {
		e.str(w.Want)
		e.str(w.Ranker)
		for _, name := range rankerNames {
			e.estimate(w.AP[name])
		}
		e.estimate(w.Difference)
		e.f64(w.ECE)
		e.u32(uint32(len(w.Subgroups)))
		for _, g := range w.Subgroups {
			e.str(g.By)
			e.str(g.Value)
			e.num(g.Decisions)
			e.num(g.Patients)
			e.estimate(g.AP)
			e.estimate(g.Over)
		}
	}
	e.num(r.Sites)
	e.u32(uint32(len(r.People)))
	for _, p := range r.People {
		e.str(p.By)
		e.str(p.Value)
		e.num(p.Patients)
	}
}

func decodeReport(d *decoder) Report {
	r := Report{Patients: d.num(), Samples: d.num(), Columns: d.num(), Difference: d.estimate()}
	r.Wants = make([]WantReport, d.length(8))
	for i := range r.Wants {
		w := WantReport{Want: d.str(), Ranker: d.str()}
		w.AP = map[string]learn.Estimate{}
		for _, name := range rankerNames {
			w.AP[name] = d.estimate()
		}
		w.Difference, w.ECE = d.estimate(), d.f64()
		w.Subgroups = make([]Subgroup, d.length(24))
		for k := range w.Subgroups {
			w.Subgroups[k] = Subgroup{By: d.str(), Value: d.str(), Decisions: d.num(), Patients: d.num(), AP: d.estimate(), Over: d.estimate()}
		}
		r.Wants[i] = w
	}
	r.Sites = d.num()
	r.People = make([]Share, d.length(12))
	for i := range r.People {
		r.People[i] = Share{d.str(), d.str(), d.num()}
	}
	return r
}
