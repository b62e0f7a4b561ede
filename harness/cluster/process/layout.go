package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
)

// layout is where everything of a cluster is: the nodes' ports, and the relays
// between them. It implements [cluster.Addresses].
type layout struct {
	scratch string
	nodes   []string
	ports   []cluster.Port
	sw      *stream.Switch

	reserved map[place]*reservation
	between  map[hop]*relayed

	mu      sync.Mutex
	asked   error // addresses that were asked for and don't exist
	clients map[hop]*stream.Relay
}

// place is a port of a node.
type place struct{ node, port string }

// hop is a way from an end to a place.
type hop struct {
	from link.End
	to   place
}

type relayed struct {
	relay   *stream.Relay
	address string
	served  chan error
}

// newLayout reserves the ports and starts the relays. It is closed by the caller,
// also where it fails.
func newLayout(ctx context.Context, system cluster.System, scratch string) (*layout, error) {
	l := &layout{
		scratch: scratch, nodes: system.NodeNames(), ports: system.Ports(), sw: stream.NewSwitch(),
		reserved: map[place]*reservation{}, between: map[hop]*relayed{}, clients: map[hop]*stream.Relay{},
	}
	for _, node := range l.nodes {
		for _, port := range l.ports {
			r, err := reserve()
			if err != nil {
				return l, fmt.Errorf("port %s of node %s: %w", port.Name, node, err)
			}
			l.reserved[place{node, port.Name}] = r
		}
	}
	for _, from := range l.nodes {
		for _, to := range l.nodes {
			for _, port := range l.ports {
				if from == to || !port.Peer {
					continue
				}
				if err := l.relay(ctx, hop{link.End(from), place{to, port.Name}}); err != nil {
					return l, err
				}
			}
		}
	}
	return l, nil
}

// relay starts the relay from a node to a place.
func (l *layout) relay(ctx context.Context, way hop) error {
	listener, err := listen(ctx)
	if err != nil {
		return fmt.Errorf("link %s to port %s of %s: %w", way.from, way.to.port, way.to.node, err)
	}
	r := &relayed{
		relay: &stream.Relay{
			Switch: l.sw, From: way.from, To: link.End(way.to.node), Port: way.to.port, Number: l.declared(way.to.port),
			Dial: stream.DialTo(l.reserved[way.to].address(), nil),
		},
		address: listener.Addr().String(),
		served:  make(chan error, 1),
	}
	l.between[way] = r
	go func() { r.served <- r.relay.Serve(listener) }()
	return nil
}

// declared is the number of a port as the system declares it: what an effect means
// by it, whatever number the port has here.
func (l *layout) declared(name string) uint16 {
	for _, p := range l.ports {
		if p.Name == name {
			return uint16(p.Number)
		}
	}
	return 0
}

// Listen implements [cluster.Addresses].
func (l *layout) Listen(node, port string) string {
	r := l.reserved[place{node, port}]
	if r == nil {
		return l.unknown(node, port)
	}
	return r.address()
}

// Dial implements [cluster.Addresses]. Only peer ports have relays: the system
// said that nodes dial each other on no others.
func (l *layout) Dial(from, to, port string) string {
	if r := l.between[hop{link.End(from), place{to, port}}]; r != nil {
		return r.address
	}
	return l.Listen(to, port)
}

// DataDir implements [cluster.Addresses].
func (l *layout) DataDir(node string) string { return filepath.Join(l.scratch, node, "data") }

// unknown notes that an address was asked for that does not exist: Start fails
// with it, for the interface returns no error.
func (l *layout) unknown(node, port string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := fmt.Errorf("the system asks for port %q of node %q, and declares no such port or node", port, node)
	l.asked = errors.Join(l.asked, err)
	return ""
}

func (l *layout) askedForUnknown() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// resolve finds the place that a client means: "n1:client", "n1:2379", a node's
// own address, or the address of a relay to it, which a system may hand out.
func (l *layout) resolve(address string) (place, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return place{}, fmt.Errorf("address %q: %w", address, err)
	}
	if slices.Contains(l.nodes, host) {
		for _, p := range l.ports {
			if port == p.Name || (p.Number != 0 && port == strconv.Itoa(p.Number)) {
				return place{host, p.Name}, nil
			}
		}
		for _, p := range l.ports {
			if port == strconv.Itoa(l.reserved[place{host, p.Name}].number) {
				return place{host, p.Name}, nil
			}
		}
		return place{}, fmt.Errorf("address %q: node %s has no port %q, it has %s", address, host, port, l.portNames())
	}
	for at, r := range l.reserved {
		if sameAddress(host, port, r.address()) {
			return at, nil
		}
	}
	for way, r := range l.between {
		if sameAddress(host, port, r.address) {
			return way.to, nil
		}
	}
	return place{}, fmt.Errorf("address %q belongs to no node of this cluster: give node:port, or an address that the system listens on", address)
}

func sameAddress(host, port, address string) bool {
	return net.JoinHostPort(host, port) == address ||
		(host == "localhost" && net.JoinHostPort(localhost, port) == address)
}

func (l *layout) portNames() []string {
	var names []string
	for _, p := range l.ports {
		names = append(names, p.Name)
	}
	return names
}

// client is the relay of a client group to a place; it is made when first used.
func (l *layout) client(way hop) *stream.Relay {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.clients[way]
	if r == nil {
		r = &stream.Relay{Switch: l.sw, From: way.from, To: link.End(way.to.node), Port: way.to.port, Number: l.declared(way.to.port)}
		l.clients[way] = r
	}
	return r
}

// close ends all relays and gives the ports back.
func (l *layout) close() error {
	var errs []error
	for _, r := range l.between {
		errs = append(errs, r.relay.Close())
		// A relay that is closed before it began to serve says so; that is no fault.
		if err := <-r.served; !errors.Is(err, stream.ErrClosed) {
			errs = append(errs, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.clients {
		errs = append(errs, r.Close())
	}
	for _, r := range l.reserved {
		r.release()
	}
	return errors.Join(errs...)
}
