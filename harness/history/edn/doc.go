// Package edn reads and writes the histories of Jepsen: recorded runs of other
// people become histories that the checkers judge, and one's own go to Knossos and
// Elle for a second opinion. It needs the standard library only.
//
//	file, err := os.Open("store/etcd/latest/history.edn")
//	h, err := edn.Import(file, "history.edn", edn.Options{Model: "cas-register"})
//
//	err = edn.Export(os.Stdout, h)
//
// # What can be read
//
// The container is found out by what is in it:
//
//	{:type :invoke, :f :read, …}          one map after the other, a line each or not
//	[{…} {…}]  ({…} {…})                  one vector or list of maps
//	#jepsen.history.Op{…}                 records, in all of these places
//	[{"type": "invoke", "f": "read", …}]  JSON, with strings for keywords; also one object after the other
//	INFO  jepsen.util - 4	:invoke	:read	nil
//	4	:ok	:read	3                        log lines and history.txt, with tabs, any prefix, and an error at the end
//
// Of EDN everything can be read: comments, discarded forms (#_), sets, ratios,
// integers with N and decimals with M, characters, namespaced keywords, symbols and
// any tagged literal. Forms may be nested 200 deep. The input is read as a stream;
// beside the history itself, the memory used grows with the largest operation only.
// Lines of a log that hold no operation are skipped. An error is a
// [history.SyntaxError] with the file, the line and the column.
//
// # How operations are understood
//
// The fields :type, :f, :value, :process and :time are read (and :key, for kv),
// all others are skipped, :index too: it may have gaps, or be missing.
//
//   - The order of the file is the order of real time. In old logs, times go back;
//     so the instant of an event is its :time where that is later than the event
//     before, and a nanosecond after that otherwise. Calls and returns are strictly
//     increasing: two operations are concurrent exactly where they overlap in the file.
//   - A process that is no integer, such as :nemesis, is no client. What it does
//     becomes a [history.Mark] named "nemesis start". A file with nothing else is an
//     empty history, and no error.
//   - An operation that is never completed has an unknown outcome. A completion may
//     lack its value, time or function. A completion without an invocation, or an
//     invocation while the process is busy, is an error: something is missing from
//     the file, and a verdict would be on another history.
//   - After :info a process does not come back in Jepsen; its successor has another
//     number. Where a log has it come back, it gets a number above all others. This is
//     exact for what is judged by real time, as the operation that crashed is
//     concurrent with all that follows; for session guarantees it is two sessions.
//     Negative process numbers, and those above 2^30, are replaced as well.
//   - :fail means that it did not happen, also for a compare-and-set: what the register
//     held instead is not told.
//   - What an :ok completion says counts, as with Knossos and Elle: where it repeats
//     the value of a write with another one, that is what was written. Where it
//     says nothing (or nil), the invocation counts. What :info and :fail say is not read.
//
// Values: an integer between [history.MinInt] and [history.MaxInt] is one, nil is
// [history.Nil], a string is a string. All else is kept as a string with its EDN
// text, the same for all ways to write it: the keyword :a as ":a", the vector [1 2]
// and the list (1 2) as "[1 2]", #{2 1} as "#{1 2}", 6/4 as "3/2"; a symbol a as
// "'a". A string that reads like one of these is kept in its quotes, so what
// differs stays different. The same holds for keys, of which integers are texts too.
//
// # Models
//
// [Options.Model] says what :f and :value mean. An :f that is not listed is an error.
//
//	register, cas-register     :read v, :write v, :cas [old new]
//	multi-register             :txn, :read or :write of [[:read k v] [:write k v]]; also :r and :w
//	kv                         :get v, :put v, :append v, on the operation's :key or as [k v]
//	mutex                      :acquire, :release
//	fenced-mutex               the same; an acquisition is answered with a token, or a map with its :fence
//	fifo-queue, queue,
//	total-queue                :enqueue v, :dequeue v, :drain [v …]
//	set, set-full,
//	linearizable-set           :add v, :read #{v …}
//	counter,
//	linearizable-counter       :add n, :read n; n may be negative
//	unique-ids                 :generate v
//	bank                       :read {account n}, :transfer {:from a, :to b, :amount n}
//	long-fork, rw-register     :txn of [[:r k v] [:w k v]]; for long-fork also as :read and :write
//	causal-reverse             :write v, :read [v …]
//	list-append                :txn of [[:r k [v …]] [:append k v]]
//
// An operation that names no key is on one named after the kind of object, such as
// "register". A bank's read is a transaction of reads, a transfer one of two
// additions. A set keeps the elements of a read in their order, each as often as
// it is there.
//
// # What a history does not say
//
// A nil that answers a read means "nobody knows" in some logs, and "the key is
// absent" in others. In Knossos it is a wildcard, and with its histories no
// other reading works: most good ones would be violations. So [Options.NilRead] says
// which, and the default is that of the model's checker in Jepsen. Absent too is a
// different thing: an :ok without any :value is never taken for nil, but for an
// answer that did not say.
//
//   - As a wildcard, a read has no result ([history.None]).
//   - A read of a whole set or list that does not say is kept as one that failed: it
//     has no effect and proves nothing. As a value, nil is the empty collection.
//   - A dequeue of nil found the queue empty, a drain of nil took nothing. One that
//     does not say took nobody knows what; such a drain has an unknown outcome.
//
// [Options.Initial] is what every key holds at first. Where it is not given and nil
// reads are wildcards, it is unknown for register, cas-register, multi-register and
// kv ([history.Header.InitialUnknown]), and nil otherwise. Mind that a read of a
// value that nobody wrote is then legal as long as it may be the initial one.
//
// Independent keys are printed as plain [k v], which no reader can tell from a value;
// [Options.Unwrap] says so. A pair with a tag, #jepsen.independent/tuple [k v] or
// #clojure.lang.MapEntry [k v], is taken so in any case. A register that is asked to
// :read [k nil] is refused without the option, as it would be judged wrongly. The
// keys x of a transaction that is itself on the key k are named "[k x]".
//
// The header says what was used, in its Options: "source", "initial", "nil-read"
// and "unwrap".
//
// # What is lost in writing
//
// [Export] writes one map a line with :index, :time, :process, :type, :f and :value,
// in the order of real time. At one instant calls come before returns, as those
// operations are concurrent; only two operations of one process come one after the
// other. The words are those of the header's model. For other models they follow
// from the kinds of the operations, and lists are written as list-append
// transactions, so that Elle sees their order. Jepsen has no words for:
//
//   - A compare-and-set that was refused is a :fail. What it saw is lost.
//   - A dequeue that found the queue empty is a :fail.
//   - An absent key, and an answer that nobody was told, are both nil. Where a
//     history has both, or nil means the initial version as with Elle, reads without
//     an answer are left out: they prove nothing. Importing needs the NilRead that fits.
//   - The name of the key, where there is only one and the model is not kv. With
//     several, values are [k v], and importing needs Unwrap.
//   - A transaction's own key.
//   - Reads of what a node holds itself ([history.ReadLocal]) are left out.
//   - Sessions, the header, and all of a fault but its time, its phase and its texts,
//     which become operations of :nemesis, as marks do. Bytes that are not
//     UTF-8 are written as they are.
//   - When a client gave up on an operation with an unknown outcome: all :info
//     completions come at the end, as they may take effect until then.
package edn
