// Package auth says who calls and what they may do: tokens from a file with
// rights, the rule that only a loopback address is served without one, and the
// record of every access as a chain of hashes.
//
// Its invariant: nothing here holds a token in clear. A token file holds
// SHA-256 hashes, and what a caller presents is hashed before it is compared.
package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Rights is a set of rights. The zero Rights allows nothing.
type Rights uint16

// The rights. None includes another: a token that reads and recommends names both.
const (
	// Read: resources as they are stored.
	Read Rights = 1 << iota
	// Write: load, create, update and delete resources.
	Write
	// Recommend: ask for recommendations.
	Recommend
	// Search: search over all patients.
	Search
	// Admin: metrics and the state of the server; no patient data.
	Admin
	// Predict: ask models of the model service, and embeddings of words.
	Predict
	// Models: upload and delete datasets, train, promote and delete models.
	Models

	// Cohorts: count and save cohorts, in numbers that isolate nobody.
	Cohorts
	// Members: who is in a cohort and why, and its export.
	Members

	// Export: whole records by the file, and of many patients at once.
	Export

	// All is every right.
	All = Read | Write | Recommend | Search | Admin | Predict | Models | Cohorts | Members | Export
)

var rightNames = []string{"read", "write", "recommend", "search", "admin", "predict", "models", "cohorts", "members", "export"}

// String names the rights in their fixed order, joined by commas.
func (r Rights) String() string {
	var names []string
	for i, name := range rightNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseRights is the inverse of String; "all" stands for every right.
func ParseRights(s string) (Rights, error) {
	var r Rights
	for name := range strings.SplitSeq(s, ",") {
		if name == "all" {
			r |= All
			continue
		}
		i := slices.Index(rightNames, name)
		if i < 0 {
			return 0, fmt.Errorf("auth: unknown right; known are %s and all", strings.Join(rightNames, ", "))
		}
		r |= 1 << i
	}
	return r, nil
}

// Principal is a caller.
type Principal struct {
	// Name is the caller's name in the audit record: a system or a role.
	Name   string
	Rights Rights
	// Patients are the logical ids of the only patients that the caller may
	// see; nil means every patient, an empty list none.
	Patients []string
	// Grant is what the scopes of a token allow; nil: the rights and patients say it all.
	// With it, Patients are all whom any of it is about.
	Grant []Permission
}

// Has reports whether the principal has all the rights asked for.
func (p Principal) Has(r Rights) bool { return p.Rights&r == r }

// Limited reports whether the principal sees only some patients.
func (p Principal) Limited() bool { return p.Patients != nil }

// Sees reports whether the principal may see the patient with this logical id.
// What belongs to no patient ("") is seen by everyone.
func (p Principal) Sees(patient string) bool {
	return patient == "" || p.Patients == nil || slices.Contains(p.Patients, patient)
}

// OwnerName is the name of the owner in the audit record; no token has it.
const OwnerName = "owner"

// Owner is who comes through a channel that only the owner of the data can
// open, and who calls from this machine when there is no token file.
func Owner() Principal { return Principal{Name: OwnerName, Rights: All} }
