package notify

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The extensions of the backport.
const (
	backport        = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	payloadContent  = backport + "backport-payload-content"
	filterCriteria  = backport + "backport-filter-criteria"
	heartbeatPeriod = backport + "backport-heartbeat-period"
	timeoutPeriod   = backport + "backport-timeout"
	maxCount        = backport + "backport-max-count"
	additional      = backport + "backport-additional-criteria"
)

type extension struct {
	URL           string `json:"url"`
	ValueCode     string `json:"valueCode,omitempty"`
	ValueString   string `json:"valueString,omitempty"`
	ValueUnsigned *int   `json:"valueUnsignedInt,omitempty"`
	ValuePositive *int   `json:"valuePositiveInt,omitempty"`
}

type extended struct {
	Extension []extension `json:"extension,omitempty"`
}

// resource is a Subscription of R4 with what the backport adds.
type resource struct {
	ResourceType string         `json:"resourceType"`
	ID           string         `json:"id,omitempty"`
	Meta         map[string]any `json:"meta,omitempty"`
	Status       string         `json:"status"`
	End          string         `json:"end,omitempty"`
	Reason       string         `json:"reason"`
	Criteria     string         `json:"criteria"`
	XCriteria    *extended      `json:"_criteria,omitempty"`
	Error        string         `json:"error,omitempty"`
	Channel      channel        `json:"channel"`
}

type channel struct {
	Extension []extension `json:"extension,omitempty"`
	Type      string      `json:"type"`
	Endpoint  string      `json:"endpoint,omitempty"`
	Payload   string      `json:"payload,omitempty"`
	XPayload  *extended   `json:"_payload,omitempty"`
	Header    []string    `json:"header,omitempty"`
}

func find(list []extension, url string) (extension, bool) {
	i := slices.IndexFunc(list, func(e extension) bool { return e.URL == url })
	if i < 0 {
		return extension{}, false
	}
	return list[i], true
}

// Canonical is the address of a topic.
func (s *Service) Canonical(topic string) string { return s.opt.Base + "/SubscriptionTopic/" + topic }

// Base is the FHIR address that topics are named by.
func (s *Service) Base() string { return s.opt.Base }

// parse reads a Subscription; what is not done is refused rather than left out.
func (s *Service) parse(raw []byte) (*Subscription, error) {
	var r resource
	if err := json.Unmarshal(raw, &r); err != nil || r.ResourceType != "Subscription" {
		return nil, &Fault{"Subscription", "is no Subscription of R4", "send one as the R4 backport of topic-based subscriptions has it"}
	}
	sub := &Subscription{Status: "requested", Reason: r.Reason, Endpoint: r.Channel.Endpoint, Content: "empty", Timeout: 10 * time.Second, Max: 100}
	for _, t := range s.Topics() {
		if r.Criteria == s.Canonical(t.Name) {
			sub.Topic = t.Name
		}
	}
	switch {
	case sub.Topic == "":
		return nil, &Fault{"Subscription.criteria", "is none of the topics of this server", "metadata lists them, as " + s.Canonical(NewRecommendation)}
	case r.Reason == "":
		return nil, &Fault{"Subscription.reason", "is missing", "say what the notifications are for"}
	case r.Status != "requested":
		return nil, &Fault{"Subscription.status", "must be requested", "the server activates it after the handshake"}
	case r.Channel.Type != "rest-hook":
		return nil, &Fault{"Subscription.channel.type", "must be rest-hook", "other channels are not served"}
	}
	if r.End != "" {
		end, err := time.Parse(time.RFC3339, r.End)
		if err != nil || !end.After(s.opt.Now()) {
			return nil, &Fault{"Subscription.end", "is no instant to come", "leave it out for a subscription without end"}
		}
		sub.End = end
	}
	if err := s.channel(sub, &r.Channel); err != nil {
		return nil, err
	}
	return sub, filters(sub, r.XCriteria)
}

// channel reads where and how to notify.
func (s *Service) channel(sub *Subscription, c *channel) error {
	if err := s.allowed(c.Endpoint); err != "" {
		return &Fault{"Subscription.channel.endpoint", err, "have the host added to subscription-hosts"}
	}
	if c.XPayload != nil {
		if e, ok := find(c.XPayload.Extension, payloadContent); ok {
			sub.Content = e.ValueCode
		}
	}
	if !slices.Contains([]string{"empty", "id-only", "full-resource"}, sub.Content) {
		return &Fault{"Subscription.channel.payload.extension", "must be empty, id-only or full-resource", ""}
	}
	if media, _, _ := strings.Cut(c.Payload, ";"); media != "" && media != "application/fhir+json" && media != "application/json" {
		return &Fault{"Subscription.channel.payload", "must be application/fhir+json", "XML is not sent"}
	}
	for _, h := range c.Header {
		name, value, found := strings.Cut(h, ":")
		if !found || !validHeader(strings.TrimSpace(name), strings.TrimSpace(value)) {
			return &Fault{"Subscription.channel.header", "is not NAME: VALUE, or a header that the server sets itself", ""}
		}
	}
	sub.Header = c.Header
	seconds := func(url string, least, most int, d *time.Duration) {
		if e, ok := find(c.Extension, url); ok && e.ValueUnsigned != nil {
			*d = time.Duration(min(max(*e.ValueUnsigned, least), most)) * time.Second
		}
	}
	seconds(heartbeatPeriod, 1, 7*24*3600, &sub.Heartbeat)
	if e, ok := find(c.Extension, heartbeatPeriod); ok && e.ValueUnsigned != nil && *e.ValueUnsigned == 0 {
		sub.Heartbeat = 0
	}
	seconds(timeoutPeriod, 1, 30, &sub.Timeout)
	if e, ok := find(c.Extension, maxCount); ok && e.ValuePositive != nil {
		sub.Max = min(max(*e.ValuePositive, 1), 100)
	}
	return nil
}

func validHeader(name, value string) bool {
	if name == "" || strings.ContainsAny(name, " \t\r\n\"(),/:;<=>?@[\\]{}") || strings.ContainsAny(value, "\r\n") {
		return false
	}
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer", "Content-Encoding":
		return false
	}
	return true
}

// filters read the search that narrows the topic: of a patient, of a model.
func filters(sub *Subscription, x *extended) error {
	if x == nil {
		return nil
	}
	const path = "Subscription.criteria.extension"
	for _, e := range x.Extension {
		if e.URL == additional {
			return &Fault{path, "a second topic is not served", "make a subscription of its own for it"}
		}
		if e.URL != filterCriteria {
			continue
		}
		_, query, found := strings.Cut(e.ValueString, "?")
		if !found {
			query = e.ValueString
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			return &Fault{path, "the filter is no search", ""}
		}
		for name, list := range values {
			switch {
			case len(list) == 1 && (name == "patient" || name == "_id"):
				sub.Patient = strings.TrimPrefix(list[0], "Patient/")
			case len(list) == 1 && name == "model" && sub.Topic == RiskAboveThreshold:
				sub.Model = list[0]
			default:
				return &Fault{path, "the filter has a parameter that is not served", "patient, and for risks model, each once"}
			}
		}
	}
	return nil
}

// allowed says why an endpoint may not be notified, "" = it may.
func (s *Service) allowed(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return "is no address"
	case u.Scheme != "https" && (u.Scheme != "http" || !s.inside()):
		return "must be https"
	case !slices.ContainsFunc(s.opt.Hosts, func(h string) bool { return strings.EqualFold(h, u.Host) || strings.EqualFold(h, u.Hostname()) }):
		return "is at a host that may not be notified"
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !s.reachable(ip) {
		return "is at a private address"
	}
	return ""
}

// Resource is a subscription as it is read: without its headers, which are secrets.
func (s *Service) Resource(sub Subscription) ([]byte, error) {
	r := resource{ResourceType: "Subscription", ID: sub.ID, Status: sub.Status, Reason: sub.Reason, Criteria: s.Canonical(sub.Topic), Error: sub.Error,
		Meta: map[string]any{"versionId": itoa(sub.Version), "lastUpdated": sub.Updated.Format(time.RFC3339Nano), "profile": []string{backport + "backport-subscription"}}}
	if !sub.End.IsZero() {
		r.End = sub.End.UTC().Format(time.RFC3339)
	}
	heartbeat, timeout := int(sub.Heartbeat.Seconds()), int(sub.Timeout.Seconds())
	r.Channel = channel{Type: "rest-hook", Endpoint: sub.Endpoint, Payload: "application/fhir+json", XPayload: &extended{[]extension{{URL: payloadContent, ValueCode: sub.Content}}},
		Extension: []extension{{URL: timeoutPeriod, ValueUnsigned: &timeout}, {URL: maxCount, ValuePositive: &sub.Max}}}
	if heartbeat > 0 {
		r.Channel.Extension = append(r.Channel.Extension, extension{URL: heartbeatPeriod, ValueUnsigned: &heartbeat})
	}
	filter := url.Values{}
	if sub.Patient != "" {
		filter.Set("patient", sub.Patient)
	}
	if sub.Model != "" {
		filter.Set("model", sub.Model)
	}
	if len(filter) > 0 {
		r.XCriteria = &extended{[]extension{{URL: filterCriteria, ValueString: "Patient?" + filter.Encode()}}}
	}
	return json.Marshal(r)
}
