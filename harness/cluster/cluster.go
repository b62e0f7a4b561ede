package cluster

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// Port is a port of every node of a system.
type Port struct {
	// Name is how adapters and fault plans call it, for instance "client" or "peer".
	Name string
	// Number is the port on which it listens in a pod. The process runtime picks its own.
	Number int
	// Peer says that the nodes dial each other on it.
	Peer bool
}

// Addresses tells a system, while it lays out its nodes, where things are.
type Addresses interface {
	// Listen is the host:port that a node binds for one of its ports.
	Listen(node, port string) string
	// Dial is the host:port at which the node `from` reaches a port of the node
	// `to`. On the process runtime every pair has its own, because each is a
	// link that can be cut. With from == to it is the node's own address.
	Dial(from, to, port string) string
	// DataDir is where the node keeps its state.
	DataDir(node string) string
}

// Command is how a node's program is started.
type Command struct {
	// Args are the program and its arguments. In a pod, Args[0] is a path in the image.
	Args []string
	// Env are NAME=value pairs beside those of the image or the harness.
	Env []string
}

// System is a stateful system under test. A value of it is data: exported fields
// are its parameters. What else it can do it says by what it implements:
// [PodSystem], [ProcessSystem], [LeaderFinder], and the openers of package workloads.
type System interface {
	// SystemName is for instance "etcd".
	SystemName() string
	// SystemVersion is for instance "3.5.35".
	SystemVersion() string
	// Validate says what is wrong with the parameters, before anything starts.
	Validate() error
	// NodeNames are the nodes, for instance n1, n2, n3.
	NodeNames() []string
	// Ports are the ports that every node has.
	Ports() []Port
	// Ready asks the session's node whether it serves, by doing what a client would.
	Ready(ctx context.Context, session link.Session) error
}

// PodSystem is a system that runs in pods.
type PodSystem interface {
	System
	// Image makes sure that the image is there, building it if need be, and
	// returns its tag. Progress is told in lines.
	Image(ctx context.Context, builder ImageBuilder) (tag string, err error)
	// PodCommand is how the node is started in its container.
	PodCommand(node string, at Addresses) (Command, error)
}

// ProcessSystem is a system that runs as local processes.
type ProcessSystem interface {
	System
	// Program builds or finds the program and returns its path. A program
	// beginning with the path of the running executable is allowed.
	Program(ctx context.Context, builder ProgramBuilder) (path string, err error)
	// ProcessCommand is how the node is started; Args[0] is replaced by the program's path.
	ProcessCommand(node string, at Addresses) (Command, error)
}

// Membered is a system in which only some nodes hold data and serve clients; the
// others watch (sentinels, proxies, arbiters). Clients work on members, and
// targets that are drawn are drawn among them. What is not a member is cut like
// any other node: it is on the side that its target is not on.
type Membered interface {
	System
	// Members are those of NodeNames that hold data, in the same order.
	Members() []string
}

// Members are the nodes of a system that hold data: all, unless it is [Membered].
func Members(s System) []string {
	if m, ok := s.(Membered); ok {
		return m.Members()
	}
	return s.NodeNames()
}

// LeaderFinder is a system that can say who leads.
type LeaderFinder interface {
	// Leader asks the session's node who it believes leads; "" where it knows none.
	Leader(ctx context.Context, session link.Session) (node string, term uint64, err error)
}

// ProgramBuilder builds Go programs into a cache, once per content, under a lock
// that other processes respect.
type ProgramBuilder interface {
	// GoPackage builds a package of seatrial's own module for linux and returns
	// the path of the static binary.
	GoPackage(ctx context.Context, importPath string) (path string, err error)
	// GoTemplate writes the files into a folder of the cache and builds the
	// package in it. The key of files is a name relative to the folder.
	GoTemplate(ctx context.Context, name string, files map[string][]byte) (path string, err error)
}

// ImageBuilder builds images, once per content.
type ImageBuilder interface {
	ProgramBuilder
	// FromBinary makes an image with nothing but the program at /<name>, and
	// returns its tag.
	FromBinary(ctx context.Context, name, binary string) (tag string, err error)
	// FromDockerfile builds an image from a folder's files, "Dockerfile" among
	// them, and returns its tag. The key of files is a name relative to the folder.
	// Where the Dockerfile says FROM debian:bookworm-slim and that image can't be
	// had, it is made from Debian's packages first.
	FromDockerfile(ctx context.Context, name string, files map[string][]byte) (tag string, err error)
}

// State is what a node's program is doing.
type State string

// The states of a node.
const (
	Running State = "running"
	Paused  State = "paused"
	Stopped State = "stopped"
)

// Life is what a node's program does now, or how it ended.
type Life struct {
	State State
	// ID is another at each start of the program, and empty before the first.
	ID string
	// Suspended says that its first process stands still by SIGSTOP, whoever sent it.
	Suspended bool
	// OutOfMemory says that in this life the kernel killed one of its processes
	// because the node's memory limit was met.
	OutOfMemory bool
}

// Options are how a cluster is started.
type Options struct {
	Owner *Owner
	// Streams says that the plan holds a fault on byte streams, so links between
	// nodes go through a proxy. Without it they are plain kernel TCP.
	Streams bool
	// Names says that the plan holds a fault on names, so what nodes ask of their
	// name servers goes through a relay; see [NameNetwork].
	Names bool
	// Disk says that the plan holds a fault on disks, so the nodes' programs keep
	// their data behind a layer that may fail; see [Disks]. Where the machine can't,
	// the nodes are started without it, and DisksApply says why.
	Disk bool
	// ReadyWithin bounds the time until every node is ready. Default 60 s.
	ReadyWithin time.Duration
	// MemoryBytes and CPUs limit each node; zero is the runtime's default.
	MemoryBytes int64
	CPUs        float64
	// Log is told what is being done, one line at a time; it may be nil.
	Log func(line string)
}

// Runtime starts systems.
type Runtime interface {
	// RuntimeName is "pod" or "process".
	RuntimeName() string
	// Available says whether this machine can run it: an error names what is
	// missing and what to do.
	Available(ctx context.Context) error
	// Start brings every node up, in parallel, and returns when each has started
	// (not when it is ready: see [WaitReady]). What a failed start made is removed.
	Start(ctx context.Context, system System, options Options) (Cluster, error)
	// CollectGarbage removes what dead runs left, and only that. It returns one
	// line for each thing removed.
	CollectGarbage(ctx context.Context) (removed []string, err error)
}

// Cluster is a running system.
type Cluster interface {
	System() System
	// Dialer is how clients reach the nodes.
	Dialer() link.Dialer
	// Network is where flows between nodes are cut.
	Network() Network

	// State is what the node's program is doing, asked now.
	State(ctx context.Context, node string) (State, error)
	// Life is what the node's program does, and which of its lives this is, as the
	// kernel or the engine says, asked now.
	Life(ctx context.Context, node string) (Life, error)
	// StartNode starts a node that was killed or stopped, on the same address
	// with the data it left. A running node is left alone.
	StartNode(ctx context.Context, node string) error
	// Kill ends the node's program with SIGKILL and waits until it is gone.
	Kill(ctx context.Context, node string) error
	// Stop asks the program to end (SIGTERM), waits up to grace, then kills it.
	Stop(ctx context.Context, node string, grace time.Duration) error
	// Pause stops the program where it stands (freezer or SIGSTOP); kernel
	// buffers still fill, and deliver on Resume.
	Pause(ctx context.Context, node string) error
	Resume(ctx context.Context, node string) error
	// Suspend stops the first process of the node's program by SIGSTOP, and no
	// other: its children go on.
	Suspend(ctx context.Context, node string) error
	// Continue ends a Suspend. A node that is not suspended is no error.
	Continue(ctx context.Context, node string) error

	// Logs writes what the node's program printed, across its restarts.
	Logs(ctx context.Context, node string, to io.Writer) error
	// Data writes the node's data directory as a tar stream. The node need not run.
	Data(ctx context.Context, node string, to io.Writer) error
	// Close ends and removes everything of this cluster. It works on a cluster in
	// any state, and a second call does nothing.
	Close(ctx context.Context) error
}

// Network switches flows between the nodes of a cluster. All methods may be
// called at any time, on nodes in any state.
type Network interface {
	// Applies says whether the effect exists here on links between nodes; an error
	// says why not.
	Applies(effect link.Effect) error
	// Apply puts an effect on every flow, at both ends, under an id of the
	// caller's. Several effects may be on one flow.
	Apply(ctx context.Context, id string, effect link.Effect, flows []link.Flow) error
	// Count is what the effect of that id did to traffic so far.
	Count(ctx context.Context, id string) (link.Count, error)
	// Undo takes the effect of that id away everywhere. An unknown id is not an error.
	Undo(ctx context.Context, id string) error
	// Active lists the ids that are in force anywhere, as the places that enforce
	// them say; empty after everything was undone.
	Active(ctx context.Context) ([]string, error)
	// Probe sends a few bytes along the flow and sees whether they arrive, over the same
	// path as the nodes' own traffic. It shares no code with the effects. The
	// time is one way between nodes, and there and back for a client group. The
	// error wraps [ErrNoArrival] where the byte did not arrive within the timeout
	// or its connection was refused or reset; any other error says nothing of the
	// flow.
	Probe(ctx context.Context, flow link.Flow, timeout time.Duration) (took time.Duration, err error)
}

// ErrNoArrival is a probe's answer about a flow that is dead.
var ErrNoArrival = errors.New("nothing came through")

// ErrNotRunning is why nothing could be done to a node's program.
var ErrNotRunning = errors.New("its program does not run")

// Unavailable marks the error of [Runtime.Available]: this machine lacks what a
// runtime needs.
type Unavailable struct{ Err error }

func (u Unavailable) Error() string { return u.Err.Error() }
func (u Unavailable) Unwrap() error { return u.Err }
