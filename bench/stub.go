package main

import "context"

func measureSize(context.Context, *bench) (any, error)   { return nil, errSkipped }
func measureLean(context.Context, *bench) (any, error)   { return nil, errSkipped }
func measureAsk(context.Context, *bench) (any, error)    { return nil, errSkipped }
func measureScorer(context.Context, *bench) (any, error) { return nil, errSkipped }
func (b *bench) report() error                           { return nil }
