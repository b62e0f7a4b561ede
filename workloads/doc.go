// Package workloads holds what clients do to a system, and the small interfaces
// that a system's client implements to take part.
//
// A system offers a workload by implementing its opener, for instance
// [RegisterOpener]. A [Workload] draws operations; package harness records each
// invocation before it is sent, carries it out, and records its completion.
package workloads
