package ember

import (
	"context"
	"slices"
	"strings"

	"ember/ehr"
	"ember/server/cds"
)

// ExamineEHR looks at the EHR that the settings name, as Ember would use it, and says in
// words what to change. It needs no data directory and changes nothing on either side.
func ExamineEHR(ctx context.Context, config Config) ([]Check, error) {
	if config.EHR == "" {
		return nil, errNoEHR
	}
	client, err := config.ehrClient()
	if err != nil {
		return nil, err
	}
	level := config.EHRExport
	if level == "system" {
		level = ""
	}
	found := client.Examine(ctx, ehr.Needs{Queries: cds.Prefetch(), Level: level, Types: config.EHRTypes, Topic: config.EHRTopic, Origin: config.CDSBase})
	checks := make([]Check, 0, len(found)+1)
	for _, c := range found {
		checks = append(checks, Check{Name: c.Name, Status: c.Status, Detail: c.Detail})
	}
	return append(checks, config.checkHooks(client.Base())), nil
}

// checkHooks looks at what Ember's own settings say about the EHR.
func (c Config) checkHooks(base string) Check {
	var say []string
	if c.CDSBase == "" {
		say = append(say, "set cds-base to the address that the EHR calls: tokens must be signed for it (aud), and cards can then carry links")
	} else if !strings.HasPrefix(c.CDSBase, "https://") {
		say = append(say, "cds-base is not https: most EHRs call no other address")
	}
	if !slices.ContainsFunc(c.CDSServers, func(s string) bool { return strings.TrimRight(s, "/") == base }) {
		say = append(say, "add the EHR's base to cds-servers, so that what a prefetch lacks can be read there")
	}
	if len(c.CDSClients) == 0 && c.TokenFile == "" {
		say = append(say, "add the EHR's issuer and JWK Set to cds-clients, so that it can call from another machine")
	}
	if len(say) > 0 {
		return Check{"hooks", "warn", strings.Join(say, "; ")}
	}
	return Check{"hooks", "ok", "CDS Hooks: the EHR may call, and be read"}
}
