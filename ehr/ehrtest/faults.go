package ehrtest

import (
	"net/http"
	"strconv"
	"time"
)

// Faults are the ways of misbehaving. The zero value is an EHR as it should be.
type Faults struct {
	// Slow delays every answer.
	Slow time.Duration
	// Skew is how far the clock in the Date header, and of tokens, is off.
	Skew time.Duration
	// HTML, Unauthorized, Busy and Broken answer so many requests of a kind with a page
	// for people, 401, 429 (with Retry-After) and 500. The kinds are "kick-off", "status",
	// "file", "search", "read", "token", …
	HTML, Unauthorized, Busy, Broken map[string]int
	// Cut lets so many answers with a file end in the middle, with the connection broken;
	// CutClean lets the file itself be cut, with nothing to show for it.
	Cut, CutClean int
	// Forget lets so many requests for files answer 404.
	Forget int
	// Count is added to each count in a manifest; NoCount leaves them out.
	Count   int
	NoCount bool
	// NoRange ignores Range; NoGzip never compresses; Raw compresses files without saying so.
	NoRange, NoGzip, Raw bool
	// OpenFiles gives files without a token, and to none who sends one.
	OpenFiles bool
	// Error puts a file with an error into the manifest.
	Error bool
	// Fail lets exports end with 500.
	Fail bool
	// Scopes are granted whatever was asked for; "" = what was asked.
	Scopes string
	// NoSMART, NoCORS, NoBulk, NoSubscriptions, NoKeys and R5 take abilities away.
	NoSMART, NoCORS, NoBulk, NoSubscriptions, NoKeys, R5 bool
	// NoSearch is a type that cannot be searched.
	NoSearch string
	// Audience is what aud has to be in place of the token endpoint.
	Audience string
	// Lose lets so many notifications get lost; Twice sends each twice; Quiet sends none.
	Lose         int
	Twice, Quiet bool
}

// Set changes how the EHR misbehaves.
func (s *Server) Set(change func(*Faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
}

func (s *Server) fault() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// use takes one of a number of faults, reporting whether there was one.
func (s *Server) use(n func(*Faults) *int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := n(&s.faults)
	if *left <= 0 {
		return false
	}
	*left--
	return true
}

func (s *Server) useOf(kind string, m func(*Faults) map[string]int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	faults := m(&s.faults)
	if faults[kind] <= 0 {
		return false
	}
	faults[kind]--
	return true
}

// misbehave answers in place of the handler; false = it does not.
func (s *Server) misbehave(kind string, w http.ResponseWriter) bool {
	switch {
	case s.useOf(kind, func(f *Faults) map[string]int { return f.HTML }):
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("<html><body>Please log in</body></html>"))
	case s.useOf(kind, func(f *Faults) map[string]int { return f.Unauthorized }):
		outcome(w, http.StatusUnauthorized, "expired")
	case s.useOf(kind, func(f *Faults) map[string]int { return f.Busy }):
		w.Header().Set("Retry-After", strconv.Itoa(1))
		outcome(w, http.StatusTooManyRequests, "throttled")
	case s.useOf(kind, func(f *Faults) map[string]int { return f.Broken }):
		outcome(w, http.StatusInternalServerError, "exception")
	default:
		return false
	}
	return true
}
