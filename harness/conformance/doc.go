// Package conformance holds the suite that every fault must pass; it has no code of
// its own. For each fault that is registered with package fault, on each runtime, it
// asks: does it say whether it applies? Is there no effect before it, does a probe
// that shares no code with it see it, and is there no effect and nothing left after?
// Does its undo work when the target was killed, restarted or removed meanwhile? Are
// its start and its end recorded? And is a cluster beside it left in peace?
//
// The probe is internal/sightd, a program that the nodes run and that looks at its
// network, its names and its limits with sockets and files of its own.
package conformance
