package txn

import "github.com/seatrial/seatrial/harness/history"

// made are anomalies that the published files do not show.
func made() []plant { return append(madeLists(), madeRegisters()...) }

func madeLists() []plant {
	x, y := "x", "y"
	disorder := func(second int32) *history.History {
		return small().
			Txn(0, history.OK, 0, 1000, history.Appends(x, one)).
			Txn(second, history.OK, 2000, 3000, history.Appends(x, two)).
			Txn(3, history.OK, 0, 9000, history.Lists(x, two, one)).History()
	}
	skew := func(second int32) *history.History {
		return small().
			Txn(0, history.OK, 0, 1000, history.Appends(y, one)).
			Txn(second, history.OK, 2000, 3000, history.Lists(x)).
			Txn(3, history.OK, 0, 9000, history.Lists(y), history.Appends(x, one)).History()
	}
	return []plant{
		{name: G0 + "-process", history: disorder(0)},
		{name: G0 + "-realtime", history: disorder(1)},
		{name: G2Item + "-process", history: skew(0)},
		{name: G2Item + "-realtime", history: skew(1)},
		{name: G1c + "-realtime", history: small().
			Txn(0, history.OK, 0, 1000, history.Lists(x, one)).
			Txn(1, history.OK, 2000, 3000, history.Appends(x, one)).History()},
		{name: GNonadjacent + "-realtime", history: small().
			Txn(0, history.OK, 0, 1000, history.Appends(x, one)).
			Txn(1, history.OK, 2000, 3000, history.Lists(y)).
			Txn(2, history.OK, 0, 9000, history.Appends(y, one)).
			Txn(3, history.OK, 0, 9000, history.Lists(x), history.Lists(y, one)).History()},
		{name: GSingle, history: small(). // of a transaction of unknown outcome the one half is seen
							Txn(0, history.Info, 0, 0, history.Appends(x, one), history.Appends(y, one)).
							Txn(1, history.OK, 0, 9000, history.Lists(x, one), history.Lists(y)).History()},
		{name: Garbage, history: small().Txn(0, history.OK, 0, 1, history.Lists(x, one)).History()},
	}
}

func madeRegisters() []plant {
	x, y := "x", "y"
	absent := func(key string) history.Step { return history.Reads(key, history.Nil) }
	// The second transaction comes after the first one: in its process, or in time only.
	wrong := func(second int32) *history.History { // a read, before there was what it read
		return small().
			Txn(0, history.OK, 0, 1000, history.Reads(x, one)).
			Txn(second, history.OK, 2000, 3000, history.Writes(x, one)).History()
	}
	stale := func(second int32) *history.History {
		return small().
			Txn(0, history.OK, 0, 1000, history.Writes(x, one)).
			Txn(second, history.OK, 2000, 3000, absent(x)).History()
	}
	fork := func(second int32) *history.History {
		return small().
			Txn(0, history.OK, 0, 1000, history.Writes(x, one)).
			Txn(second, history.OK, 2000, 3000, absent(y)).
			Txn(2, history.OK, 0, 9000, history.Writes(y, one)).
			Txn(3, history.OK, 0, 9000, absent(x), history.Reads(y, one)).History()
	}
	skew := func(second int32) *history.History {
		return small().
			Txn(0, history.OK, 0, 1000, history.Writes(y, one)).
			Txn(second, history.OK, 2000, 3000, absent(x)).
			Txn(3, history.OK, 0, 9000, absent(y), history.Writes(x, one)).History()
	}
	all := []plant{
		{name: G1c, history: small().
			Txn(0, history.OK, 0, 9, history.Writes(x, one), history.Reads(y, one)).
			Txn(1, history.OK, 0, 9, history.Writes(y, one), history.Reads(x, one)).History()},
		{name: G1c + "-process", history: wrong(0)},
		{name: G1c + "-realtime", history: wrong(1)},
		{name: FutureRead, history: small().
			Txn(0, history.OK, 0, 9, history.Reads(x, one), history.Writes(x, one)).History()},
		{name: GSingle, history: small(). // of a transaction of unknown outcome the one half is seen
							Txn(0, history.Info, 0, 0, history.Writes(x, one), history.Writes(y, one)).
							Txn(1, history.OK, 0, 9, history.Reads(x, one), absent(y)).History()},
		{name: GSingle + "-process", history: stale(0)},
		{name: GSingle + "-realtime", history: stale(1)},
		{name: GNonadjacent, history: small().
			Txn(0, history.OK, 0, 9, history.Writes(x, one)).
			Txn(1, history.OK, 0, 9, history.Writes(y, one)).
			Txn(2, history.OK, 0, 9, history.Reads(x, one), absent(y)).
			Txn(3, history.OK, 0, 9, absent(x), history.Reads(y, one)).History()},
		{name: GNonadjacent + "-process", history: fork(0)},
		{name: GNonadjacent + "-realtime", history: fork(1)},
		{name: G2Item, history: small().
			Txn(0, history.OK, 0, 9, absent(x), history.Writes(y, one)).
			Txn(1, history.OK, 0, 9, absent(y), history.Writes(x, one)).History()},
		{name: G2Item + "-process", history: skew(0)},
		{name: G2Item + "-realtime", history: skew(1)},
		{name: RealtimeVersions, history: small(). // a stale read among blind writes
								Txn(0, history.OK, 0, 9, history.Writes(x, one)).
								Txn(1, history.OK, 10, 19, history.Writes(x, two)).
								Txn(2, history.OK, 20, 29, history.Reads(x, one)).History()},
		{name: RealtimeVersions, history: small(). // 1, then 2, then 1 again
								Txn(0, history.OK, 0, 99, history.Writes(x, one)).
								Txn(1, history.OK, 0, 99, history.Writes(x, two)).
								Txn(2, history.OK, 10, 19, history.Reads(x, one)).
								Txn(3, history.OK, 20, 29, history.Reads(x, two)).
								Txn(4, history.OK, 30, 39, history.Reads(x, one)).History()},
	}
	for i := range all {
		all[i].registers = true
	}
	return all
}
