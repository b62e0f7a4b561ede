package pod

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/link/wire"
)

const envHostOverride = "TESTCONTAINERS_HOST_OVERRIDE"

// How long an agent may take to answer after its container was started, and how
// long one attempt at one address.
const (
	agentWithin    = 20 * time.Second
	attemptTimeout = time.Second
	attemptPause   = 15 * time.Millisecond
)

// place is what is known of where the engine's ports and networks are, seen from here.
type place struct {
	// beside says that the networks of the engine are this machine's: its
	// gateway is an address of ours.
	beside bool
	// override is the user's word; engine is the engine's host where it is remote.
	override, engine string
	// gateway is this machine's (or container's) default gateway.
	gateway string
	inside  bool // this process is in a container
}

// here finds out where this process is, seen from the network with that gateway.
func here(gateway netip.Addr, engine string) place {
	p := place{override: os.Getenv(envHostOverride), engine: engine, inside: inContainer()}
	p.beside = ownAddress(gateway)
	if !p.beside {
		p.gateway = defaultGateway("/proc/net/route")
	}
	return p
}

// bind is the host's address on which agents publish: loopback wherever loopback
// can be reached, so that nothing of a run is open to the network.
func (p place) bind() netip.Addr {
	if p.beside || p.engine == "" && !p.inside && p.override == "" {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv4Unspecified()
}

// candidates are the addresses at which an agent may answer, best first. The
// pod's own address leaves out docker's proxy, which costs two copies and turns a
// reset into an orderly end. Where the engine is beside us nothing further is
// tried: a packet to the default gateway would leave the machine.
func (p place) candidates(pod netip.Addr, published string) []string {
	var list []string
	add := func(host, port string) {
		if host != "" && port != "" {
			list = append(list, net.JoinHostPort(host, port))
		}
	}
	add(p.override, published)
	if p.beside {
		add(pod.String(), fmt.Sprint(wire.ControlPort))
		add("127.0.0.1", published)
		return list
	}
	add("127.0.0.1", published)
	add(p.gateway, published)
	add(p.engine, published)
	return list
}

// reach finds the address at which an agent answers to the run's token. The best
// candidate has a second to itself, or the second best would win whenever it is
// tried at the moment at which the agent comes up. Now and then runs is asked,
// which says why the agent never will.
func reach(ctx context.Context, candidates []string, token string, runs func() error) (*wire.Agent, wire.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, agentWithin)
	defer cancel()
	last := map[string]error{}
	began := time.Now()
	asked := began
	for {
		tried := candidates
		if time.Since(began) < attemptTimeout {
			tried = candidates[:1]
		}
		for _, address := range tried {
			agent := &wire.Agent{Address: address, Token: token}
			attempt, stop := context.WithTimeout(ctx, attemptTimeout)
			info, err := agent.Hello(attempt)
			stop()
			if err == nil {
				return agent, info, nil
			}
			last[address] = err
		}
		if time.Since(asked) > attemptTimeout/2 {
			if err := runs(); err != nil && ctx.Err() == nil {
				return nil, wire.Info{}, err
			}
			asked = time.Now()
		}
		select {
		case <-ctx.Done():
			errs := []error{fmt.Errorf("no agent answers at %s within %v: set %s to the host of the engine's published ports",
				strings.Join(candidates, " or "), agentWithin, envHostOverride)}
			for _, address := range candidates {
				errs = append(errs, last[address])
			}
			return nil, wire.Info{}, errors.Join(errs...)
		case <-time.After(attemptPause):
		}
	}
}

// ownAddress says whether an interface of this machine has the address.
func ownAddress(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, own := range addresses {
		if prefix, err := netip.ParsePrefix(own.String()); err == nil && prefix.Addr() == a {
			return true
		}
	}
	return false
}

// defaultGateway reads the gateway of the default route; "" where there is none.
// In /proc/net/route addresses are hexadecimal, in the machine's own byte order.
func defaultGateway(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || fields[1] != "00000000" {
			continue
		}
		raw, err := hex.DecodeString(fields[2])
		if err != nil || len(raw) != 4 {
			continue
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], binary.BigEndian.Uint32(raw))
		return netip.AddrFrom4(b).String()
	}
	return ""
}
