package path

import "strings"

// primitives are FHIR's primitive types and the kind each is to FHIRPath.
var primitives = map[string]Kind{
	"base64Binary": String, "boolean": Boolean, "canonical": String, "code": String, "date": Date, "dateTime": DateTime,
	"decimal": Decimal, "id": String, "instant": DateTime, "integer": Integer, "integer64": Integer, "markdown": String, "oid": String,
	"positiveInt": Integer, "string": String, "time": Time, "unsignedInt": Integer, "uri": String, "url": String, "uuid": String, "xhtml": String,
}

// complexTypes are the types other than primitives that value[x] and its like take.
var complexTypes = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`Address Age Annotation Attachment CodeableConcept CodeableReference Coding ContactPoint Count
		Distance Duration HumanName Identifier Money Period Quantity Range Ratio RatioRange Reference SampledData Signature Timing
		ContactDetail Contributor DataRequirement Expression ParameterDefinition RelatedArtifact TriggerDefinition UsageContext
		Dosage Meta SimpleQuantity MoneyQuantity Availability ExtendedContactDetail Narrative Extension`) {
		m[name] = true
	}
	return m
}()

// suffixes are what follows the name of a choice element, and the type it means.
var suffixes = func() map[string]string {
	m := map[string]string{}
	for name := range primitives {
		m[strings.ToUpper(name[:1])+name[1:]] = name
	}
	for name := range complexTypes {
		m[name] = name
	}
	return m
}()

// elementTypes are types of elements whose JSON does not show them: a date alone may
// be a date or a dateTime, a whole number a decimal. Of names that have several types in
// FHIR R4 the one is here that most of its resources have.
var elementTypes = func() map[string]string {
	m := map[string]string{}
	for typ, names := range map[string]string{
		"date":    "birthDate expirationDate approvalDate lastReviewDate statusDate paymentDate nextScheduled",
		"instant": "issued lastUpdated recorded timestamp when",
		"dateTime": `start end date authored authoredOn assertedDate availableTime created creation dateAsserted dateTime dateWritten
			lastModified lastOccurrence lastPerformed manufactureDate occurredDateTime received receivedTime recordedDate recordedOn
			sent started statusChanged whenHandedOver whenPrepared`,
		"time": "availableStartTime availableEndTime openingTime closingTime",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = typ
		}
	}
	return m
}()

// noChoices are elements whose names look like those of a choice and are not.
var noChoices = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`approvalDate billablePeriod birthDate dateTime dateWritten expirationDate fullUrl
		groupIdentifier instantiatesCanonical instantiatesUri lastReviewDate linkId manufactureDate masterIdentifier paymentDate
		paymentIdentifier reasonCode reasonReference recordedDate referenceRange requestIdentifier servicePeriod statusDate versionId`) {
		m[name] = true
	}
	return m
}()

// supertypes are the types that others specialise.
var supertypes = map[string]string{
	"code": "string", "id": "string", "markdown": "string", "url": "uri", "canonical": "uri", "uuid": "uri", "oid": "uri",
	"unsignedInt": "integer", "positiveInt": "integer", "Age": "Quantity", "Count": "Quantity", "Distance": "Quantity",
	"Duration": "Quantity", "MoneyQuantity": "Quantity", "SimpleQuantity": "Quantity",
}

// systemTypes are FHIRPath's own types.
var systemTypes = map[string]Kind{"Boolean": Boolean, "String": String, "Integer": Integer, "Decimal": Decimal,
	"Date": Date, "DateTime": DateTime, "Time": Time, "Quantity": Quantity}

// knownType refuses a name that no type can have.
func knownType(name string) bool {
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "FHIR."), "System.")
	if strings.HasPrefix(name, "System.") {
		return systemTypes[bare] != 0 || bare == "Any"
	}
	return primitives[bare] != 0 || bare != "" && bare[0] >= 'A' && bare[0] <= 'Z'
}

// isType reports whether the value is of the type or of one that specialises it.
// Where FHIR's type is not known, the form of the JSON decides.
func (v *Value) isType(name string) bool {
	if bare, ok := strings.CutPrefix(name, "System."); ok {
		return v.doc == nil && v.typ == "" && v.kind == systemTypes[bare]
	}
	name, fhir := strings.CutPrefix(name, "FHIR.")
	if v.typ != "" {
		for t := v.typ; t != ""; t = supertypes[t] {
			if t == name {
				return true
			}
		}
		return name == "Element" || v.doc == nil && !fhir && systemTypes[name] == v.kind
	}
	if v.kind == Element {
		return v.isElement(name)
	}
	if k := systemTypes[name]; k != 0 && !fhir {
		return k == v.kind
	}
	if v.doc == nil {
		return primitives[name] == v.kind && name == strings.ToLower(v.kind.String())
	}
	switch k := primitives[name]; k {
	case Date, DateTime, Time:
		t, ok := v.temporal()
		return ok && t.kind == k
	default:
		return k != 0 && k == v.kind
	}
}

// isElement guesses what an element is from its members.
func (v *Value) isElement(name string) bool {
	d := v.doc
	if i := d.member(v.node, "resourceType"); i != none && d.nodes[i].shape == isString {
		typ := d.text(i)
		switch name {
		case "Resource":
			return true
		case "DomainResource":
			return typ != "Bundle" && typ != "Binary" && typ != "Parameters"
		}
		return typ == name
	}
	has := func(names ...string) bool {
		for _, n := range names {
			if d.member(v.node, n) != none {
				return true
			}
		}
		return false
	}
	switch name {
	case "Element", "BackboneElement":
		return true
	case "Reference":
		return has("reference") || has("type", "display") && has("identifier")
	case "CodeableConcept":
		return has("coding") || has("text") && !has("status", "div")
	case "Coding":
		return has("code") && !has("value", "coding", "status")
	case "Quantity":
		return has("value") && has("unit", "code", "comparator") || has("value") && has("system") && has("code")
	case "Period":
		return has("start", "end")
	case "Identifier":
		return has("value") && !has("unit", "code", "rank")
	case "Range":
		return has("low", "high")
	case "Ratio":
		return has("numerator", "denominator")
	case "HumanName":
		return has("family", "given")
	case "Extension":
		return has("url")
	}
	return false
}

// as gives the value as one of the type, remembering it.
func (v *Value) as(name string) Value {
	out := *v
	name = strings.TrimPrefix(name, "FHIR.")
	if v.doc != nil && v.typ == "" && (primitives[name] != 0 || complexTypes[name]) {
		out.typ = name
	}
	return out
}
