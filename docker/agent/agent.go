package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/stream"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// settings are what an agent is started with.
type settings struct {
	token                  string
	controlPort, probePort uint16
	healAfter, exitAfter   time.Duration
	log                    func(format string, args ...any)
}

// agent is the state of one pod's network.
type agent struct {
	settings settings
	packets  *packets
	gates    *stream.Switch
	probes   *probes
	clients  *clients
	names    *names

	// Why packets can't be cut here, be queued and be sent twice, and why
	// connections can't be aborted.
	noPackets, noQueue, noCopies, noBreak error

	copies *copies // nil where noCopies says why
	own    []netip.Addr

	heard  atomic.Int64 // time of the last request, in nanoseconds of monotonic()
	healed atomic.Int64

	mu        sync.Mutex
	config    *wire.Config // nil until configured; never changed, only replaced
	redirects []*redirect
	effects   map[string]applied
	queue     *queue // nil while no effect needs it
	past      pastCounts
}

// applied is an effect in force.
type applied struct {
	effect link.Effect
	flows  []link.Flow
}

func newAgent(s settings) (*agent, error) {
	own, err := ownAddresses()
	if err != nil {
		return nil, err
	}
	a := &agent{
		settings: s, own: own, gates: stream.NewSwitch(), probes: newProbes(),
		packets: &packets{controlPort: s.controlPort}, effects: map[string]applied{}, names: &names{},
	}
	a.clients = newClients(a.gates)
	if a.noPackets = a.packets.unavailable(); a.noPackets == nil {
		a.noQueue = a.packets.findQueue()
	} else {
		a.noQueue = a.noPackets
	}
	if a.copies, a.noCopies = openCopies(); a.noCopies != nil {
		a.noCopies = fmt.Errorf("%w: that needs the capability NET_RAW for the agent's container", a.noCopies)
	}
	a.noBreak = canAbort()
	a.hear()
	return a, nil
}

func (a *agent) hear() (silence time.Duration) {
	now := monotonic()
	return time.Duration(now - a.heard.Swap(now))
}

// configured is the configuration, or an error where there is none yet.
func (a *agent) configured() (wire.Config, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config == nil {
		return wire.Config{}, errUnconfigured
	}
	return *a.config, nil
}

var errUnconfigured = errors.New("the agent is not configured yet")

// configure lays the table and the redirects.
func (a *agent) configure(config wire.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config != nil && reflect.DeepEqual(*a.config, config) {
		return nil
	}
	if known := slices.Concat(slices.Collect(maps.Keys(a.effects)), a.names.active()); len(known) > 0 {
		slices.Sort(known)
		return fmt.Errorf("configure: effects are in force: %v", known)
	}
	for _, port := range []uint16{a.settings.controlPort, a.settings.probePort} {
		if slices.Contains(config.DeclaredPorts, port) || slices.Contains(config.PeerPorts, port) {
			return fmt.Errorf("configure: the system wants port %d, which is the agent's: set %s and %s to others",
				port, wire.EnvControlPort, wire.EnvProbePort)
		}
	}
	for name, addresses := range config.Peers {
		for _, address := range addresses {
			if slices.Contains(a.own, address) {
				return fmt.Errorf("configure: %s, the address of %s, is this pod's own", address, name)
			}
		}
	}
	if err := a.unconfigure(); err != nil {
		return err
	}
	if a.noPackets != nil {
		if config.Streams || config.Names {
			return fmt.Errorf("configure: redirects: %w", a.noPackets)
		}
		a.config = &config
		return nil
	}
	var rules []rule
	if config.Streams {
		redirects, err := a.openRedirects(config)
		if err != nil {
			return fmt.Errorf("configure: %w", err)
		}
		a.redirects = redirects
		for _, r := range redirects {
			rules = append(rules, r.rule())
		}
	}
	if config.Names {
		relays, err := a.openNameRelays(config)
		if err != nil {
			return errors.Join(fmt.Errorf("configure: %w", err), a.unconfigure())
		}
		a.names.relays = relays
		for _, r := range relays {
			rules = append(rules, r.rules()...)
		}
	}
	if err := a.packets.install(rules); err != nil {
		return errors.Join(fmt.Errorf("configure: %w", err), a.unconfigure())
	}
	a.config = &config
	return nil
}

// unconfigure removes redirects and table; the caller has a.mu.
func (a *agent) unconfigure() error {
	a.config = nil
	var err error
	if a.noPackets == nil {
		err = a.packets.remove()
	}
	err = errors.Join(err, closeRedirects(a.redirects), closeNameRelays(a.names.relays))
	a.redirects, a.names.relays = nil, nil
	return err
}

// close undoes everything and ends every connection.
func (a *agent) close() error {
	_, healing := a.heal()
	a.mu.Lock()
	defer a.mu.Unlock()
	err := errors.Join(healing, a.unconfigure(), a.packets.close(), a.clients.close())
	if a.copies != nil {
		err = errors.Join(err, a.copies.close())
	}
	return err
}

// info is what the agent says of itself.
func (a *agent) info(silence time.Duration) *wire.Info {
	i := &wire.Info{
		Version: wire.Version, Addresses: a.own, Silence: silence,
		Healed: int(a.healed.Load()), Connections: a.clients.connections(),
	}
	for reason, why := range map[*string]error{
		&i.Packets: a.noPackets, &i.Queue: a.noQueue, &i.Duplicate: a.noCopies, &i.Break: a.noBreak,
	} {
		if why != nil {
			*reason = why.Error()
		}
	}
	if config, err := a.configured(); err == nil {
		i.Node = config.Node
	}
	return i
}

// watch undoes every effect when the run has been silent for healAfter, and
// returns an error when it has for exitAfter.
func (a *agent) watch(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		silence := time.Duration(monotonic() - a.heard.Load())
		if silence >= a.settings.exitAfter {
			return fmt.Errorf("no word from the run for %v: it is dead", a.settings.exitAfter)
		}
		if silence < a.settings.healAfter {
			continue
		}
		undone, err := a.heal()
		if len(undone) > 0 {
			a.healed.Add(1)
			a.settings.log("no word from the run for %v: undid %q", a.settings.healAfter, undone)
		}
		if err != nil {
			a.settings.log("no word from the run for %v: undo: %v", a.settings.healAfter, err)
		}
	}
}

// ownAddresses are the pod's, IPv4 first, without loopback and link-local ones.
func ownAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the pod's addresses: %w", err)
	}
	var own []netip.Addr
	for _, one := range all {
		prefix, err := netip.ParsePrefix(one.String())
		if err != nil {
			continue // not an IP address
		}
		if a := prefix.Addr().Unmap(); a.IsGlobalUnicast() {
			own = append(own, a)
		}
	}
	slices.SortStableFunc(own, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return own, nil
}

func sortedEnds[V any](m map[link.End]V) []link.End { return slices.Sorted(maps.Keys(m)) }
