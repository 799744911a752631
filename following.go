package ember

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"ember/ehr"
	"ember/server"
	"ember/store"
)

// openFollower makes what keeps a subscription at the EHR, if a topic is set.
func (a *App) openFollower() (err error) {
	if a.ehr == nil || a.config.EHRTopic == "" {
		return nil
	}
	want := ehr.Wanted{Topic: a.config.EHRTopic, Filter: a.config.EHRFilter, Endpoint: strings.TrimRight(a.config.EHRNotify, "/") + "/ehr/notifications",
		Full: a.config.EHRFull, Types: a.config.EHRTypes}
	a.follower, err = ehr.NewFollower(a.ehr, pullSink{a}, ehrMemory{a.store.Space("ehr")}, want)
	return err
}

// followEHR keeps the subscription until ctx ends.
func (a *App) followEHR(ctx context.Context) {
	if a.follower == nil {
		return
	}
	a.follower.Run(ctx, func(err error) { a.config.Log.Error("following the EHR failed; it is tried again", "error", err) })
}

// Stored implements ehr.ChangeSink: what the EHR itself said of the resource when it was
// stored.
func (s pullSink) Stored(_ context.Context, typ, id string) (version, updated string, err error) {
	r, err := s.store.Get(typ, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	version, updated = metaOf(r.Raw)
	return version, updated, nil
}

func metaOf(raw []byte) (version, updated string) {
	var h struct {
		Meta struct {
			VersionID   string `json:"versionId"`
			LastUpdated string `json:"lastUpdated"`
		} `json:"meta"`
	}
	if json.Unmarshal(raw, &h) != nil {
		return "", ""
	}
	return h.Meta.VersionID, h.Meta.LastUpdated
}

// current leaves out lines that are older than what is stored: an export is of the moment
// it began, and a notification may have brought a newer version since.
func (s pullSink) current(ctx context.Context, lines []byte) ([]byte, error) {
	var kept []byte
	for line := range bytes.Lines(lines) {
		var h struct{ ResourceType, ID string }
		if json.Unmarshal(line, &h) == nil && h.ID != "" {
			_, there, err := s.Stored(ctx, h.ResourceType, h.ID)
			if err != nil {
				return nil, err
			}
			if _, came := metaOf(line); older(came, there) {
				continue
			}
		}
		kept = append(kept, line...)
	}
	return kept, nil
}

// older reports whether an instant is before another; what is no instant is not.
func older(a, b string) bool {
	x, err := time.Parse(time.RFC3339Nano, a)
	if err != nil {
		return false
	}
	y, err := time.Parse(time.RFC3339Nano, b)
	return err == nil && x.Before(y)
}

// ehrDoor is the client of the EHR as the server wants it.
type ehrDoor struct{ *App }

// Admits implements server.EHR.
func (d ehrDoor) Admits(authorization string) error {
	if d.follower == nil {
		return server.ErrNotFound
	}
	return notificationFault(d.follower.Admits(authorization))
}

// Notify implements server.EHR.
func (d ehrDoor) Notify(ctx context.Context, authorization string, body []byte) error {
	if d.follower == nil {
		return server.ErrNotFound
	}
	return notificationFault(d.follower.Notify(ctx, authorization, body))
}

func notificationFault(err error) error {
	switch {
	case errors.Is(err, ehr.ErrSecret):
		return &server.Fault{Status: http.StatusUnauthorized, Code: "login", Detail: "this is not the secret of the subscription", Hint: "send the header that stands in channel.header of the Subscription; a former subscription's is not taken"}
	case errors.Is(err, ehr.ErrNotification):
		return &server.Fault{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: "this is no notification of the subscription", Hint: "send a Bundle whose first entry is the status as Parameters, as the R4 backport has it"}
	}
	return translate(err)
}

// Keys implements server.EHR.
func (d ehrDoor) Keys() ([]byte, error) {
	if d.config.EHRKey == "" {
		return nil, server.ErrNotFound
	}
	key, err := readEHRKey(d.config.EHRKey)
	if err != nil {
		return nil, err
	}
	return key.Public()
}
