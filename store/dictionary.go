package store

import _ "embed"

// dictionaryV1 is text of the shape FHIR R4 resources have, written for this
// purpose from the public specification: element names, code systems, no
// patient's data. The most frequent shapes stand last. It is part of the format:
// a byte changed here makes every value packed with it unreadable, so a better
// dictionary is a new file and a new number in codec.go. A test pins its hash.
//
//go:embed dictionary-v1.txt
var dictionaryV1 string
