package ember

import (
	"fmt"

	"ember/server"
	"ember/server/auth"
)

// openSMART knows the authorization servers that the configuration names.
func (a *App) openSMART() (server.SMART, error) {
	c := a.config
	out := server.SMART{Base: c.SMARTBase, Origins: c.SMARTOrigins}
	issuers, err := auth.ParseIssuers(c.SMARTIssuers, c.SMARTRights, c.SMARTBase)
	if err != nil {
		return out, fmt.Errorf("ember: %w", err)
	}
	if len(issuers) > 0 {
		out.Issuers = auth.NewIssuers(issuers, c.Now)
	}
	return out, nil
}
