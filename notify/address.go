package notify

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// special are the addresses that are not of the internet beyond what net/netip knows: by
// the registries of special-purpose addresses of IANA, and where a cloud has its secrets.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10", "3fff::/20", "5f00::/16",
	"168.63.129.16/32", // of Azure's own network
)

// own are the addresses of this machine and of a site's own network.
var own = prefixes("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")

// metadata are addresses within those where clouds give out secrets.
var metadata = prefixes("100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

func within(ip netip.Addr, ranges []netip.Prefix) bool {
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// reachable reports whether an address may be connected to: one of the internet, or one
// that the site allows.
func (s *Service) reachable(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	switch {
	case within(ip, s.opt.Ranges):
		return true
	case s.opt.Private && within(ip, own) && !within(ip, metadata):
		return true
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !within(ip, special)
}

// inside reports whether hosts may be of the site's own network, where http will do.
func (s *Service) inside() bool { return s.opt.Private || len(s.opt.Ranges) > 0 }

var errPrivate = errors.New("notify: a private address")

// newClient follows no redirects, asks no proxy, and looks at the address that it connects
// to, whatever a name resolved to before.
func (s *Service) newClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !s.reachable(to.Addr()) {
			return errPrivate
		}
		return nil
	}}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10}}
}
