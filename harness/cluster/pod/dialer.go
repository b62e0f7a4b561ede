package pod

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/link"
)

// dialer implements [link.Dialer]: each connection goes through the agent of the
// pod that it is for.
type dialer struct{ c *running }

// DialAs implements [link.Dialer]. The address is node:port, with a port's name or
// number, or the ip:port of a pod.
func (d dialer) DialAs(ctx context.Context, group link.End, address string) (net.Conn, error) {
	p, target, err := d.c.target(address)
	if err != nil {
		return nil, fmt.Errorf("dial %s as %s: %w", address, group, err)
	}
	conn, err := p.agent.Connect(ctx, group, target)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	return conn, nil
}

// target finds the pod of an address, and the address with the port's number.
func (c *running) target(address string) (*pod, string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	p := c.byName[strings.ToLower(strings.TrimSuffix(host, "."))]
	if ip, err := netip.ParseAddr(host); err == nil {
		for _, one := range c.pods {
			if one.address == ip.Unmap() {
				p = one
			}
		}
	}
	if p == nil {
		return nil, "", fmt.Errorf("%s is neither the name nor the address of a node in %s: the system must hand out addresses of its own pods",
			host, c.whereabouts())
	}
	number := addresses{c.system.Ports()}.number(port)
	if _, err := strconv.ParseUint(number, 10, 16); err != nil {
		return nil, "", fmt.Errorf("%s has no port called %q: name it in Ports, or use a number", c.system.SystemName(), port)
	}
	return p, net.JoinHostPort(p.name, number), nil
}

// whereabouts lists the nodes with their addresses.
func (c *running) whereabouts() string {
	var list []string
	for _, p := range c.pods {
		list = append(list, fmt.Sprintf("%s (%s)", p.name, p.address))
	}
	return strings.Join(list, ", ")
}
