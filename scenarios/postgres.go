package scenarios

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/txn"
	"github.com/seatrial/seatrial/docker/postgres"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/workloads"
)

func init() { named.Register(postgres.Cluster{}) }

// postgresFault is what happens to one server: it is killed, it stands still, and
// its clients are cut off from it.
var postgresFault = fault.Mix{
	Faults: []fault.Fault{
		fault.Kill{Target: fault.Node("n1")},
		fault.Pause{Target: fault.Node("n1")},
		fault.BlackHole{Target: fault.Clients(string(link.Clients))},
	},
	QuietMin: 2 * time.Second, QuietMax: 4 * time.Second,
}

// quickDeadlocks finds deadlocks after 20 ms instead of 1 s. Transactions at random
// on a few hot rows meet many, and would do little but wait.
var quickDeadlocks = map[string]string{"deadlock_timeout": "20ms"}

// serializable judges transactions by the level that PostgreSQL's SERIALIZABLE promises:
// some order of them explains everything, though not that of the clock.
func serializable(workload workloads.Workload) checkers.All {
	if t, ok := workload.(workloads.Transactions); ok && t.Model == workloads.ModelRWRegister {
		return checkers.All{txn.Register{Level: "serializable"}}
	}
	return checkers.All{txn.ListAppend{Level: "serializable"}}
}

// postgresTransactions is transactions on one server that is killed, paused and cut off.
func postgresTransactions(name, about string, system postgres.Cluster, workload workloads.Workload) harness.Scenario {
	return harness.Scenario{
		Name: "postgres/" + name, About: about, Tags: []string{"isolation"},
		System: system, Workload: workload,
		Rate: 1000, Duration: 20 * time.Second, OperationTimeout: 2 * time.Second, Faults: postgresFault,
		Check: serializable(workload),
	}
}

// Transactions at PostgreSQL's levels, through kills, pauses and cuts.
var (
	PostgresUnique = func() harness.Scenario {
		s := postgresTransactions("append/unique",
			"PostgreSQL keeps every acknowledged insert, once",
			postgres.Cluster{}, workloads.Appends{})
		s.Check = lossless
		return s
	}()
	PostgresAppend = postgresTransactions("append/serializable",
		"list-append at SERIALIZABLE",
		postgres.Cluster{Level: postgres.Serializable, Settings: quickDeadlocks}, workloads.Transactions{})
	PostgresRegister = postgresTransactions("register/serializable",
		"rw-register at SERIALIZABLE",
		postgres.Cluster{Level: postgres.Serializable, Settings: quickDeadlocks}, workloads.Transactions{Model: workloads.ModelRWRegister})
	PostgresBank = func() harness.Scenario {
		s := postgresTransactions("bank/repeatable-read",
			"money is neither made nor lost at REPEATABLE READ, and who reads all accounts finds so",
			postgres.Cluster{Level: postgres.RepeatableRead, Settings: quickDeadlocks}, workloads.Bank{})
		s.Check = checkers.All{checkers.Bank{Total: new(int64), Negative: true}}
		return s
	}()
)

// postgresLevel is transactions at a level that does not hold serializability.
func postgresLevel(name, about string, system postgres.Cluster, workload workloads.Workload) harness.Scenario {
	s := postgresTransactions(name, about, system, workload)
	s.Faults, s.Duration = nil, 15*time.Second
	return s
}

// What the weaker levels let happen.
var (
	PostgresLostUpdate = postgresLevel("register/read-committed",
		"shows lost updates of registers at READ COMMITTED",
		postgres.Cluster{Settings: quickDeadlocks}, workloads.Transactions{Model: workloads.ModelRWRegister})
	PostgresLostAppend = postgresLevel("append/in-two-read-committed",
		"shows lost appends at READ COMMITTED, where an append reads the list and writes it back",
		postgres.Cluster{AppendInTwo: true, Settings: quickDeadlocks}, workloads.Transactions{})
	PostgresGSingle = postgresLevel("append/read-committed",
		"shows that one transaction sees half of another at READ COMMITTED (G-single)",
		postgres.Cluster{Settings: quickDeadlocks}, workloads.Transactions{})
	PostgresSkew = postgresLevel("skew/repeatable-read",
		"shows write skew (G2-item) at REPEATABLE READ",
		postgres.Cluster{Level: postgres.RepeatableRead, Settings: quickDeadlocks}, workloads.WriteSkew{})
	PostgresNoSkew = postgresLevel("skew/serializable",
		"there is no write skew at SERIALIZABLE while transactions are short",
		postgres.Cluster{Level: postgres.Serializable, Settings: quickDeadlocks}, workloads.WriteSkew{})
)

// postgresHeldOpen holds T4 open while that many serializable transactions commit
// after T1, which wrote what T4 had read, and read what T4 then writes. PostgreSQL 15
// forgets T1 when more than ten times as many transactions have committed as there
// may be backends: 1220 at its defaults.
func postgresHeldOpen(name, about string, fillers int) harness.Scenario {
	return harness.Scenario{
		Name: "postgres/skew/" + name, About: about, Tags: []string{"isolation"},
		System:   postgres.Cluster{Level: postgres.Serializable},
		Workload: workloads.Transactions{},
		Duration: 40 * time.Second,
		Check:    serializable(workloads.Transactions{}),
		Script: script.Script{Steps: script.Steps{
			script.Begin{Session: "T4", Do: "read-list B"},
			script.Txn{Session: "T1", Do: "read-list A, append B"},
			script.Repeat{Times: fillers, Do: script.Steps{script.Txn{Session: "filler", Do: "append filler#"}}},
			script.Then{Session: "T4", Do: "append A"},
			script.Commit{Session: "T4"},
		}},
	}
}

// PostgreSQL's serializable snapshot isolation, with one transaction held open.
var (
	PostgresSSI = postgresHeldOpen("held-open",
		"shows write skew at SERIALIZABLE: a transaction is held open while 1300 others commit", 1300)
	PostgresSSIControl = postgresHeldOpen("held-open-for-less",
		"a transaction that is held open while 1100 others commit is aborted, as SERIALIZABLE says", 1100)
)

// smallPostgres are settings, beside quickDeadlocks, with which 160 transactions are what 1220 are at the
// defaults, so that load at random meets the same.
var smallPostgres = map[string]string{
	"max_connections": "14", "autovacuum_max_workers": "1", "max_worker_processes": "0", "max_wal_senders": "0",
	"deadlock_timeout": "20ms",
}

// postgresStalls is transactions at SERIALIZABLE of which some are held open between
// their reads and their writes, three clients' at a time and most clients' at any
// time, for long enough that the server forgets those that committed meanwhile, if
// it has few backends.
func postgresStalls(name, about string, settings map[string]string, workload workloads.Workload) harness.Scenario {
	s := postgresLevel(name, about, postgres.Cluster{Level: postgres.Serializable, Settings: settings}, workload)
	s.Clients, s.OperationTimeout = 12, 5*time.Second
	some := fault.Mix{Faults: []fault.Fault{fault.Stall{Share: 25}}, QuietMin: 50 * time.Millisecond, QuietMax: 500 * time.Millisecond,
		ForMin: 1500 * time.Millisecond, ForMax: 1500 * time.Millisecond}
	s.Faults = fault.Together{some, some, some, some}
	return s
}

// stallingSkew is over so many pairs that one which nobody has touched for 160
// transactions is common, and so is one that somebody wrote before that.
var stallingSkew = workloads.WriteSkew{Pairs: 160}

// PostgreSQL's serializable snapshot isolation, by load at random.
var (
	PostgresSSIRandom = postgresStalls("skew/stalls-small",
		"shows write skew at SERIALIZABLE on a server that may have few backends, by load at random",
		smallPostgres, stallingSkew)
	PostgresSSIRandomControl = postgresStalls("skew/stalls",
		"there is no write skew at SERIALIZABLE where transactions stall for less than the server remembers",
		quickDeadlocks, stallingSkew)
	PostgresSSIAppend = func() harness.Scenario {
		s := postgresStalls("append/stalls-small",
			"shows cycles at SERIALIZABLE on a server that may have few backends, by list-append at random",
			smallPostgres, workloads.Transactions{Keys: 300, Distribution: workloads.Uniform, WritesPerKey: 40})
		s.Duration = 3 * time.Minute
		return s
	}()
)
