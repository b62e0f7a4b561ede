// Package cli is the seatrial command line, one file a command. A program with
// scenarios of its own is five lines:
//
//	package main
//
//	func main() { cli.Main(myscenarios.All()) }
//
// Exit codes: 0 pass, 1 violation, 3 error, 4 inconclusive, 64 wrong flags,
// names or files. Results go to standard output, progress and errors to standard
// error. With --json standard output holds one JSON document and nothing else.
package cli
