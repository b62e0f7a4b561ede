// Package script is ordered steps: operations by named sessions, faults, and
// barriers that wait for what is observed. A script shows in seconds what a random
// schedule needs minutes for. A harness.Scenario has one in its field Script:
//
//	Script: script.Script{Steps: script.Steps{
//		script.Begin{Session: "T4", Do: "read B"},           // and leave it open
//		script.Txn{Session: "T1", Do: "read A, write B"},
//		script.Repeat{Times: 1300, Do: script.Steps{script.Txn{Session: "filler", Do: "write filler"}}},
//		script.Then{Session: "T4", Do: "write A"},
//		script.Commit{Session: "T4"},
//	}}
//
// The scenario's workload says what its clients offer, and what the history is to be
// judged as. Where the scenario has Clients or Groups, they draw operations from the
// workload at random while the script goes on; without, the script is alone. The load
// ends when the script does, and the scenario's Duration bounds it.
//
// # Steps
//
//	Do         one operation of a session: read, write, cas, append, read-list, add …
//	Txn        one transaction, from begin to commit
//	Begin      begins a transaction, does some steps, and holds it open
//	Then       does more steps in the open transaction
//	Commit     commits it
//	Rollback   gives it up
//	Behind     lets a step of a session go on in the background: it may have to wait
//	           for a lock that another session holds
//	Await      waits for the step that a session has in the background
//	Repeat     does steps many times; a # in a key becomes the round's number
//	Inject     injects a fault, under a name
//	Heal       heals it
//	Until      waits for a barrier
//	Wait       waits for a time
//	Func       code, for what no step can say
//
// What operations do is said in words: the name of a kind of operation, as in a
// history, and a key. A write or append is of a value that was never written before,
// which the script draws; a cas expects what its session read last; an add has its
// amount: "add A -5". The steps of a transaction have commas between them.
//
// # Outcomes
//
// Operations are recorded as any other, a transaction from its begin to its answer.
// One that is refused or ends unknown is no failure of the script: the judges see it.
// The rest of a transaction that failed is passed over. A session whose operation
// ended unknown goes on as a new process.
//
// # Barriers
//
//	Acknowledged   some more operations, of whoever, were acknowledged
//	LeaderIs       a node leads, as the nodes say
//	LeaderIsNot    another node leads
//	Seen           what a node says of itself holds a text (cluster.Viewer)
//	LogLine        a node's log has a new line with a text
//	Serves         every node serves
//	Blocked        a session's step in the background is waiting
//
// Another one is a struct that implements [Barrier], registered with named.Register.
// Every step has a deadline. A barrier that is not reached, or a session that can't
// connect, ends the script, and the run proves nothing: it is inconclusive.
package script
