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
	PostgresSnapshot = func() harness.Scenario {
		s := postgresTransactions("append/in-two-repeatable-read",
			"REPEATABLE READ is snapshot isolation: no append is lost, though each reads the list and writes it back",
			postgres.Cluster{Level: postgres.RepeatableRead, AppendInTwo: true, Settings: quickDeadlocks}, workloads.Transactions{})
		s.Check = checkers.All{txn.ListAppend{Level: "snapshot-isolation"}}
		return s
	}()
	PostgresBank = postgresBank("bank/repeatable-read",
		"money is neither made nor lost at REPEATABLE READ, and who reads all accounts finds so", postgres.RepeatableRead)
	PostgresBankSerializable = postgresBank("bank/serializable",
		"money is neither made nor lost at SERIALIZABLE, and who reads all accounts finds so", postgres.Serializable)
)

func postgresBank(name, about, level string) harness.Scenario {
	s := postgresTransactions(name, about, postgres.Cluster{Level: level, Settings: quickDeadlocks}, workloads.Bank{})
	s.Check = checkers.All{checkers.Bank{Total: new(int64), Negative: true}}
	return s
}

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

// smallPostgres are settings with which 160 transactions are what 1220 are at the
// defaults, so that load at random meets the same; with room for what these have
// read, which else runs out and fails them.
var smallPostgres = map[string]string{
	"max_connections": "14", "autovacuum_max_workers": "1", "max_worker_processes": "0", "max_wal_senders": "0",
	"max_pred_locks_per_transaction": "1024", "deadlock_timeout": "20ms",
}

// postgresStalls is list-append at SERIALIZABLE on a small server, where one
// transaction in a hundred is held open between its reads and its writes while so
// many others are committed. That is seen only where nobody has read what it then
// writes for 160 transactions, but somebody did before: so there are many keys, and
// more reads than writes.
func postgresStalls(name, about string, others int) harness.Scenario {
	s := postgresLevel("append/"+name, about,
		postgres.Cluster{Level: postgres.Serializable, Settings: smallPostgres},
		workloads.Transactions{Keys: 800, Distribution: workloads.Uniform, MinLength: 2, MaxLength: 10, ReadShare: 85, WritesPerKey: 64,
			StallFor: others, StallShare: 1})
	s.Clients, s.Duration, s.OperationTimeout = 12, time.Minute, 20*time.Second
	return s
}

// PostgreSQL's serializable snapshot isolation, by load at random.
var (
	PostgresSSIRandom = postgresStalls("held-open",
		"shows cycles at SERIALIZABLE on a server for 14 clients: some transactions are held open while 800 others commit", 800)
	PostgresSSIRandomControl = postgresStalls("held-open-for-less",
		"there is no cycle at SERIALIZABLE where transactions are held open while 50 others commit", 50)
)
