// Package edn reads and writes the histories of Jepsen.
package edn
