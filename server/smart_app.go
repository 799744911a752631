package server

import (
	"context"
	"embed"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"ember/server/auth"
)

//go:embed smartapp
var smartApp embed.FS

// App is Ember as a SMART app: a page that an EHR launches, which shows recommendations
// for the patient at hand.
type App struct {
	// Client is the id under which the EHR knows the page; "": there is no page.
	Client string
	// Launchers are the FHIR base addresses that may launch it; the first one is asked when
	// nobody launches.
	Launchers []string
	Scopes    []string
	// Exchange signs for the page with a key of Ember's own. Nil: the page is a public
	// client and does it without.
	Exchange Exchange
	// Keys are the public keys of that, as a JWK Set.
	Keys []byte
}

// Exchange makes a token of a code; *auth.Exchange is it.
type Exchange interface {
	// Token returns the answer of the token endpoint, or an *auth.Refused.
	Token(ctx context.Context, iss string, form url.Values) ([]byte, error)
}

// smartPages are the page's files and their types.
var smartPages = map[string]string{"launch.html": "text/html; charset=utf-8", "app.html": "text/html; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "app.css": "text/css; charset=utf-8"}

// smartAppRoutes are the page and what it asks for.
func (s *Server) smartAppRoutes() []route {
	return []route{
		{http.MethodGet, "/smart/launch.html", 0, true, classProbe, s.apped(s.smartPage)},
		{http.MethodGet, "/smart/app.html", 0, true, classProbe, s.apped(s.smartPage)},
		{http.MethodGet, "/smart/app.js", 0, true, classProbe, s.apped(s.smartPage)},
		{http.MethodGet, "/smart/app.css", 0, true, classProbe, s.apped(s.smartPage)},
		{http.MethodGet, "/smart/config.json", 0, true, classProbe, s.apped(s.smartSettings)},
		{http.MethodGet, "/smart/jwks.json", 0, true, classProbe, s.apped(s.smartKeys)},
		{http.MethodPost, "/smart/token", 0, true, classAsk, s.apped(s.smartToken)},
	}
}

// apped is a handler that needs the page to be set up.
func (s *Server) apped(h func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.SMART.App.Client == "" {
		return func(context.Context, *call) error {
			return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "the SMART app is not set up here", Hint: "set smart-app and smart-launchers in the configuration"}
		}
	}
	return h
}

// smartPage is GET of one of the page's files. A page may talk to this server, to those that
// launch it and to those that authorize it, and be framed by those that launch it.
func (s *Server) smartPage(ctx context.Context, c *call) error {
	name := path.Base(c.route.pattern)
	b, err := smartApp.ReadFile("smartapp/" + name)
	if err != nil {
		return err
	}
	h := c.w.Header()
	if strings.HasSuffix(name, ".html") {
		launchers := origins(s.deps.SMART.App.Launchers...)
		reach := launchers
		if s.deps.SMART.Issuers != nil {
			if m, ok := s.deps.SMART.Issuers.Describe(ctx); ok {
				reach = append(slices.Clone(reach), origins(m.Token)...)
			}
		}
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; connect-src 'self' "+
			strings.Join(reach, " ")+"; frame-ancestors 'self' "+strings.Join(launchers, " "))
	}
	h.Set("Referrer-Policy", "no-referrer")
	c.send(http.StatusOK, smartPages[name], b)
	return nil
}

// origins are the origins of addresses, each once.
func origins(addresses ...string) (all []string) {
	for _, a := range addresses {
		if u, err := url.Parse(a); err == nil && u.Host != "" {
			if o := u.Scheme + "://" + u.Host; !slices.Contains(all, o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// smartSettings is GET /smart/config.json.
func (s *Server) smartSettings(_ context.Context, c *call) error {
	a := s.deps.SMART.App
	return c.sendJSON(http.StatusOK, map[string]any{"client": a.Client, "launchers": list(a.Launchers), "scopes": list(a.Scopes), "signs": a.Exchange != nil})
}

// smartKeys is GET /smart/jwks.json.
func (s *Server) smartKeys(_ context.Context, c *call) error {
	if s.deps.SMART.App.Keys == nil {
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "the SMART app has no key", Hint: "set smart-app-key; without it the app is a public client"}
	}
	c.send(http.StatusOK, plainJSON, s.deps.SMART.App.Keys)
	return nil
}

// smartToken is POST /smart/token: a code and its verifier, from the page, become a token.
// Who has both has what a public client needs; the signature is Ember's.
func (s *Server) smartToken(ctx context.Context, c *call) error {
	if s.deps.SMART.App.Exchange == nil {
		return &Fault{Status: http.StatusNotFound, Code: "not-found", Detail: "the SMART app has no key", Hint: "set smart-app-key; without it the app asks the authorization server itself"}
	}
	if err := http.NewCrossOriginProtection().Check(c.r); err != nil {
		return &Fault{Status: http.StatusForbidden, Code: "forbidden", Detail: "a page of another site sent this request"}
	}
	body, err := c.smallBody() // nobody has said yet who they are
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("code") == "" || form.Get("code_verifier") == "" || form.Get("redirect_uri") == "" {
		return &Fault{Status: http.StatusBadRequest, Code: "required", Detail: "code, code_verifier and redirect_uri are needed", Hint: "send them as application/x-www-form-urlencoded"}
	}
	b, err := s.deps.SMART.App.Exchange.Token(ctx, form.Get("iss"), form)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, plainJSON, b)
	return nil
}

var _ Exchange = (*auth.Exchange)(nil)
