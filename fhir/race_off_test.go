//go:build !race

package fhir

const underRace = false
