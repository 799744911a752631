package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"ember/server/auth"
)

// trustedListener marks a listener whose clients need no token.
type trustedListener struct{ net.Listener }

// Trusted marks a listener that only the owner of the data can reach, such as a
// Unix socket in a directory with mode 0700: its clients need no token and have
// every right.
func Trusted(l net.Listener) net.Listener { return trustedListener{l} }

// Serve answers on the listeners until ctx ends or one of them fails, then
// stops: no new connections, requests in flight finish within Timeouts.Stop,
// after which they are cut off. It returns nil after a stop that cut nothing
// off. A listener that others than this machine can reach is refused when there
// are no tokens. The listeners are closed in every case.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	defer closeAll(listeners)
	if err := s.checkListeners(listeners); err != nil {
		return err
	}
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	h := s.httpServer(base, s)
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- h.Serve(l) }()
	}
	var failure error
	running := len(listeners)
	select {
	case <-ctx.Done():
	case failure = <-failed:
		running--
	}
	err := s.shutdown(ctx, h, cut)
	for range running {
		<-failed
	}
	return errors.Join(failure, err)
}

// httpServer has the timeouts of everything that is not one request's.
func (s *Server) httpServer(base context.Context, handler http.Handler) *http.Server {
	t := s.opt.Timeouts
	return &http.Server{
		Handler: handler, MaxHeaderBytes: s.opt.Limits.HeaderBytes,
		ReadHeaderTimeout: t.Header, IdleTimeout: t.Idle,
		ReadTimeout: t.Load, WriteTimeout: t.Load + t.Stall,
		ErrorLog: slog.NewLogLogger(s.deps.Log.Handler(), slog.LevelDebug),
		BaseContext: func(l net.Listener) context.Context {
			if _, ok := l.(trustedListener); ok {
				return Trust(base)
			}
			return base
		},
	}
}

// shutdown lets requests finish, and cuts off what takes too long.
func (s *Server) shutdown(ctx context.Context, h *http.Server, cut context.CancelFunc) error {
	s.stop.Store(true)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.Timeouts.Stop)
	defer cancel()
	if err := h.Shutdown(limit); err != nil {
		cut()
		return errors.Join(fmt.Errorf("server: requests were cut off after %s: %w", s.opt.Timeouts.Stop, err), h.Close())
	}
	return nil
}

func (s *Server) checkListeners(listeners []net.Listener) error {
	if s.deps.Tokens != nil || s.deps.SMART.Issuers != nil {
		return nil
	}
	for _, l := range listeners {
		if _, ok := l.(trustedListener); ok {
			continue
		}
		if err := auth.CheckAddress(l.Addr().String(), ""); err != nil {
			return err
		}
	}
	return nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close() // most are closed already
	}
}
