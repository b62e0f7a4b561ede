package history

import "sync/atomic"

// Counts says how many operations of each kind a [Recorder] has recorded so far.
type Counts struct {
	invoked    [kindCount]int64
	completed  [kindCount][3]int64
	mismatches int64
}

// Invoked is the number of operations of a kind that were begun.
func (c Counts) Invoked(kind Kind) int64 {
	if kind >= kindCount {
		return 0
	}
	return c.invoked[kind]
}

// Completed is the number of operations of a kind that ended so.
func (c Counts) Completed(kind Kind, outcome Outcome) int64 {
	if kind >= kindCount || outcome > Fail {
		return 0
	}
	return c.completed[kind][outcome]
}

// Ended is the number of operations of any kind that ended so.
func (c Counts) Ended(outcome Outcome) int64 {
	total := int64(0)
	for kind := range kindCount {
		total += c.Completed(kind, outcome)
	}
	return total
}

// Mismatches is how many compare-and-sets were answered with "the value was not
// the expected one"; they are among the completed ones with outcome OK.
func (c Counts) Mismatches() int64 { return c.mismatches }

// Total is the number of operations that were begun.
func (c Counts) Total() int64 {
	total := int64(0)
	for _, n := range c.invoked {
		total += n
	}
	return total
}

// UnderWay is the number of operations that were begun and have not ended.
func (c Counts) UnderWay() int64 {
	return c.Total() - c.Ended(OK) - c.Ended(Fail) - c.Ended(Info)
}

// counters are Counts that are read while they are written.
type counters struct {
	invoked    [kindCount]atomic.Int64
	completed  [kindCount][3]atomic.Int64
	mismatches atomic.Int64
}

// read loads completions before invocations, so that an operation is never seen
// to end before it began and UnderWay is never negative.
func (c *counters) read() Counts {
	var counts Counts
	counts.mismatches = c.mismatches.Load()
	for kind := range c.completed {
		for outcome := range c.completed[kind] {
			counts.completed[kind][outcome] = c.completed[kind][outcome].Load()
		}
	}
	for kind := range c.invoked {
		counts.invoked[kind] = c.invoked[kind].Load()
	}
	return counts
}
