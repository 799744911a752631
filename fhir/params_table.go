package fhir

import _ "embed"

// paramTable are the search parameters of R4 (hl7.org/fhir/R4/searchparameter-registry.html)
// for the types of clinical and administrative care. A line without a blank before
// it names a type; the others have the parameter's name, its type by its first
// letter (t token, d date, s string, r reference, q quantity, n number, u uri, c composite), the
// elements it looks at, and the types that a reference may point to.
//
// A name with * is the date that the resources of the type are ordered by; one with
// ! has lists of its own, which is worth it where a value picks out few resources.
// A composite (c) has the elements that hold its parts, . for the resource itself, and each
// part as name=type:elements.
//
// An element in brackets is taken only where its other element has that value.
//
//go:embed params.txt
var paramTable string

// topicParams are those of SubscriptionTopic, a type of R4B that an R4 server tells of.
const topicParams = `
 date* d date
 resource u resourceTrigger.resource
 status t status
 title s title
 trigger-description s resourceTrigger.description
 url u url
 version t version
`

// otherTypes are types of R4 without a table of their own: what nearly all
// resources have can be asked for.
const otherParams = `
 date* d date
 identifier! t identifier
 patient r patient,subject Patient
 status t status
 subject r subject *
`

// commonParams are those of every type.
const commonParams = `
 _lastUpdated d meta.lastUpdated
 _profile u meta.profile
 _security t meta.security
 _source u meta.source
 _tag t meta.tag
`
