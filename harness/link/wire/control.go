package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// Version is the protocol's. An agent of another version is not spoken to.
const Version = 2

// The ports of an agent, unless its environment says otherwise.
const (
	// ControlPort takes CONNECT and CONTROL. Publish it; no fault touches it.
	ControlPort = 7979
	// ProbePort takes probes from other agents, TCP and UDP. Don't publish it;
	// faults act on it as on any port of the nodes.
	ProbePort = 7980
)

// The environment of an agent's container.
const (
	EnvToken       = "SEATRIAL_TOKEN"        // the run's token; needed
	EnvControlPort = "SEATRIAL_CONTROL_PORT" // default ControlPort
	EnvProbePort   = "SEATRIAL_PROBE_PORT"   // default ProbePort
)

// How long an agent goes on without its run.
const (
	// HealAfter is the silence after which an agent undoes every effect.
	HealAfter = 10 * time.Second
	// ExitAfter is the silence after which an agent ends, so that its container
	// shows that the run is dead.
	ExitAfter = 60 * time.Second
	// HeartbeatEvery is how often a run should be heard.
	HeartbeatEvery = 2 * time.Second
)

// Op is what a request asks for.
type Op string

// The requests.
const (
	OpHello         Op = "hello"          // → Info
	OpConfigure     Op = "configure"      // Config
	OpHeartbeat     Op = "heartbeat"      //
	OpApply         Op = "apply"          // ID, Effect, Flows
	OpApplyNames    Op = "apply-names"    // ID, Names
	OpUndo          Op = "undo"           // ID
	OpCount         Op = "count"          // ID → Count
	OpActive        Op = "active"         // → Active
	OpHeal          Op = "heal"           // undo everything
	OpProbeSend     Op = "probe-send"     // Probe → At
	OpProbeReceived Op = "probe-received" // Probe → At
	OpResolve       Op = "resolve"        // Resolve → Resolution
)

// Request is one line from the run to an agent.
type Request struct {
	Op     Op           `json:"op"`
	ID     string       `json:"id,omitempty"`
	Effect *link.Effect `json:"effect,omitempty"`
	Flows  []link.Flow  `json:"flows,omitempty"`
	Config *Config      `json:"config,omitempty"`
	Probe  *ProbeSpec   `json:"probe,omitempty"`

	Names   *link.NameEffect `json:"names,omitempty"`
	Resolve *ResolveSpec     `json:"resolve,omitempty"`
}

// Response is one line from an agent to the run.
type Response struct {
	// Error is empty where all went well.
	Error string `json:"error,omitempty"`
	// Late says that the error is a probe that did not come in time.
	Late   bool        `json:"late,omitempty"`
	Info   *Info       `json:"info,omitempty"`
	Count  *link.Count `json:"count,omitempty"`
	Active []string    `json:"active,omitempty"`
	// At is a time on the host's monotonic clock, in nanoseconds. All pods on
	// one host have the same.
	At int64 `json:"at,omitempty"`

	Resolution *link.Resolution `json:"resolution,omitempty"`
}

// Info is what an agent says of itself.
type Info struct {
	Version int `json:"version"`
	// Node is empty until the agent is configured.
	Node link.End `json:"node,omitempty"`
	// Addresses are the pod's own, without loopback and link-local ones.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	// Packets says why packets can't be cut here; empty where they can. Queue says
	// why they can't be lost, delayed and changed one by one in user space,
	// Duplicate why none can be sent twice, and Break why connections can't be
	// aborted.
	Packets   string `json:"packets,omitempty"`
	Queue     string `json:"queue,omitempty"`
	Duplicate string `json:"duplicate,omitempty"`
	Break     string `json:"break,omitempty"`
	// Silence is how long ago the agent had last heard its run before this request.
	Silence time.Duration `json:"silence"`
	// Healed counts the times that silence made the agent undo effects.
	Healed int `json:"healed,omitempty"`
	// Connections is the number of client connections that are open.
	Connections int `json:"connections"`
}

// Config tells an agent where it is. A second one that is equal does nothing; a
// different one is refused while an effect is in force.
type Config struct {
	// Node is the name of the agent's own node.
	Node link.End `json:"node"`
	// Peers are the other nodes and their addresses. A name in a flow that is
	// neither Node nor here is a client group.
	Peers map[link.End][]netip.Addr `json:"peers"`
	// PeerPorts are those on which the nodes dial each other.
	PeerPorts []uint16 `json:"peer_ports"`
	// DeclaredPorts are all the ports that the system listens on; the relays keep
	// off them.
	DeclaredPorts []uint16 `json:"declared_ports,omitempty"`
	// Streams lays redirects, so that effects on byte streams exist on the links
	// between nodes. It must come before the system starts.
	Streams bool `json:"streams,omitempty"`
	// Names lays redirects of the pod's questions for names, so that effects on them
	// exist. It must come before the system starts, too.
	Names bool `json:"names,omitempty"`
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	if c.Node == "" {
		return errors.New("configuration: no node")
	}
	if _, ok := c.Peers[c.Node]; ok {
		return fmt.Errorf("configuration: the node %s is its own peer", c.Node)
	}
	owner := map[netip.Addr]link.End{}
	for name, addresses := range c.Peers {
		if len(addresses) == 0 {
			return fmt.Errorf("configuration: the peer %q has no address", name)
		}
		for _, a := range addresses {
			if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.Is4In6() {
				return fmt.Errorf("configuration: the peer %q has the address %q, which is none of a pod", name, a)
			}
			if other, ok := owner[a]; ok {
				return fmt.Errorf("configuration: %s is the address of %s and of %s", a, other, name)
			}
			owner[a] = name
		}
	}
	if slices.Contains(c.PeerPorts, 0) {
		return errors.New("configuration: 0 is not a port")
	}
	return nil
}

// ProbeSpec is one half of a probe: its sending, or waiting for it.
type ProbeSpec struct {
	// To is the peer that a probe is sent to; it is unused in waiting.
	To link.End `json:"to,omitempty"`
	// Nonce tells this probe from all others. It is not zero.
	Nonce     uint64         `json:"nonce"`
	Transport link.Transport `json:"transport,omitempty"`
	// Timeout bounds the wait, and the connection attempt of a TCP probe.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// ProbeTimeoutMax is the longest that an agent waits for a probe.
const ProbeTimeoutMax = time.Minute

// Validate says what is missing from a request, so that a handler need not.
func (r Request) Validate() error {
	switch r.Op {
	case OpHello, OpHeartbeat, OpActive, OpHeal:
		return nil
	case OpConfigure:
		if r.Config == nil {
			return errors.New("configure: no configuration")
		}
		return r.Config.Validate()
	case OpApply:
		return r.validateApply()
	case OpApplyNames:
		return r.validateApplyNames()
	case OpUndo, OpCount:
		return validateID(r.Op, r.ID)
	case OpProbeSend, OpProbeReceived:
		return r.validateProbe()
	case OpResolve:
		return r.validateResolve()
	default:
		return fmt.Errorf("unknown request %q", r.Op)
	}
}

// IDMax is the longest id of an effect, in bytes: the kernel keeps it with the rule.
const IDMax = 200

func validateID(op Op, id string) error {
	if id == "" || len(id) > IDMax {
		return fmt.Errorf("%s: an id has 1 to %d bytes, not %d", op, IDMax, len(id))
	}
	for _, c := range []byte(id) {
		if c < ' ' || c >= 0x7f || c == '"' {
			return fmt.Errorf("%s: the id %q holds a quote or something that is not printable ASCII", op, id)
		}
	}
	return nil
}

func (r Request) validateApply() error {
	if err := validateID(r.Op, r.ID); err != nil {
		return err
	}
	if r.Effect == nil || len(r.Flows) == 0 {
		return errors.New("apply: no effect or no flow")
	}
	if err := r.Effect.Validate(); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	for _, f := range r.Flows {
		if f.From == "" || f.To == "" || f.From == f.To {
			return fmt.Errorf("apply: %q is not a flow", f)
		}
	}
	return nil
}

func (r Request) validateProbe() error {
	p := r.Probe
	if p == nil || p.Nonce == 0 {
		return fmt.Errorf("%s: no probe or no nonce", r.Op)
	}
	if p.Timeout <= 0 || p.Timeout > ProbeTimeoutMax {
		return fmt.Errorf("%s: a timeout is more than 0 and at most %v, not %v", r.Op, ProbeTimeoutMax, p.Timeout)
	}
	if r.Op == OpProbeSend && (p.To == "" || p.Transport != link.UDP && p.Transport != link.TCP) {
		return fmt.Errorf("%s: no peer, or a transport other than udp and tcp", r.Op)
	}
	return nil
}

// LineMax is the longest request or response, in bytes.
const LineMax = 1 << 20

// ReadRequest reads and validates one request. io.EOF is a connection that ended
// between two requests.
func ReadRequest(r *bufio.Reader) (Request, error) {
	var req Request
	if err := readJSON(r, &req); err != nil {
		return Request{}, err
	}
	return req, req.Validate()
}

// ReadResponse reads one response.
func ReadResponse(r *bufio.Reader) (Response, error) {
	var resp Response
	err := readJSON(r, &resp)
	return resp, err
}

// ErrLine is a line that is no message, or too long for one: the connection can't go on.
var ErrLine = errors.New("not a line of the agent's protocol")

func readJSON(r *bufio.Reader, into any) error {
	line, err := readLine(r, LineMax)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(line), into); err != nil {
		return fmt.Errorf("%w: %w", ErrLine, err)
	}
	return nil
}

// WriteMessage writes a request or a response as one line.
func WriteMessage(w io.Writer, message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	if len(line) >= LineMax {
		return fmt.Errorf("a message of %d bytes: the limit is %d", len(line), LineMax)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
