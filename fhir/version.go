package fhir

// MapperVersion names what [Mapper] makes of the same resources. Raise it with
// every change of the mapping: what was derived under another is made anew.
const MapperVersion = "3"
