package main

import (
	"context"
	"os"
)

// Size is the program's size in bytes.
type Size struct {
	Bytes int64 `json:"bytes"`
}

func measureSize(_ context.Context, b *bench) (any, error) {
	info, err := os.Stat(b.ember)
	if err != nil {
		return nil, err
	}
	return Size{info.Size()}, nil
}
