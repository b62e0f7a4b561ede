// Package pod runs a system in containers, on any Docker engine, through
// testcontainers-go.
//
// # What a run makes
//
// One bridge network, and for every node a pod of two containers. The agent
// (package docker/agent, from an image that holds nothing else) owns the
// network namespace, the address and the one published port; it is the only
// container with capabilities: NET_ADMIN, and NET_RAW to send a packet twice.
// The system's own container joins that namespace and is otherwise untouched:
// kill it and its pod keeps its address and its port.
//
//	runtime := pod.Runtime{}
//	if err := runtime.Available(ctx); err != nil { … }
//	owner, err := cluster.NewOwner()
//	running, err := runtime.Start(ctx, system, cluster.Options{Owner: owner})
//	defer running.Close(ctx)
//	conn, err := running.Dialer().DialAs(ctx, link.Clients, "n1:client")
//
// The order of a start is fixed by connection tracking, which decides at the
// first packet: all agents run and know each other before the first system does.
//
// # Where things are
//
// A node listens on 0.0.0.0, is called by its name ("n2:2380", its own too), and
// keeps its state in [DataDir], in its container's own layer: the data outlives
// a kill, and no volume outlives the run. Clients reach a node through its pod's
// agent, so every (group, node) is a link that can be cut.
//
// The way from this process to the agents is found, not assumed: the first of
// the pod's own address (where the engine's networks are this machine's),
// 127.0.0.1, the default gateway, and the engine's host that answers to the
// run's token. TESTCONTAINERS_HOST_OVERRIDE is tried first where it is set. The
// run's log says which it was.
//
// # Disks that can fail
//
// With [cluster.Options].Disk the first process of each node's container is
// docker/disk, which keeps the data directory behind the layer of package
// harness/disk/layer and runs the system's own command as the image's own user.
// The container gets /dev/fuse and SYS_ADMIN for that (where the engine has AppArmor,
// also without its profile); the right is dropped before the command starts. The
// data is in an anonymous volume, which goes with the container. A trial in a
// container of its own says first whether the machine can do it.
//
// The disk is asked through the pod's agent, as the group [cluster.Probes], on which no
// fault falls. Kill goes through it, so that what was not synced is remembered;
// where the disk does not answer the engine kills, the log says so, and all counts
// as synced.
//
// # What is left behind
//
// Nothing. Every container and network carries the labels of its
// [cluster.Owner]; Close removes by label, and [Runtime.CollectGarbage] removes
// what a killed run left, by the same labels and nothing else. Images stay, they
// are what makes the next start fast: seatrial/<name>:<hash of its program>, with
// the label [LabelImage]. A builder that is killed leaves none: an import is one
// request, and the engine drops half of one.
//
// # Pausing
//
// The engine's word on whether a container is paused lags behind its calls, and
// can be wrong for some milliseconds; freeze.go says why, and what is done.
//
// A node is suspended by SIGSTOP to its first process, of which the engine's word on
// the container says nothing: its list of processes does, for which its host needs a ps.
//
// # Limits
//
// The engine changes the control groups of running containers, of version 1 or 2,
// without capabilities; what it counts of them is read from the kernel. A quota of
// processor time that is taken away leaves -1, for none, where there was 0, for none.
//
// # Ryuk
//
// Testcontainers' own reaper needs an image that may not be to be had. Where it
// is not on the engine already, this package sets TESTCONTAINERS_RYUK_DISABLED=true
// in its process, before testcontainers reads it, unless the user has set it.
//
// # Environment
//
//	SEATRIAL_AGENT                a linux binary of the agent, instead of building it
//	SEATRIAL_DISK                 a linux binary of docker/disk, instead of building it
//	DOCKER_HOST and the like      as testcontainers and docker understand them
//	TESTCONTAINERS_HOST_OVERRIDE  the host at which published ports are reached
package pod
