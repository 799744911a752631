// Package bulk moves data in and out by the file, as HL7's Bulk Data Access has it.
//
// A [Service] keeps jobs, runs one at a time, oldest first, and keeps what came of them
// for a while. An export reads one snapshot of the store, in one pass, and writes lines
// into sealed files, one series a type, parted by bytes; an import reads files from
// addresses that the site allows and hands them to who stores them.
//
// A job is a folder: what was asked for and what came of it, sealed as the files are.
// One that ran when the process ended is run again from the beginning, over what is
// stored then; its files appear when all of them are whole.
//
// Its invariant: memory does not grow with what is stored; nothing of a patient lies
// in a job's folder in the clear; nobody whose Consent refuses is in a file.
package bulk

import (
	"errors"
	"time"
)

// Errors of the service.
var (
	// ErrNotFound: there is no such job, or it has expired, or no such file.
	ErrNotFound = errors.New("bulk: not found")
	// ErrBusy: the caller has as many jobs as one may have.
	ErrBusy = errors.New("bulk: too many jobs")
	// ErrUnfinished: the job has no files yet.
	ErrUnfinished = errors.New("bulk: not finished")
)

// State of a job.
type State string

// The states of jobs.
const (
	Queued  State = "queued"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// Final reports whether nothing more will happen.
func (s State) Final() bool { return s == Done || s == Failed }

// Level is what an export is of.
type Level string

// The levels.
const (
	System  Level = "system"  // everything
	Patient Level = "patient" // what is in the compartment of any patient
	Group   Level = "group"   // what is in the compartments of a group's members
)

// Export says what is exported.
type Export struct {
	Level Level  `json:"level"`
	Group string `json:"group,omitempty"`
	// Types are those wanted; empty = all.
	Types []string `json:"types,omitempty"`
	// Since and Until bound when a resource was changed last: later than the one,
	// earlier than the other. Zero = no bound.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Elements are names of elements, with a type and a dot before it or for all types.
	Elements []string `json:"elements,omitempty"`
	// Filters are searches, "Type?parameters": what is of a type with any must meet one.
	Filters []string `json:"filters,omitempty"`
	// Patients are the only ones wanted; nil = all.
	Patients []string `json:"patients,omitempty"`
	// Scope are the only patients that the caller may see; nil = all.
	Scope []string `json:"scope,omitempty"`
	// Limited: Scope is what bounds the caller, even when it is empty.
	Limited bool `json:"limited,omitempty"`
	// Mode of de-identification, "" = none.
	Mode string `json:"mode,omitempty"`
	// Base is the server's own address, with a slash at its end, as clients know it.
	Base string `json:"base,omitempty"`
}

// Import says what is read.
type Import struct {
	Inputs []Input `json:"inputs"`
}

// Input is one file of NDJSON.
type Input struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// Job is one export or import. Its slices are not modified once it is handed out.
type Job struct {
	ID        string    `json:"id"`
	Principal string    `json:"principal"`
	URL       string    `json:"url"` // that it was begun with
	Export    *Export   `json:"export,omitempty"`
	Import    *Import   `json:"import,omitempty"`
	State     State     `json:"state"`
	Created   time.Time `json:"created"`
	Ended     time.Time `json:"ended"`
	Expires   time.Time `json:"expires"`
	// At is the moment an export shows: nothing later is in it.
	At time.Time `json:"at"`
	// Seq is the last change that it shows for sure.
	Seq uint64 `json:"seq,omitempty"`
	// Refusing are keyed hashes of who refused then, and is in no file.
	Refusing []string `json:"refusing,omitempty"`
	// Read counts resources looked at, of about Total.
	Read, Total int64 `json:"-"`
	Resources   int64 `json:"resources"`
	Patients    int64 `json:"patients"`
	// Key names the key of de-identification.
	Key     string `json:"key,omitempty"`
	Output  []File `json:"output,omitempty"`
	Deleted []File `json:"deleted,omitempty"`
	Errors  []File `json:"errors,omitempty"`
	// Problem says in words why it failed, without data of patients.
	Problem string `json:"problem,omitempty"`
}

// File is one file of a job.
type File struct {
	Name  string `json:"name"` // as in the folder
	Type  string `json:"type"`
	Count int64  `json:"count"` // of lines
	Bytes int64  `json:"bytes"`
	Input string `json:"input,omitempty"` // the address that it is about
}

// files are all files.
func (j *Job) files() []File {
	return append(append(append([]File(nil), j.Output...), j.Deleted...), j.Errors...)
}
