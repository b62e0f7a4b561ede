// Package scenarios holds the scenarios that ship with seatrial, one file a
// family, each a value. Its tests run them; so does the command line.
//
// A scenario that shows a known violation says in About what it shows; its
// control is the scenario that must pass under the same faults.
//
// What is tagged "long" takes so much time that go test leaves its row of the track
// record to the soak.
package scenarios
