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
//	{"t":9100,"e":"fault","step":2,"phase":"injected","fault":"black-hole n2","nodes":["n2"]}
//	{"t":9900,"e":"mark","name":"healed"}
//
// "v" is the value written (for a compare-and-set: the new one), "x" the value
// expected, "r" what the client was told. A value is an integer, a string, or
// null for "the key is absent"; a field that is not there means that the
// operation has no such value, or that the answer did not say. Of a read of a list
// ("read-list" as clients are served, "read-local" as the session's own node holds
// it) "r" is all of its elements in their order, each as often as it is there: a
// read that is ok always has it, be it [], and no other operation does. Fields may
// be in any order, and fields that this version does not know are skipped. Bytes of keys
// and values that are not UTF-8 are kept as they are, though JSON has no place for
// them: what differs must stay different.
//
// A reader refuses, with the line and the column, what can't have happened: a
// completion of nothing, two operations of a process at a time, one after Info, a
// process whose clock goes back, a read of a list that was answered without one.
//
// The recorder appends to a shared mapping of the file, so a killed runner loses
// nothing that was recorded. It reserves the disk a few MiB ahead, so a full disk
// is an error and not a signal, and stores the first byte of a record last. What a
// kill leaves at the end is therefore NUL bytes, perhaps with a record between
// that lacks its beginning: the reader drops it, counts it in Torn, and everything
// before it counts.
package history
