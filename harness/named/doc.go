// Package named writes values that hold interfaces as JSON and reads them back.
//
// A scenario is data: its system, workload, faults and checks are structs behind
// interfaces. JSON alone can't say which struct was there, so each type has a
// registered name, written as "type" beside the struct's exported fields:
//
//	{"type":"fault.BlackHole","Target":"minority"}
//
// A type is read back only where it was registered. One that holds code, or
// implements [Opaque], is written by its name and description only, and reading
// it is an error that says so.
package named
