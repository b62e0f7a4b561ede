package fault

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
)

// Only narrows a fault on the network: to one direction, to one port, to TCP or
// UDP, or to some of these. To narrow it to some links, aim it at [Between].
type Only struct {
	Fault Fault
	// Direction leaves what goes the other way alone; "" is both.
	Direction Direction
	// Port is one that the system declares, by its name or number: what is sent to
	// it, and what is answered from it. "" is every port.
	Port string
	// Transport is link.TCP or link.UDP; "" is every packet.
	Transport link.Transport
}

// Direction is which way a fault on the network acts.
type Direction string

// The directions, seen from the target.
const (
	// Outbound is what the target sends.
	Outbound Direction = "outbound"
	// Inbound is what is sent to the target.
	Inbound Direction = "inbound"
)

// FaultName is that of the fault and what it is narrowed to: "black-hole outbound".
func (f Only) FaultName() string {
	if f.Fault == nil {
		return "only"
	}
	words := []string{f.Fault.FaultName()}
	for _, word := range []string{string(f.Direction), string(f.Transport), f.Port} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// At is where the fault falls.
func (f Only) At() Target {
	if f.Fault == nil {
		return ""
	}
	return f.Fault.At()
}

func (f Only) effect() link.Effect {
	inner, is := f.Fault.(networkFault)
	if !is {
		return link.Effect{}
	}
	effect := inner.effect()
	effect.Transport = f.Transport
	return effect
}

func (f Only) words() string {
	inner, is := f.Fault.(networkFault)
	if !is {
		return "nothing"
	}
	return inner.words()
}

// narrows says what is left beside the direction, which the arrow says.
func (f Only) narrows() string {
	text := ""
	if f.Port != "" {
		text += ", port " + f.Port
	}
	if f.Transport != "" {
		text += ", " + string(f.Transport)
	}
	return text
}

// Validate wants a fault on the network, and something to narrow it to.
func (f Only) Validate() error {
	_, network := f.Fault.(networkFault)
	_, twice := f.Fault.(Only)
	switch {
	case f.Fault == nil:
		return fmt.Errorf("fault.Only: no Fault")
	case twice:
		return fmt.Errorf("fault.Only of a fault.Only: write all that it is narrowed to into one")
	case !network:
		return fmt.Errorf("fault.Only of %s: it narrows faults on the links between nodes and clients, and this is none", f.Fault.FaultName())
	case f.Direction == "" && f.Port == "" && f.Transport == "":
		return fmt.Errorf("fault.Only of %s: say Direction, Port or Transport, or leave fault.Only out", f.Fault.FaultName())
	case f.Direction != "" && f.Direction != Outbound && f.Direction != Inbound:
		return fmt.Errorf("fault.Only: Direction is %q, and there are %s and %s", f.Direction, Outbound, Inbound)
	case f.Transport != "" && f.Transport != link.TCP && f.Transport != link.UDP:
		return fmt.Errorf("fault.Only: Transport is %q, and there are %s and %s", f.Transport, link.TCP, link.UDP)
	case f.Transport == link.UDP && f.effect().Action == link.Break:
		return fmt.Errorf("fault.Only of %s: datagrams have no connections to break", f.Fault.FaultName())
	case f.effect().Stream() && f.Transport == link.UDP:
		return fmt.Errorf("fault.Only of %s: it works on byte streams, and datagrams are none; latency and bandwidth do with Packets: true", f.Fault.FaultName())
	}
	return validate(f.Fault)
}

// Applies where the fault does, and the system has the port.
func (f Only) Applies(s cluster.System, n cluster.Network) error { return networkApplies(f, s, n) }

// Aim narrows what the fault does.
func (f Only) Aim(ctx context.Context, aim Aim) (Act, error) { return aimNetwork(ctx, aim, f) }

// portNumber finds a declared port by its name or number.
func portNumber(port string, declared []cluster.Port) (uint16, error) {
	var names []string
	for _, p := range declared {
		if p.Name == port || strconv.Itoa(p.Number) == port {
			return uint16(p.Number), nil
		}
		names = append(names, fmt.Sprintf("%s (%d)", p.Name, p.Number))
	}
	return 0, fmt.Errorf("the system declares no port %q; there are %s", port, strings.Join(names, ", "))
}

func init() {
	Register(Entry{Kind: KindNetwork, Example: Only{Fault: BlackHole{Target: Leader}, Direction: Outbound},
		About: "narrows another fault to one direction, to a port by name or number, to TCP or UDP",
		More: []Fault{
			Only{Fault: BlackHole{Target: Random}, Direction: Inbound},
			Only{Fault: Reset{Target: Random}, Direction: Outbound},
			Only{Fault: Hold{Target: Random}, Direction: Inbound},
		}})
}
