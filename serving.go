package ember

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"ember/server/auth"
)

// Handler answers what the network may ask.
func (a *App) Handler() http.Handler { return a.server }

// Serve listens on the configured address and on the socket in the data
// directory until ctx ends; requests in flight finish. ready, if any, is called
// with the address once both listen.
func (a *App) Serve(ctx context.Context, ready func(addr net.Addr)) error {
	guarded := a.config.TokenFile
	if len(a.config.SMARTIssuers) > 0 { // nobody gets in without a token
		guarded = "smart-issuers"
	}
	if err := auth.CheckAddress(a.config.Addr, guarded); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	var lc net.ListenConfig
	tcp, err := lc.Listen(ctx, "tcp", a.config.Addr)
	if err != nil {
		return fmt.Errorf("ember: listening: %w", err)
	}
	socket, err := a.listenSocket(ctx)
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	local := &http.Server{Handler: a.Local(), ReadHeaderTimeout: 10 * time.Second}
	a.serving.Store(true)
	a.service.Start()
	defer a.serving.Store(false)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.server.Serve(ctx, tcp) })
	g.Go(func() error { return ignoreClosed(local.Serve(socket)) })
	g.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return local.Shutdown(stop)
	})
	g.Go(func() error {
		if err := a.CountSentences(ctx); err != nil && ctx.Err() == nil {
			a.config.Log.Warn("order sentences could not be counted: drafts have no dosage", "error", err)
		}
		return nil
	})
	g.Go(func() error { a.pullAgain(ctx); return nil })
	g.Go(func() error { a.followEHR(ctx); return nil })
	g.Go(func() error { a.tellOthers(ctx); return nil })
	if ready != nil {
		ready(tcp.Addr())
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("ember: serving: %w", err)
	}
	return nil
}

// listenSocket makes the socket that only the owner may use. The store's lock is
// held, so a socket that is there already was left by a process that died.
func (a *App) listenSocket(ctx context.Context) (net.Listener, error) {
	path := a.config.path(SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ember: removing the old socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("ember: listening on the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("ember: protecting the socket: %w", err), l.Close())
	}
	return l, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
