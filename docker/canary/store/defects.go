package store

import (
	"fmt"
	"strings"
)

// Defect is a way to be wrong on purpose, and what must notice it.
type Defect struct {
	// Name is what the option is set to.
	Name string
	// Breaks says what goes wrong, and when it shows.
	Breaks string
	// CaughtBy is the scenario that must find it.
	CaughtBy string
}

// The names of the defects.
const (
	StaleRead       = "stale-read"
	AckBeforeCommit = "ack-before-commit"
	NonatomicCAS    = "nonatomic-cas"

	DoubleAppend       = "double-append"
	DirtyRead          = "dirty-read"
	MemoryLog          = "memory-log"
	NoFsync            = "no-fsync"
	LostOnLeaderChange = "lost-on-leader-change"
)

// Defects lists them all.
func Defects() []Defect {
	return []Defect{
		{
			Name: StaleRead,
			Breaks: "every node answers reads from its own copy, so a node that is behind, or cut off, " +
				"returns values that were overwritten before the read began",
			CaughtBy: "canary/register/minority-cut",
		},
		{
			Name: AckBeforeCommit,
			Breaks: "a node acknowledges once it has handed an operation on (the leader to its own log, a follower " +
				"to its connection to the leader), so what a cut-off node acknowledged is lost",
			CaughtBy: "canary/register/minority-cut",
		},
		{
			Name: NonatomicCAS,
			Breaks: "a compare-and-set reads, compares and then writes, so of two at a time both succeed, " +
				"and writes in between are overwritten; it takes contention on a key, and no fault",
			CaughtBy: "canary/register/mixed",
		},
		{
			Name: DoubleAppend,
			Breaks: "a node that does not learn what became of an append does it again, so its element is added " +
				"twice; it takes an answer that is lost or late",
			CaughtBy: "canary/append/mixed",
		},
		{
			Name: DirtyRead,
			Breaks: "the leader answers reads from what it has appended to its log, so a leader that is cut off " +
				"shows what no majority stores, and what is gone once the others have elected the next",
			CaughtBy: "canary/append/leader-cut",
		},
		{
			Name: MemoryLog,
			Breaks: "a node acknowledges log entries that it has in memory and writes them to disk a while later, " +
				"so when all nodes are killed together, the last ones are lost",
			CaughtBy: "canary/append/kill-all",
		},
		{
			Name: NoFsync,
			Breaks: "a node acknowledges log entries, terms and votes that it has written and never syncs, so a kill " +
				"takes nothing, and when all machines lose their power together, all of it is lost",
			CaughtBy: "canary/append/power-loss-all",
		},
		{
			Name: LostOnLeaderChange,
			Breaks: "a new leader begins with the last checkpoint of its table and does not replay the log behind " +
				"it, so the last acknowledged operations of the leader before it are lost",
			CaughtBy: "canary/append/leader-cut",
		},
	}
}

// CheckDefect says whether there is a defect of that name; "" is none.
func CheckDefect(name string) error {
	if name == "" {
		return nil
	}
	var known []string
	for _, d := range Defects() {
		if d.Name == name {
			return nil
		}
		known = append(known, d.Name)
	}
	return fmt.Errorf("no defect %q: want %s, or none", name, strings.Join(known, ", "))
}
