package auth

import "slices"

// Permission is one thing that a caller may do. What several admit is admitted; what none
// admits is not.
type Permission struct {
	Type string // "*" = every type
	Can  Can
	// Patients are the only patients whose resources it is about, by logical id; nil:
	// every patient's.
	Patients []string
	// Named: lists hold only what is of patients whom the question names; who may search
	// over all patients has no such bound.
	Named bool
	// Where are search parameters that the resources must meet, "" = all do.
	Where string
}

// Permissions are those that let the caller do can with resources of a type. They follow
// the rights and patients of a token file's line, and the scopes of a SMART token.
func (p Principal) Permissions(typ string, can Can) []Permission {
	if p.Grant == nil {
		if one := (Permission{Type: "*", Can: p.Rights.can(), Patients: p.Patients, Named: p.Patients == nil && p.Rights&Search == 0}); one.Can&can == can {
			return []Permission{one}
		}
		return nil
	}
	var all []Permission
	for _, one := range p.Grant {
		if (one.Type == "*" || one.Type == typ) && one.Can&can == can {
			all = append(all, one)
		}
	}
	return all
}

// Whole reports whether the caller may read and find every resource of a type that belongs
// to the patient, or to whomever it is for "", without a condition.
func (p Principal) Whole(typ, patient string) bool {
	may := func(can Can) bool {
		return slices.ContainsFunc(p.Permissions(typ, can), func(one Permission) bool {
			if one.Patients == nil {
				return one.Where == "" && (patient != "" || !one.Named)
			}
			return one.Where == "" && slices.Contains(one.Patients, patient)
		})
	}
	return may(CanRead) && may(CanSearch)
}

// Scoped reports whether scopes decide what the caller may see.
func (p Principal) Scoped() bool { return p.Grant != nil }

// can is what rights let do with resources.
func (r Rights) can() (can Can) {
	if r&Read != 0 {
		can |= CanRead | CanSearch
	}
	if r&Write != 0 {
		can |= CanCreate | CanUpdate | CanDelete
	}
	return can
}

// grant is what scopes come to: those about the patient of the launch, and those that the
// issuer's rights stand behind.
func grant(scopes []Scope, patient string, rights map[Level]Rights) (all []Permission, has Rights, patients []string) {
	all = []Permission{}
	for _, s := range scopes {
		one := Permission{Type: s.Type, Can: s.Can & rights[s.Level].can(), Where: s.Where}
		if one.Can == 0 || s.Level == PatientLevel && patient == "" {
			continue
		}
		if s.Level == PatientLevel {
			one.Patients = []string{patient}
		} else {
			one.Named = rights[s.Level]&Search == 0
			has |= rights[s.Level] & (Search | Export)
		}
		has |= rights[s.Level] & Recommend
		if one.Can&(CanRead|CanSearch) != 0 {
			has |= Read
		}
		if one.Can&(CanCreate|CanUpdate|CanDelete) != 0 {
			has |= Write
		}
		all = append(all, one)
	}
	return all, has, whom(all)
}

// whom are the patients that permissions are about, nil for everybody.
func whom(all []Permission) []string {
	patients := []string{}
	for _, p := range all {
		if p.Patients == nil {
			return nil
		}
		patients = append(patients, p.Patients...)
	}
	slices.Sort(patients)
	return slices.Compact(patients)
}
