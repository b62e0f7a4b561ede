// Package scenarios holds the scenarios that ship with seatrial, one file a
// family, each a value. Its tests run them; so does the command line.
//
// A scenario that shows a known violation says in About what it shows; its
// control is the scenario that must pass under the same faults.
package scenarios
