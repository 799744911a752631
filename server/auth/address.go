package auth

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// CheckAddress refuses to listen on addr ("host:port") without a token file
// unless only this machine can reach it. A host name is refused as well, except
// localhost: what it resolves to may change.
func CheckAddress(addr, tokenFile string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("auth: the address must be HOST:PORT, as in 127.0.0.1:8080: %w", err)
	}
	if tokenFile != "" || Loopback(host) {
		return nil
	}
	if host == "" {
		host = "every network interface"
	}
	return fmt.Errorf("auth: refusing to serve patients' data on %s without a token file; "+
		"listen on 127.0.0.1, or give a token file with one line per caller: hash, principal, rights", host)
}

// Loopback reports whether the host, without port, is this machine only.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// CheckLocal is what stands in for tokens when there is no token file: the
// request names this machine as its host and no page of another site sent it.
// That keeps a browser on this machine from being used against it (DNS
// rebinding, cross-site requests).
func CheckLocal(r *http.Request) error {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if !Loopback(host) {
		return fmt.Errorf("auth: without a token file only requests to localhost are served; the Host header names another host")
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("auth: a page of another site sent this request")
	}
	return nil
}
