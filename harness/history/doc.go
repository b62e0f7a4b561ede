// Package history holds what clients asked a system and what they were told.
//
// A history is a list of operations. Each operation has an invocation, recorded
// before the request is sent, and a completion, recorded after the answer is
// received. A completion is one of three [Outcome]s: [OK] (it happened),
// [Fail] (it certainly did not happen) and [Info] (nobody knows: it may take
// effect at any later time, or never). An operation that was never completed
// counts as Info.
//
// The words follow Jepsen: a process is one logical client that has at most one
// operation under way. After Info its number is retired and its successor gets a
// new one. A slot is the client's place in the scenario ("the fourth of ten
// clients"); a slot's processes follow each other.
//
// Times are nanoseconds since the run began, by a monotonic clock; a call is
// stamped before the send and a return after the receive, so the interval
// [Call, Return] contains the instant at which the operation took effect.
//
// # Recording and reading
//
// [Create] makes a [Recorder], which many clients use at once:
//
//	recorder.Invoke(process, history.Write, "r1", history.Int(17), history.None)
//	err := client.Write(ctx, "r1", 17)
//	recorder.Complete(process, history.Write, outcomeOf(err), history.None, false)
//
// [Recorder.CompleteList] completes a read of a list, and [Recorder.InvokeTxn] and
// [Recorder.CompleteTxn] record a transaction:
//
//	recorder.InvokeTxn(process, "", []history.Step{history.Asks("x"), history.Appends("x", 5)})
//	list, err := client.Append(ctx, "x", 5)
//	recorder.CompleteTxn(process, []history.Step{history.Lists("x", list...), history.Appends("x", 5)})
//
// [ReadFile] and [Decode] return a [History], of which [History.Describe] tells an
// operation in words. [Encode] writes a history from memory, for instance the
// smallest one that shows a violation, and [Builder] makes one for a test.
//
// # On disk
//
// A history file is JSON lines, compressed by gzip or not: a [Header] on the
// first line, then one event a line, in the order in which they were recorded:
//
//	{"seatrial":1,"scenario":"etcd/register/mixed","seed":7,"model":"cas-register",…}
//	{"t":120,"e":"session","p":3,"slot":3,"group":"clients","node":"n1"}
//	{"t":1205,"e":"call","p":3,"f":"write","k":"r1","v":17}
//	{"t":5107,"e":"ok","p":3}
//	{"t":6200,"e":"call","p":3,"f":"cas","k":"r1","x":17,"v":23}
//	{"t":9000,"e":"ok","p":3,"r":21,"mismatch":true}
//	{"t":9020,"e":"call","p":3,"f":"append","k":"l4","v":18}
//	{"t":9040,"e":"ok","p":3}
//	{"t":9060,"e":"call","p":3,"f":"read-list","k":"l4"}
//	{"t":9080,"e":"ok","p":3,"r":[17,"a string",18]}
//	{"t":9082,"e":"call","p":3,"f":"txn","k":"","v":[["read","x"],["write","y",3],["append","z",4],["read-list","z"],["add","a",-5]]}
//	{"t":9086,"e":"ok","p":3,"r":[["read","x",7],["write","y",3],["append","z",4],["read-list","z",[1,4]],["add","a",-5]]}
//	{"t":9100,"e":"fault","step":2,"phase":"injected","fault":"black-hole n2","nodes":["n2"]}
//	{"t":9900,"e":"mark","name":"healed"}
//
// "v" is the value written (for a compare-and-set: the new one), "x" the value
// expected, "r" what the client was told. A value is an integer, a string, or
// null for "the key is absent"; a field that is not there means that the
// operation has no such value, or that the answer did not say. Fields may be in any
// order, and fields that this version does not know are skipped. Bytes of keys and
// values that are not UTF-8 are kept as they are, though JSON has no place for them:
// what differs must stay different.
//
// The kinds of operation ("f") and what they have:
//
//	read                    "r": the value, null where the key is absent
//	write                   "v": the value; "x": the fencing token that it carried, if any
//	cas                     "x": the value expected; "v": the new one; "r": what a refused one saw
//	append                  "v": the element
//	read-list, read-local   "r": the list, as clients are served, or as the session's own node holds it
//	enqueue                 "v": the element
//	dequeue                 "r": the element, null where the queue was found empty
//	drain                   "r": the list of all elements that were taken, in their order
//	add                     "v": the amount, an integer, which may be negative
//	generate                "r": the identifier
//	acquire                 "r": the fencing token, if one came with the lock
//	release
//	txn                     "v": the steps as asked; "r": the steps as answered
//
// A list is all of its elements in their order, each as often as it is there: an
// operation that is answered with one and is ok always has it, be it [], and none
// that failed or whose outcome nobody knows does.
//
// A transaction's steps are lists: what the step does, its key, and its value. A
// "write", an "append" and an "add" have the value in both lines. A "read" and a
// "read-list" have none in the call; in the answer they have what they were told
// (null for an absent key, a list for a read of a list), or none where the answer
// did not say. A transaction that is ok always has its steps in "r": the same as it
// was asked, in the same order. One that failed or whose outcome nobody knows has
// none there, and counts with what it asked. "k" is "", or names the group of keys
// that the transaction is confined to.
//
// A reader refuses, with the line and the column, what can't have happened: a
// completion of nothing, two operations of a process at a time, one after Info, a
// process whose clock goes back, a read of a list that was answered without one,
// an answer to other steps than a transaction asked.
//
// The recorder appends to a shared mapping of the file, so a killed runner loses
// nothing that was recorded. It reserves the disk a few MiB ahead, so a full disk
// is an error and not a signal, and stores the first byte of a record last. What a
// kill leaves at the end is therefore NUL bytes, perhaps with a record between
// that lacks its beginning: the reader drops it, counts it in Torn, and everything
// before it counts.
package history
