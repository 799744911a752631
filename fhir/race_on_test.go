//go:build race

package fhir

// underRace: the race detector takes many times the memory and time.
const underRace = true
