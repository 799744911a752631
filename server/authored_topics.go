package server

import (
	"context"
	"slices"
	"strings"

	"ember/notify"
)

// topicID is what the ids of topics as Basic begin with.
const topicID = "ember-topic-"

// topicOf is a topic by its name, and whether this site offers it: one that it does not
// offer is a draft, of which nobody can be told yet.
func (s *Server) topicOf(name string) (t notify.Topic, status string, err error) {
	if s.deps.Notifier == nil {
		return t, "", ErrNotFound
	}
	named := func(t notify.Topic) bool { return t.Name == name }
	all := notify.Topics()
	i := slices.IndexFunc(all, named)
	if i < 0 {
		return t, "", ErrNotFound
	}
	if slices.ContainsFunc(s.deps.Notifier.Topics(), named) {
		return all[i], "active", nil
	}
	return all[i], "draft", nil
}

// topicResource is the SubscriptionTopic (of R4B) that a canonical leads to.
func (s *Server) topicResource(_ context.Context, _ *call, id string) ([]byte, error) {
	t, status, err := s.topicOf(id)
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"resourceType": "SubscriptionTopic", "id": t.Name, "url": s.deps.Notifier.Canonical(t.Name), "version": "1.0.0",
		"title": t.Title, "status": status, "description": t.About,
		"resourceTrigger":   []any{map[string]any{"description": t.About, "resource": "http://hl7.org/fhir/StructureDefinition/Patient", "supportedInteraction": []string{"create", "update"}}},
		"canFilterBy":       []any{map[string]any{"description": "The patient who is told of.", "resource": "Patient", "filterParameter": "patient", "modifier": []string{"="}}},
		"notificationShape": []any{map[string]any{"resource": "Patient"}}})
}

// topicBasic is a topic as Basic, as R4 carries what it does not have.
func (s *Server) topicBasic(_ context.Context, _ *call, id string) ([]byte, error) {
	t, status, err := s.topicOf(strings.TrimPrefix(id, topicID))
	if err != nil {
		return nil, err
	}
	const r5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."
	return encode(map[string]any{"resourceType": "Basic", "id": topicID + t.Name,
		"extension": []any{map[string]any{"url": r5 + "url", "valueUri": s.deps.Notifier.Canonical(t.Name)}, map[string]any{"url": r5 + "title", "valueString": t.Title},
			map[string]any{"url": r5 + "status", "valueCode": status}, map[string]any{"url": r5 + "description", "valueMarkdown": t.About},
			map[string]any{"url": r5 + "resourceTrigger", "extension": []any{map[string]any{"url": "description", "valueMarkdown": t.About}, map[string]any{"url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/Patient"}}}},
		"code": map[string]any{"coding": []any{map[string]string{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}}}})
}
