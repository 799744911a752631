package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Issuer is an authorization server whose access tokens are accepted, as SMART on FHIR has
// them.
type Issuer struct {
	ID        string   // what iss must be, to the letter
	Audiences []string // of which aud must be one
	// Keys is the address or the file of its JWK Set; "" = its own description says.
	Keys string
	// Introspect is where opaque tokens are asked about (RFC 7662), "" = none are accepted.
	// Client and Secret, the path of a file, say who asks.
	Introspect, Client, Secret string
	// Authorize and Token are the addresses that clients are told of; "" = its own
	// description says.
	Authorize, Token string
	// Rights are what scopes of each level can give.
	Rights map[Level]Rights
	Rules  []Rule
}

// Rule gives rights beyond resources to tokens that have something: "scope=…", "client=…"
// or "claim.NAME=…".
type Rule struct {
	Kind, Name, Value string
	Rights            Rights
}

// ParseIssuers reads issuers as "ISSUER key=value …" and rules as "ISSUER
// scope=NAME|client=ID|claim.NAME=VALUE RIGHTS", ISSUER being * for all. base is the
// audience where none is set.
func ParseIssuers(lines, rules []string, base string) ([]Issuer, error) {
	var all []Issuer
	for i, line := range lines {
		is, err := parseIssuer(line, base)
		if err != nil {
			return nil, fmt.Errorf("auth: issuer %d: %w", i+1, err)
		}
		if slices.ContainsFunc(all, func(o Issuer) bool { return o.ID == is.ID }) {
			return nil, fmt.Errorf("auth: issuer %d: it stands there twice", i+1)
		}
		all = append(all, is)
	}
	for i, line := range rules {
		if err := addRule(all, line); err != nil {
			return nil, fmt.Errorf("auth: rule %d: %w", i+1, err)
		}
	}
	return all, nil
}

func parseIssuer(line, base string) (is Issuer, err error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return is, errors.New("want ISSUER key=value …")
	}
	is = Issuer{ID: words[0], Rights: map[Level]Rights{PatientLevel: Read | Write | Recommend}}
	if !safeAddress(is.ID) {
		return is, errors.New("an issuer is an https address, or http on this machine only")
	}
	for _, word := range words[1:] {
		key, value, ok := strings.Cut(word, "=")
		if !ok || value == "" {
			return is, fmt.Errorf("%q: want key=value", key)
		}
		if err := is.set(key, value); err != nil {
			return is, fmt.Errorf("%s: %w", key, err)
		}
	}
	if len(is.Audiences) == 0 && base != "" {
		is.Audiences = []string{base}
	}
	if len(is.Audiences) == 0 {
		return is, errors.New("an audience is needed: set smart-base, or aud= here")
	}
	if is.Introspect != "" && (is.Client == "" || is.Secret == "") {
		return is, errors.New("introspect needs client and secret beside it")
	}
	return is, nil
}

func (is *Issuer) set(key, value string) (err error) {
	var rights Rights
	switch key {
	case "aud":
		is.Audiences = strings.Split(value, ",")
	case "jwks":
		if is.Keys = value; strings.Contains(value, "://") && !safeAddress(value) {
			return errAddress
		}
	case "introspect", "authorize", "token":
		if !safeAddress(value) {
			return errAddress
		}
		*map[string]*string{"introspect": &is.Introspect, "authorize": &is.Authorize, "token": &is.Token}[key] = value
	case "client":
		is.Client = value
	case "secret":
		is.Secret = value
	case "patient", "user", "system":
		if value != "none" {
			rights, err = ParseRights(value)
		}
		if err == nil && rights&^(Read|Write|Recommend|Search|Export) != 0 {
			err = errors.New("scopes about resources can give read, write, search, recommend and export; others are given by smart-rights")
		}
		is.Rights[map[string]Level{"patient": PatientLevel, "user": UserLevel, "system": SystemLevel}[key]] = rights
	default:
		return errors.New("is not known; known are aud, jwks, introspect, client, secret, authorize, token, patient, user, system")
	}
	return err
}

func addRule(all []Issuer, line string) error {
	words := strings.Fields(line)
	if len(words) != 3 {
		return errors.New("want ISSUER WHAT RIGHTS, WHAT being scope=NAME, client=ID or claim.NAME=VALUE")
	}
	kind, value, ok := strings.Cut(words[1], "=")
	r := Rule{Kind: kind, Value: value}
	if name, isClaim := strings.CutPrefix(kind, "claim."); isClaim {
		r.Kind, r.Name = "claim", name
	}
	if !ok || value == "" || !slices.Contains([]string{"scope", "client", "claim"}, r.Kind) {
		return errors.New("want scope=NAME, client=ID or claim.NAME=VALUE")
	}
	var err error
	if r.Rights, err = ParseRights(words[2]); err != nil {
		return err
	}
	found := false
	for i := range all {
		if words[0] == "*" || words[0] == all[i].ID {
			all[i].Rules = append(all[i].Rules, r)
			found = true
		}
	}
	if !found {
		return errors.New("its issuer is not one of smart-issuers")
	}
	return nil
}
