package ingest

import (
	"context"
	"strings"

	"ember/search"
)

// basesOf is the address by which who writes reached this server, if it is known.
func basesOf(ctx context.Context) []string {
	if base := strings.TrimSuffix(search.BaseOf(ctx), "/"); base != "" {
		return []string{base}
	}
	return nil
}
