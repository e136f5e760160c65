package pattern

import (
	"net/netip"
	"strconv"
	"strings"
)

// address reads text as AWS's engine reads an IP address: four decimal numbers,
// zeros in front allowed, or hexadecimal groups without a zone or a dotted tail.
// https://github.com/aws/event-ruler (CIDR)
func address(text string) (netip.Addr, bool) {
	if len(text) < 2 || len(text) > 64 {
		return netip.Addr{}, false
	}
	if strings.IndexByte(text, ':') >= 0 {
		if strings.Trim(text, "0123456789abcdefABCDEF:") != "" {
			return netip.Addr{}, false
		}
		a, err := netip.ParseAddr(text)
		return a.Unmap(), err == nil
	}
	if c := text[0]; c < '0' || c > '9' || strings.Count(text, ".") != 3 {
		return netip.Addr{}, false
	}
	var quad [4]byte
	rest := text
	for i := range quad {
		var part string
		part, rest, _ = strings.Cut(rest, ".")
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return netip.Addr{}, false
		}
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		quad[i] = byte(n)
	}
	return netip.AddrFrom4(quad), true
}

// parseCIDR reads a cidr operand: the first and the last address of its network.
func parseCIDR(text string) (low, high netip.Addr, problem string) {
	host, mask, ok := strings.Cut(text, "/")
	if !ok || strings.Contains(mask, "/") {
		return low, high, "must hold one slash"
	}
	bits, err := strconv.Atoi(mask)
	if err != nil || bits < 0 {
		return low, high, "must end with a number of bits"
	}
	low, ok = address(host)
	if !ok {
		return low, high, "must begin with an IP address"
	}
	if bits >= low.BitLen() {
		return low, high, "must have fewer bits than the address"
	}
	net := netip.PrefixFrom(low, bits).Masked()
	end := net.Addr().AsSlice()
	for i := range end {
		switch keep := bits - i*8; {
		case keep <= 0:
			end[i] = 0xff
		case keep < 8:
			end[i] |= 0xff >> keep
		}
	}
	high, _ = netip.AddrFromSlice(end)
	return net.Addr(), high, ""
}
