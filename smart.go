package ember

import (
	"fmt"
	"os"

	"ember/ehr"
	"ember/server"
	"ember/server/auth"
)

// openSMART knows the authorization servers that the configuration names, and sets the app
// up.
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
	out.App = server.App{Client: c.SMARTApp, Launchers: c.SMARTLaunchers, Scopes: c.SMARTAppScopes}
	if c.SMARTApp == "" || c.SMARTAppKey == "" {
		return out, nil
	}
	file, err := os.ReadFile(c.SMARTAppKey)
	if err != nil {
		return out, fmt.Errorf("ember: reading smart-app-key: %w", err)
	}
	key, err := ehr.ReadKey(file)
	if err != nil {
		return out, fmt.Errorf("ember: smart-app-key: %w", err)
	}
	out.App.Exchange = &auth.Exchange{Client: c.SMARTApp, Launchers: c.SMARTLaunchers, Sign: func(client, audience string) (string, error) {
		return key.Assertion(client, audience, c.Now())
	}}
	out.App.Keys, err = key.Public()
	return out, err
}
