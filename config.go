package ember

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ember/bulk"
)

// Config is everything that can be set. [Defaults] gives what holds otherwise;
// docs/configuration.md is made from the comments here.
type Config struct {
	// Data is the data directory: one tenant, one serving process.
	Data string `koanf:"data"`
	// Addr is where the server listens. Anything but a loopback address needs TokenFile.
	Addr string `koanf:"addr"`
	// TokenFile lists who may do what; see docs/safety.md. Empty: whoever reaches the loopback address may do everything.
	TokenFile string `koanf:"token-file"`
	// KeyFile holds the master key of the store. Empty: "key" in the data directory, made at first start.
	KeyFile string `koanf:"key-file"`
	// TermsDir holds the site's own codes, hierarchies and drug tables. Empty: only what Ember brings.
	TermsDir string `koanf:"terms-dir"`
	// RulesDir holds the site's own safety tables. Empty: only what Ember brings.
	RulesDir string `koanf:"rules-dir"`
	// Redis lists addresses of a Redis server, of a Cluster's nodes, or of Sentinels (with RedisMaster). Empty: candidates are cached in memory only.
	Redis []string `koanf:"redis"`
	// RedisMaster is the name that Sentinels know the master by.
	RedisMaster string `koanf:"redis-master"`
	// RedisPassword is sent to Redis.
	RedisPassword string `koanf:"redis-password"`
	// CacheBytes bounds the candidates cached in memory.
	CacheBytes int64 `koanf:"cache-bytes"`
	// CacheTTL is how long candidates are kept.
	CacheTTL time.Duration `koanf:"cache-ttl"`
	// MaxBody bounds a request's body in bytes (a Bundle, or one NDJSON line).
	MaxBody int64 `koanf:"max-body"`
	// MaxLoads bounds how many loads run at once.
	MaxLoads int `koanf:"max-loads"`
	// MaxRequests bounds how many other requests run at once; more are told to come back.
	MaxRequests int `koanf:"max-requests"`
	// ReadyLag is the index lag, in changes, up to which /readyz says ready.
	ReadyLag uint64 `koanf:"ready-lag"`
	// CohortQuestions is how many different cohorts a caller may ask for in a day, so that nobody can be found out by asking often.
	CohortQuestions int `koanf:"cohort-questions"`
	// CohortEpsilon adds Laplace's noise to each number that is told of a cohort, of this epsilon: 1 moves most by less than 3, .1 by less than 30. 0 adds none.
	CohortEpsilon float64 `koanf:"cohort-epsilon"`
	// BulkFile is about how large in bytes a file of a bulk export grows before another is begun.
	BulkFile int64 `koanf:"bulk-file"`
	// BulkKeep is how long the files of a bulk job are kept.
	BulkKeep time.Duration `koanf:"bulk-keep"`
	// BulkJobs is how many bulk jobs one caller may have that have not ended.
	BulkJobs int `koanf:"bulk-jobs"`
	// ImportSources lists the beginnings of addresses that $import may read, as https://files.example.org/dump/; no other address is ever called.
	ImportSources []string `koanf:"import-sources"`
	// DeidSystems lists further code systems whose codes de-identified data may hold, by their addresses; the site vouches that no code of them names a person.
	DeidSystems []string `koanf:"deid-systems"`
	// StoreCache bounds the store's block cache in bytes.
	StoreCache int64 `koanf:"store-cache"`
	// TrainMemory is the memory limit of the training process in bytes.
	TrainMemory int64 `koanf:"train-memory"`
	// CDSBase is the address that clients of CDS Hooks know this server by, as https://cds.example.org. Empty: what the request's Host header says; cards then carry no links.
	CDSBase string `koanf:"cds-base"`
	// CDSClients lists who may call CDS Hooks with tokens they sign themselves: "ISSUER KEYS", KEYS being the https address or the file of the client's JWK Set. With it nobody calls CDS Hooks without a token.
	CDSClients []string `koanf:"cds-clients"`
	// CDSOrigins lists the origins whose pages may call CDS Hooks from a browser; without a port any port, * for all.
	CDSOrigins []string `koanf:"cds-origins"`
	// CDSServers lists the base addresses of clients' FHIR servers that may be read for what a prefetch lacks; no other address is ever called.
	CDSServers []string `koanf:"cds-servers"`
	// CDSDeadline is when a CDS answer is given at the latest, empty if need be, after the request was read; waiting for a place is part of it.
	CDSDeadline time.Duration `koanf:"cds-deadline"`
	// CDSCards is how many cards one hook instance gets for a patient; those of the safety rules are not counted.
	CDSCards int `koanf:"cds-cards"`
	// CDSSuggestions is how many suggestions a card has.
	CDSSuggestions int `koanf:"cds-suggestions"`
	// CDSQuiet is how long a suggestion that was accepted or overridden is not made again for the patient; below 0: it is made again at once.
	CDSQuiet time.Duration `koanf:"cds-quiet"`
	// CDSFeedback is how long feedback to a card is taken; after it a card without any counts as ignored.
	CDSFeedback time.Duration `koanf:"cds-feedback"`
	// CDSDays makes prefetch templates ask for so many days back by the relative dates of CDS Hooks 3; 0: for the latest resources, which clients of every version understand.
	CDSDays int `koanf:"cds-days"`
	// EHR is the base address of the FHIR server of the EHR that Ember asks of its own accord: for bulk exports and subscriptions. Empty: none.
	EHR string `koanf:"ehr"`
	// OwnBases lists further FHIR base addresses of servers whose ids are this one's, as https://old.example.org/fhir, beside smart-base, cds-base, ehr, import-sources and the address a client writes to: an absolute reference to a patient of any other server is in nobody's record here.
	OwnBases []string `koanf:"own-bases"`
	// EHRClient is the id under which the EHR knows Ember as a client of SMART Backend Services. Empty: the EHR is asked without tokens.
	EHRClient string `koanf:"ehr-client"`
	// EHRKey is the file of the private key that signs for ehr-client; ember ehr key makes one.
	EHRKey string `koanf:"ehr-key"`
	// EHRScopes are asked for; none: reading everything, in the words of the EHR's version of SMART.
	EHRScopes []string `koanf:"ehr-scopes"`
	// EHRHosts are further hosts of the EHR: of its token endpoint, and of the files of exports. No other host is ever asked.
	EHRHosts []string `koanf:"ehr-hosts"`
	// EHRExport is what is exported: system, Patient, or Group/ID.
	EHRExport string `koanf:"ehr-export"`
	// EHRTypes limits exports to resource types; none: all that the EHR gives.
	EHRTypes []string `koanf:"ehr-types"`
	// EHRPull is how long after an export the next one begins while serving; 0: only ember ehr pull exports.
	EHRPull time.Duration `koanf:"ehr-pull"`
	// EHRTopic is the canonical address of the topic that Ember subscribes to at the EHR; ember doctor --ehr lists those there are. Empty: changes come by exports alone.
	EHRTopic string `koanf:"ehr-topic"`
	// EHRFilter narrows the topic by a search, as the topic allows.
	EHRFilter string `koanf:"ehr-filter"`
	// EHRNotify is the address by which the EHR reaches Ember, as https://ember.example.org; notifications come to /ehr/notifications there.
	EHRNotify string `koanf:"ehr-notify"`
	// EHRFull asks for whole resources in notifications; else they are read at the EHR by their ids.
	EHRFull bool `koanf:"ehr-full"`
	// SMARTBase is the FHIR base address that SMART apps know this server by, as https://ember.example.org/fhir: the audience of their tokens. Empty: each issuer names its own, and the request's Host header says what clients are told.
	SMARTBase string `koanf:"smart-base"`
	// SMARTIssuers lists the authorization servers whose access tokens are accepted: "ISSUER key=value …", see docs/guide/smart.md. With it nobody gets in without a token.
	SMARTIssuers []string `koanf:"smart-issuers"`
	// SMARTRights lists rights beyond resources for tokens that have something: "ISSUER scope=NAME|client=ID|claim.NAME=VALUE RIGHTS", ISSUER being * for all. Cohorts, models and metrics are open to no SMART token without it.
	SMARTRights []string `koanf:"smart-rights"`
	// SMARTOrigins lists the origins whose pages may call the FHIR interface and recommendations from a browser; without a port any port, * for all.
	SMARTOrigins []string `koanf:"smart-origins"`
	// SubscriptionHosts may be notified of what others subscribe to at Subscription: HOST, or HOST:PORT. Empty: nobody can subscribe. Needs cds-base, by which others know this server.
	SubscriptionHosts []string `koanf:"subscription-hosts"`
	// SubscriptionPrivate lets hosts in subscription-hosts have addresses of this machine or of a private network, and be asked by http; link-local addresses and those where clouds give out secrets need subscription-ranges.
	SubscriptionPrivate bool `koanf:"subscription-private"`
	// SubscriptionRanges lets hosts in subscription-hosts have addresses of these ranges, as 10.20.0.0/16, and be asked by http; of all others that are not of the internet none is connected to, whatever a name resolves to.
	SubscriptionRanges []string `koanf:"subscription-ranges"`
	// Risks are the models whose risks are shown, as "MODEL THRESHOLD": at CDS Hooks and in notifications from the threshold on. MODEL was made of a cohort (ember dataset from-cohort). Empty: there is no service of risks.
	Risks []string `koanf:"risks"`
	// SMARTApp is the client id under which EHRs know Ember's own app, /smart/launch.html: recommendations for the patient at hand. Empty: there is no app.
	SMARTApp string `koanf:"smart-app"`
	// SMARTAppKey is the file of the private key that signs for smart-app; ember ehr key makes one, /smart/jwks.json publishes it. Empty: the app is a public client.
	SMARTAppKey string `koanf:"smart-app-key"`
	// SMARTAppScopes are asked for by the app.
	SMARTAppScopes []string `koanf:"smart-app-scopes"`
	// SMARTLaunchers lists the FHIR base addresses of EHRs that may launch the app; the first one is asked when nobody launches it.
	SMARTLaunchers []string `koanf:"smart-launchers"`
	// Explore is the share of answers asked for with feedback=true whose last item gives way to one of the next five, so that something can be learned of what would not be shown; never to one that a rule has anything to say about. 0: none, and then feedback is counted but changes nothing.
	Explore float64 `koanf:"explore"`
	// Seed makes training repeatable.
	Seed uint64 `koanf:"seed"`

	// Log receives what operators should know, never patient data. Nil: nothing.
	Log *slog.Logger `koanf:"-"`
	// Now is the clock. Nil: the system's.
	Now func() time.Time `koanf:"-"`
	// Executable is the program that trains in a child process. Empty: this one.
	Executable string `koanf:"-"`
}

// Defaults is the configuration of a fresh installation.
func Defaults() Config {
	return Config{
		Data: "ember-data", Addr: "127.0.0.1:8080",
		CacheBytes: 64 << 20, CacheTTL: 24 * time.Hour,
		MaxBody: 128 << 20, MaxLoads: 4, MaxRequests: 256, ReadyLag: 0, CohortQuestions: 1000,
		BulkFile: 256 << 20, BulkKeep: 24 * time.Hour, BulkJobs: 4,
		StoreCache: 64 << 20, TrainMemory: 4 << 30, Seed: 1,
		CDSOrigins: []string{"http://localhost", "http://127.0.0.1"}, CDSDeadline: 400 * time.Millisecond, CDSCards: 3, CDSSuggestions: 5,
		SMARTAppScopes: []string{"launch", "launch/patient", "openid", "fhirUser", "patient/*.rs"},
		CDSQuiet:       24 * time.Hour, CDSFeedback: 30 * 24 * time.Hour,
		EHRExport: "Patient",
	}
}

// Validate reports everything that is wrong with the configuration at once.
func (c Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("configuration: "+format, args...)) }
	if c.Data == "" {
		fail("data: a directory is needed")
	}
	for name, v := range map[string]int64{"max-body": c.MaxBody, "max-loads": int64(c.MaxLoads), "max-requests": int64(c.MaxRequests), "cohort-questions": int64(c.CohortQuestions),
		"bulk-file": c.BulkFile, "bulk-keep": int64(c.BulkKeep), "bulk-jobs": int64(c.BulkJobs), "cache-bytes": c.CacheBytes, "store-cache": c.StoreCache, "train-memory": c.TrainMemory,
		"cds-deadline": int64(c.CDSDeadline), "cds-cards": int64(c.CDSCards), "cds-suggestions": int64(c.CDSSuggestions), "cds-feedback": int64(c.CDSFeedback)} {
		if v <= 0 {
			fail("%s: must be above 0, is %d", name, v)
		}
	}
	if c.CohortEpsilon < 0 || c.CohortEpsilon > 100 {
		fail("cohort-epsilon: must be from 0 to 100, is %g", c.CohortEpsilon)
	}
	if c.Explore < 0 || c.Explore > .5 {
		fail("explore: must be from 0 to 0.5, is %g", c.Explore)
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		fail("addr: %q is not HOST:PORT", c.Addr)
	}
	if len(c.CDSClients) > 0 && c.CDSBase == "" {
		fail("cds-base: is needed with cds-clients: tokens are signed for the address of a service, and a caller must not say what it is")
	}
	if c.TokenFile == "" && len(c.CDSClients) == 0 && slices.ContainsFunc(c.CDSOrigins, farOrigin) {
		fail("cds-origins: pages of other machines may call only with token-file or cds-clients")
	}
	for _, source := range c.ImportSources {
		if err := bulk.CheckSource(source); err != nil {
			fail("import-sources: %w", err)
		}
	}
	if (len(c.SMARTRights) > 0 || len(c.SMARTOrigins) > 0) && len(c.SMARTIssuers) == 0 {
		fail("smart-issuers: is needed with smart-rights and smart-origins")
	}
	if c.SMARTApp != "" && (len(c.SMARTLaunchers) == 0 || len(c.SMARTIssuers) == 0) {
		fail("smart-app: needs smart-launchers, who may launch it, and smart-issuers, whose tokens it brings")
	}
	if u, err := url.Parse(c.SMARTBase); c.SMARTBase != "" && (err != nil || u.Host == "" || u.RawQuery != "") {
		fail("smart-base: is no base address, as https://ember.example.org/fhir")
	}
	if c.CDSDays < 0 {
		fail("cds-days: must not be negative, is %d", c.CDSDays)
	}
	c.validateEHR(fail)
	if _, err := parseRanges(c.SubscriptionRanges); err != nil {
		fail("%w", err)
	}
	for _, base := range c.OwnBases {
		if u, err := url.Parse(base); err != nil || u.Host == "" || u.RawQuery != "" {
			fail("own-bases: is no base address, as https://old.example.org/fhir")
		}
	}
	if _, err := parseRisks(c.Risks); err != nil {
		fail("%w", err)
	}
	if c.RedisMaster != "" && len(c.Redis) == 0 {
		fail("redis-master: needs the Sentinels' addresses in redis")
	}
	for name, dir := range map[string]string{"terms-dir": c.TermsDir, "rules-dir": c.RulesDir, "token-file": c.TokenFile} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(dir); err != nil {
			fail("%s: %w", name, err)
		}
	}
	return errors.Join(errs...)
}

// validateEHR looks at the settings of the EHR that is asked.
func (c Config) validateEHR(fail func(format string, args ...any)) {
	switch {
	case c.EHR == "" && (c.EHRClient != "" || c.EHRPull > 0):
		fail("ehr: is needed with ehr-client and ehr-pull")
	case c.EHR == "":
	case (c.EHRClient == "") != (c.EHRKey == ""):
		fail("ehr-key: is needed with ehr-client, and the other way round")
	}
	if c.EHRExport != "system" && c.EHRExport != "Patient" && !strings.HasPrefix(c.EHRExport, "Group/") {
		fail("ehr-export: must be system, Patient or Group/ID")
	}
	if c.EHRTopic != "" && (c.EHR == "" || c.EHRNotify == "") {
		fail("ehr-topic: needs ehr, and in ehr-notify the address by which the EHR reaches this server")
	}
	if len(c.SubscriptionHosts) > 0 && c.CDSBase == "" {
		fail("cds-base: is needed with subscription-hosts: notifications name topics and patients by it")
	}
	if c.EHRPull < 0 {
		fail("ehr-pull: must not be negative")
	}
}

// farOrigin reports whether pages of an origin come from another machine than this one.
func farOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err != nil || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1"
}

func (c Config) path(parts ...string) string {
	return filepath.Join(append([]string{c.Data}, parts...)...)
}

func (c Config) keyFile() string {
	if c.KeyFile != "" {
		return c.KeyFile
	}
	return c.path("key")
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return c
}

// bases are the FHIR base addresses of servers whose ids are this one's.
func (c *Config) bases() (all []string) {
	hooks := ""
	if c.CDSBase != "" {
		hooks = strings.TrimSuffix(c.CDSBase, "/") + "/fhir"
	}
	for _, base := range slices.Concat([]string{c.SMARTBase, hooks, c.EHR}, c.ImportSources, c.OwnBases) {
		if base = strings.TrimSuffix(base, "/"); base != "" {
			all = append(all, base)
		}
	}
	return all
}
