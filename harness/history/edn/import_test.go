package edn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func load(t *testing.T, text string, options Options) *history.History {
	t.Helper()
	h, err := Import(strings.NewReader(text), "test.edn", options)
	require.NoError(t, err, text)
	require.NoError(t, h.Validate())
	return h
}

// told says what each operation of a history did, with its process.
func told(h *history.History) []string {
	var lines []string
	for i := range h.Ops {
		lines = append(lines, fmt.Sprintf("%d %s", h.Ops[i].Process, h.Describe(i)))
	}
	return lines
}

// What a register went through, in every container.
var containers = []struct{ name, text string }{
	{"one map a line", `{:type :invoke, :f :write, :value 3, :process 4, :time 10, :index 0}
{:type :info, :f :start, :value [:isolated "n1"], :process :nemesis, :time 11, :index 1}
{:type :ok, :f :write, :value 3, :process 4, :time 20, :index 2}
{:type :invoke, :f :read, :value nil, :process 7, :time 30, :index 3}
{:type :ok, :f :read, :value 3, :process 7, :time 40, :index 4}
`},
	{"maps over several lines", `{:type :invoke,
 :f :write,
 :value 3,
 :process 4,
 :time 10} {:type :info :f :start :value [:isolated "n1"] :process :nemesis :time 11}
{:type :ok, :f :write, :value 3, :process 4, :time 20} {:type :invoke :f :read :process 7 :time 30}{:type :ok :f :read :value 3 :process 7 :time 40}`},
	{"vector", `; a comment
[{:type :invoke, :f :write, :value 3, :process 4, :time 10} ; another
 {:type :info, :f :start, :value [:isolated "n1"], :process :nemesis, :time 11}
 {:type :ok, :f :write, :value 3, :process 4, :time 20}
 #_ {:type :ok, :f :write, :value 3, :process 4, :time 20}
 {:type :invoke, :f :read, :value nil, :process 7, :time 30}
 {:type :ok, :f :read, :value 3, :process 7, :time 40}]`},
	{"list", `({:type :invoke, :f :write, :value 3, :process 4, :time 10}
 {:type :info, :f :start, :value (:isolated "n1"), :process :nemesis, :time 11}
 {:type :ok, :f :write, :value 3, :process 4, :time 20}
 {:type :invoke, :f :read, :value nil, :process 7, :time 30}
 {:type :ok, :f :read, :value 3, :process 7, :time 40})
`},
	{"tagged records", `#jepsen.history.Op{:index 0, :time 10, :type :invoke, :process 4, :f :write, :value 3}
#jepsen.history.Op{:index 1, :time 11, :type :info, :process :nemesis, :f :start, :value [:isolated "n1"]}
#jepsen.history.Op{:index 2, :time 20, :type :ok, :process 4, :f :write, :value 3}
#jepsen.history.Op{:index 3, :time 30, :type :invoke, :process 7, :f :read, :value nil}
#knossos.op.Op{:index 4, :time 40, :type :ok, :process 7, :f :read, :value 3}`},
	{"vector of tagged records", `[#jepsen.history.Op{:time 10, :type :invoke, :process 4, :f :write, :value 3N},
#jepsen.history.Op{:time 11, :type :info, :process :nemesis, :f :start, :value [:isolated "n1"]},
#jepsen.history.Op{:time 20, :type :ok, :process 4, :f :write, :value 3N, :error #error {:cause "x" :via [{:at [a.b.C "d" 1]}]}},
#jepsen.history.Op{:time 30, :type :invoke, :process 7, :f :read, :value nil},
#jepsen.history.Op{:time 40, :type :ok, :process 7, :f :read, :value 6/2}]`},
	{"JSON array", `[{"type": "invoke", "f": "write", "value": 3, "process": 4, "time": 10},
 {"type": "info", "f": "start", "value": [":isolated", "n1"], "process": "nemesis", "time": 11},
 {"type": "ok", "f": "write", "value": 3, "process": 4, "time": 20, "error": {"a\/b": [1.5e3, true, null, "\u00e9"]}},
 {"type": "invoke", "f": "read", "value": null, "process": 7, "time": 30},
 {"type": "ok", "f": "read", "value": 3, "process": 7, "time": 40}]`},
	{"JSON lines", `{"type": "invoke", "f": "write", "value": 3, "process": 4, "time": 10}
{"type": "info", "f": "start", "value": [":isolated", "n1"], "process": "nemesis", "time": 11}
{"type": "ok", "f": "write", "value": 3, "process": 4, "time": 20}
{"type": "invoke", "f": "read", "value": null, "process": 7, "time": 30}
{"type": "ok", "f": "read", "value": 3, "process": 7, "time": 40}`},
	{"log of old Jepsen", "INFO  jepsen.core - Worker 4 starting\n" +
		"INFO  jepsen.util - 4\t:invoke\t:write\t3\n" +
		"INFO  jepsen.util - :nemesis\t:info\t:start\t[:isolated \"n1\"]\n" +
		"INFO  jepsen.util - 4\t:ok\t:write\t3\n" +
		"INFO  jepsen.util - 7\t:invoke\t:read\tnil\n" +
		"INFO  jepsen.util - 7\t:ok\t:read\t3\n" +
		"INFO  jepsen.core - Everything looks good!\n"},
	{"log of new Jepsen", "2023-01-09 11:22:33,444{GMT}\tINFO\t[main] jepsen.core: Test version 1\n" +
		"2023-01-09 11:22:33,444{GMT}\tINFO\t[jepsen worker 4] jepsen.util: 4\t:invoke\t:write\t3\n" +
		"2023-01-09 11:22:33,445{GMT}\tINFO\t[jepsen nemesis] jepsen.util: :nemesis\t:info\t:start\t[:isolated \"n1\"]\n" +
		"2023-01-09 11:22:33,446{GMT}\tINFO\t[jepsen worker 4] jepsen.util: 4\t:ok\t:write\t3\r\n" +
		"2023-01-09 11:22:33,447{GMT}\tINFO\t[jepsen worker 7] jepsen.util: 7\t:invoke\t:read\tnil\n" +
		"2023-01-09 11:22:33,448{GMT}\tINFO\t[jepsen worker 7] jepsen.util: 7\t:ok\t:read\t3\n"},
	{"history.txt", "4\t:invoke\t:write\t3\n:nemesis\t:info\t:start\t[:isolated \"n1\"]\n4\t:ok\t:write\t3\n7\t:invoke\t:read\tnil\n7\t:ok\t:read\t3"},
	{"log with thread names in brackets", "[worker 4] 4\t:invoke\t:write\t3\n[nemesis] :nemesis\t:info\t:start\t[:isolated \"n1\"]\n[worker 4] 4\t:ok\t:write\t3\n" +
		"[worker 7] 7\t:invoke\t:read\tnil\t:some-error\n[worker 7] 7\t:ok\t:read\t3\tjava.net.SocketTimeoutException: (oops\n"},
}

func TestEveryContainerHoldsTheSame(t *testing.T) {
	for _, c := range containers {
		t.Run(c.name, func(t *testing.T) {
			h := load(t, c.text, Options{Model: "register"})
			require.Equal(t, []string{"4 write register = 3", "7 read register → 3"}, told(h))
			require.Equal(t, "register", h.Header.Model)
			require.Len(t, h.Marks, 1)
			require.Equal(t, "nemesis start", h.Marks[0].Name)
			require.Contains(t, h.Marks[0].Detail, `isolated`)
			require.Contains(t, h.Marks[0].Detail, `"n1"]`)
			require.Greater(t, h.Marks[0].Time, h.Ops[0].Call)
			require.Less(t, h.Marks[0].Time, h.Ops[0].Return)
			if strings.Contains(c.text, "time") {
				require.Equal(t, []int64{10, 20, 30, 40}, []int64{h.Ops[0].Call, h.Ops[0].Return, h.Ops[1].Call, h.Ops[1].Return})
			}
			slow, err := Import(iotest.OneByteReader(strings.NewReader(c.text)), "test.edn", Options{Model: "register"})
			require.NoError(t, err)
			require.Equal(t, h, slow, "read byte by byte")
			marked := load(t, "\ufeff\n "+c.text, Options{Model: "register"})
			require.Equal(t, h, marked, "after a byte order mark and blanks")
		})
	}
}

func TestEmptyHistories(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "[]", "()", "[ ; nothing\n]", "; nothing", "#_{:type :invoke}", " [ ] \n",
		"{:type :info, :process :nemesis, :f :start}", ":nemesis\t:info\t:start\tnil\n",
	} {
		h := load(t, text, Options{Model: "register"})
		require.Empty(t, h.Ops, text)
	}
}

// The traps of other people's histories, by their numbers in the list that came
// with them.
func TestTraps(t *testing.T) {
	const nilReads = `{:type :invoke :f :write :value 1 :process 0}{:type :ok :f :write :value 1 :process 0}
{:type :invoke :f :read :value nil :process 0}{:type :ok :f :read :value nil :process 0}`
	pairs := `{:type :invoke :f :write :value [:x 1] :process 0}{:type :ok :f :write :value [:x 1] :process 0}
{:type :invoke :f :read :value [7 nil] :process 0}{:type :ok :f :read :value [7 2] :process 0}
{:type :invoke :f :cas :value [7 [2 3]] :process 0}{:type :ok :f :cas :process 0}`
	for _, c := range []struct {
		name, text string
		options    Options
		told       []string
	}{
		{"1: a nil read is no answer", nilReads, Options{Model: "register"}, []string{"0 write register = 1", "0 read register → ?"}},
		{"1: a nil read is a value", nilReads, Options{Model: "register", NilRead: NilValue}, []string{"0 write register = 1", "0 read register → nil"}},
		{"2: independent keys", pairs, Options{Model: "cas-register", Unwrap: true}, []string{"0 write :x = 1", "0 read 7 → 2", "0 cas 7 2→3 swapped"}},
		{"2: tuples that say so", strings.ReplaceAll(strings.ReplaceAll(pairs, ":value [", ":value #jepsen.independent/tuple ["), "#_", ""),
			Options{Model: "cas-register"}, []string{"0 write :x = 1", "0 read 7 → 2", "0 cas 7 2→3 swapped"}},
		{"2: pairs that are values", `{:type :invoke :f :write :value [:x 1] :process 0}{:type :ok :f :write :value [:x 1] :process 0}`,
			Options{Model: "register"}, []string{`0 write register = "[:x 1]"`}},
		{"3: no operation of a client", `{:type :info :f :start :process :nemesis}{:type :info :f :start :process :nemesis}`, Options{Model: "register"}, nil},
		{"4: open at the end", `{:type :invoke :f :write :value 1 :process 0}`, Options{Model: "register"}, []string{"0 write register = 1 unknown outcome"}},
		{"4: completions without a value", `{:type :invoke :f :write :value 1 :process 0}{:type :ok :process 0}
{:type :invoke :f :read :process 0}{:type :ok :f :read :process 0}
{:type :invoke :f :cas :value [1 2] :process 0}{:type :fail :process 0}
{:type :invoke :f :cas :value [1 2] :process 0}{:type :info :process 0}`,
			Options{Model: "register", NilRead: NilValue}, []string{"0 write register = 1", "0 read register → ?", "0 cas register 1→2 failed", "0 cas register 1→2 unknown outcome"}},
		{"4: gaps in the indexes", `{:type :invoke :f :write :value 1 :process 0 :index 7}{:type :ok :process 0 :index 3}`, Options{Model: "register"}, []string{"0 write register = 1"}},
		{"4: process numbers grow", `{:type :invoke :f :write :value 1 :process 0}{:type :info :process 0}{:type :invoke :f :write :value 2 :process 105}{:type :ok :process 105}`,
			Options{Model: "register"}, []string{"0 write register = 1 unknown outcome", "105 write register = 2"}},
		{"5: what EDN can say", `; a comment
[{:type :invoke, :f :write, :value #_ 7 #{3 1}, :process 0, :ratio 1/2, :big 7N, :exact 1.0M, :char \a, :name/space :a/b, :tagged #foo {:a 1}}
 {:type :ok, :f :write, :value #{1 3}, :process 0} #_ {:type :ok}]`, Options{Model: "register"}, []string{`0 write register = "#{1 3}"`}},
		{"6: a failed add stays one that failed", `{:type :invoke :f :add :value 1 :process 0}{:type :fail :f :add :value 1 :process 0}
{:type :invoke :f :read :process 0}{:type :ok :f :read :value #{1} :process 0}`, Options{Model: "set-full"}, []string{"0 append set = 1 failed", "0 list set → [1]"}},
		{"times go back", `{:type :invoke :f :write :value 1 :process 0 :time 100}{:type :ok :f :write :process 0 :time 90}{:type :invoke :f :read :process 1 :time 95}{:type :ok :f :read :value 1 :process 1 :time 200}`,
			Options{Model: "register"}, []string{"0 write register = 1", "1 read register → 1"}},
		{"a process comes back after a crash", `{:type :invoke :f :write :value 1 :process 0}{:type :info :f :write :process 0}
{:type :invoke :f :read :process 0}{:type :ok :f :read :value 1 :process 0}{:type :invoke :f :read :process 9}{:type :ok :f :read :value 1 :process 9}
{:type :invoke :f :write :value 2 :process 0}{:type :info :f :write :process 0}{:type :invoke :f :write :value 3 :process 0}`,
			Options{Model: "register"}, []string{"0 write register = 1 unknown outcome", "10 read register → 1", "9 read register → 1", "10 write register = 2 unknown outcome", "11 write register = 3 unknown outcome"}},
		{"what is told of an operation that was not answered", "0\t:invoke\t:write\t1\n0\t:info\t:write\t:timed-out\n1\t:invoke\t:read\tnil\n1\t:fail\t:read\tSocket (closed\n",
			Options{Model: "register"}, []string{"0 write register = 1 unknown outcome", "1 read register failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.told, told(load(t, c.text, c.options)))
		})
	}
}

// The order of the file is that of real time, whatever the times say.
func TestFileOrderIsTheTruth(t *testing.T) {
	h := load(t, `{:type :invoke :f :write :value 1 :process 0 :time 100}{:type :ok :f :write :process 0 :time 90}
{:type :invoke :f :read :process 1 :time 95}{:type :ok :f :read :value 1 :process 1}
{:type :invoke :f :read :process 1 :time 200}{:type :ok :f :read :value 1 :process 1 :time 200}`, Options{Model: "register"})
	var instants []int64
	for _, o := range h.Ops {
		instants = append(instants, o.Call, o.Return)
	}
	require.Equal(t, []int64{100, 101, 102, 103, 200, 201}, instants)
}

func TestHeaderSaysWhatWasUsed(t *testing.T) {
	for _, c := range []struct {
		options          Options
		initial          any
		unknown          bool
		says, nilRead    string
		unwrap, theValue string
	}{
		{Options{Model: "register"}, nil, true, "unknown", "wildcard", "false", ""},
		{Options{Model: "register", NilRead: NilValue}, nil, false, "nil", "value", "false", "nil"},
		{Options{Model: "cas-register", Initial: "0", Unwrap: true}, int64(0), false, "0", "wildcard", "true", "0"},
		{Options{Model: "multi-register", Initial: ":a"}, ":a", false, ":a", "wildcard", "false", ":a"},
		{Options{Model: "kv", Initial: `""`}, "", false, `""`, "wildcard", "false", ""},
		{Options{Model: "kv", Initial: `empty`}, "empty", false, `empty`, "wildcard", "false", "empty"},
		{Options{Model: "register", Initial: `nil`}, nil, false, `nil`, "wildcard", "false", "nil"},
		{Options{Model: "rw-register"}, nil, false, "nil", "value", "false", "nil"},
		{Options{Model: "set-full", NilRead: Wildcard}, nil, false, "nil", "wildcard", "false", "nil"},
	} {
		h := load(t, "", c.options)
		require.Equal(t, c.initial, h.Header.Initial, c.options)
		require.Equal(t, c.unknown, h.Header.InitialUnknown, c.options)
		require.Equal(t, map[string]string{"source": "edn", "initial": c.says, "nil-read": c.nilRead, "unwrap": c.unwrap}, h.Header.Options)
		if !c.unknown {
			require.Equal(t, c.theValue, h.Text(h.Initial()), c.options)
		}
		var file strings.Builder
		require.NoError(t, history.Encode(&file, h))
		again, err := history.Decode(strings.NewReader(file.String()))
		require.NoError(t, err)
		require.Equal(t, h.Header, again.Header)
	}
}

func TestOptionsThatCantBe(t *testing.T) {
	for _, c := range []struct {
		options Options
		says    string
	}{
		{Options{}, `there is no model ""`},
		{Options{Model: "registre"}, `there is no model "registre": expected one of register, cas-register`},
		{Options{Model: "register", NilRead: "no"}, `a nil read is "wildcard" or "value", not "no"`},
		{Options{Model: "register", Initial: "[1"}, "initial value:1:3: expected ']'"},
		{Options{Model: "register", Initial: " "}, "expected a value, found the end of the input"},
		{Options{Model: "register", Initial: "1 2"}, "expected the end after the initial value"},
	} {
		_, err := Import(strings.NewReader(""), "test.edn", c.options)
		require.ErrorContains(t, err, c.says)
		require.ErrorContains(t, err, "test.edn")
	}
}

// What each model makes of its functions.
func TestModels(t *testing.T) {
	for _, c := range []struct {
		model, text string
		options     Options
		told        []string
	}{
		{"register", "0 read nil 3, 0 write 4, 0 cas [4 5], 0 cas! [4 5], 0 cas? [4 5]", Options{},
			[]string{"read register → 3", "write register = 4", "cas register 4→5 swapped", "cas register 4→5 failed", "cas register 4→5 unknown outcome"}},
		{"register", `0 write :a, 0 write "a", 0 write ":a", 0 write nil, 0 write 5000000000000000000, 0 write {:b [1 "x"]}, 0 write 2.50, 0 write true`, Options{},
			[]string{"write register = :a", "write register = a", `write register = "\":a\""`, "write register = nil", `write register = "5000000000000000000"`, `write register = "{:b [1 \"x\"]}"`, "write register = 2.5", "write register = true"}},
		{"multi-register", "0 txn [[:read :x nil] [:write :y 2]] [[:read :x 1] [:write :y 2]], 0 read [[:read :x nil]], 0 write [[:w x 2]], 0 txn? [[:r :x nil] [:w :y 3]]", Options{},
			[]string{"txn [read :x → 1, write :y 2]", "txn [read :x]", "txn [write 'x 2]", "txn [read :x, write :y 3] unknown outcome"}},
		{"multi-register", "0 txn [3 [[:read :x nil] [:write :y 2]]] [3 [[:read :x 1] [:write :y 2]]], 0 txn [\"3\" [[:read :x nil]]] [\"3\" [[:read :x 7]]]", Options{Unwrap: true},
			[]string{`txn [read "[3 :x]" → 1, write "[3 :y]" 2]`, `txn [read "[\"3\" :x]" → 7]`}},
		{"kv", `0 put ["k" "v"], 0 get ["k" nil] ["k" "v"], 0 append ["k" "w"], 0 get [9 nil] [9 nil]`, Options{NilRead: NilValue},
			[]string{"write k = v", "read k → v", "append k = w", "read 9 → nil"}},
		{"mutex", "0 acquire nil 9, 0 release nil, 1 acquire! nil, 1 release? nil", Options{},
			[]string{"acquire mutex", "release mutex", "acquire mutex failed", "release mutex unknown outcome"}},
		{"fenced-mutex", "0 acquire nil 9, 0 release nil, 1 acquire nil {:client 1 :fence 10}, 0 acquire nil", Options{},
			[]string{"acquire mutex → token 9", "release mutex", "acquire mutex → token 10", "acquire mutex"}},
		{"fifo-queue", "0 enqueue 1, 0 dequeue nil 1, 0 dequeue nil nil, 0 drain nil [2 3], 0 dequeue! nil, 0 dequeue? nil", Options{},
			[]string{"enqueue queue = 1", "dequeue queue → 1", "dequeue queue → nil", "drain queue → [2 3]", "dequeue queue failed", "dequeue queue unknown outcome"}},
		{"queue", "0 enqueue :a, 0 dequeue nil :a, 0 drain nil nil", Options{}, []string{"enqueue queue = :a", "dequeue queue → :a", "drain queue → []"}},
		{"total-queue", "0 enqueue [1 0], 0 enqueue? 2, 1 drain nil ()", Options{}, []string{`enqueue queue = "[1 0]"`, "enqueue queue = 2 unknown outcome", "drain queue → []"}},
		{"set", "0 add 1, 0 add! 2, 0 read nil #{1 2}, 0 read nil nil", Options{}, []string{"append set = 1", "append set = 2 failed", "list set → [1 2]", "list set failed"}},
		{"set-full", "0 add [0 1], 0 read nil (1 1 2), 0 read nil nil, 0 read nil #sorted/set [3]", Options{}, []string{`append set = "[0 1]"`, "list set → [1 1 2]", "list set → []", "list set → [3]"}},
		{"linearizable-set", "0 add 1, 0 read nil []", Options{}, []string{"append set = 1", "list set → []"}},
		{"counter", "0 add 5, 0 add -2, 0 read nil 3, 0 read nil nil", Options{}, []string{"add counter + 5", "add counter - 2", "read counter → 3", "read counter → ?"}},
		{"linearizable-counter", "0 add [:a 5], 0 read [:a nil] [:a 5]", Options{Unwrap: true}, []string{"add :a + 5", "read :a → 5"}},
		{"unique-ids", `0 generate nil 7, 0 generate nil "a-b", 0 generate! nil`, Options{}, []string{"generate ids → 7", "generate ids → a-b", "generate ids failed"}},
		{"bank", "0 read nil {0 10, :b -3}, 0 transfer {:from 0, :to :b, :amount 5}, 0 transfer! {:from 0, :to :b, :amount 5}, 0 read? nil", Options{},
			[]string{"txn [read 0 → 10, read :b → -3]", "txn [add 0 -5, add :b 5]", "txn [add 0 -5, add :b 5] failed", "txn [] unknown outcome"}},
		{"long-fork", "0 write [[:w 1 1]], 0 read [[:r 1 nil] [:r 2 nil]] [[:r 1 1] [:r 2 nil]]", Options{}, []string{"txn [write 1 1]", "txn [read 1 → 1, read 2 → nil]"}},
		{"causal-reverse", "0 write 1, 0 read nil [1 2]", Options{}, []string{"append list = 1", "list list → [1 2]"}},
		{"causal-reverse", "0 write [5 1], 0 read [5 nil] [5 [1 2]]", Options{Unwrap: true}, []string{"append 5 = 1", "list 5 → [1 2]"}},
		{"list-append", "0 txn [[:r :x nil] [:append :x 1]] [[:r :x [3 4]] [:append :x 1]], 0 txn [[:r :x nil]] [[:r :x nil]], 0 txn [[:r :x]] [[:r :x []] [:append :y 1]], 0 txn? [[:r :x nil] [:append :x 2]]", Options{},
			[]string{"txn [list :x → [3 4], append :x 1]", "txn [list :x → []]", "txn [list :x → [], append :y 1]", "txn [list :x, append :x 2] unknown outcome"}},
		{"rw-register", "0 txn [[:r :x nil] [:w :x 1]] [[:r :x 3] [:w :x 1]], 0 txn [[:r :x nil]] [[:r :x nil]], 0 txn []", Options{},
			[]string{"txn [read :x → 3, write :x 1]", "txn [read :x → nil]", "txn []"}},
		{"rw-register", "0 txn [[:r :x nil]] [[:r :x nil]]", Options{NilRead: Wildcard}, []string{"txn [read :x]"}},
	} {
		t.Run(c.model, func(t *testing.T) {
			c.options.Model = c.model
			h := load(t, spell(c.text), c.options)
			var lines []string
			for i := range h.Ops {
				lines = append(lines, h.Describe(i))
			}
			require.Equal(t, c.told, lines)
		})
	}
}

// spell makes a history of "process function asked answered, …". An ! after the
// function says that it failed, a ? that nobody knows.
func spell(text string) string {
	var b strings.Builder
	for _, op := range strings.Split(text, ", 0 ") {
		for i, part := range strings.Split(op, ", 1 ") {
			process := "0"
			if i > 0 {
				process = "1"
			}
			part = strings.TrimPrefix(strings.TrimPrefix(part, "0 "), "1 ")
			f, values, _ := strings.Cut(part, " ")
			p := &parser{}
			p.open(strings.NewReader(values), "")
			var forms []string
			for p.begin(); p.blank(0) && p.form(0); p.begin() {
				forms = append(forms, strings.TrimSpace(string(p.buf[p.mark:p.pos])))
			}
			kind := "ok"
			switch f[len(f)-1] {
			case '!':
				kind = "fail"
			case '?':
				kind = "info"
			}
			f = strings.TrimRight(f, "!?")
			fmt.Fprintf(&b, "{:type :invoke, :f :%s, :process %s, :value %s}\n", f, process, forms[0])
			fmt.Fprintf(&b, "{:type :%s, :f :%s, :process %s, :value %s}\n", kind, f, process, forms[len(forms)-1])
		}
	}
	return b.String()
}

// A kv operation may name its key in a field, and its completion need not.
func TestKeyInAField(t *testing.T) {
	h := load(t, `{:process 0, :type :invoke, :f :put, :key "a", :value ["b" 1]}{:process 0, :type :ok, :f :put, :key "a", :value ["b" 1]}
{:process 0, :type :invoke, :f :get, :key "a"}{:process 0, :type :ok, :f :get, :value ["b" 1]}`, Options{Model: "kv"})
	require.Equal(t, []string{`0 write a = "[\"b\" 1]"`, `0 read a → "[\"b\" 1]"`}, told(h))
}

// JSON has no names but strings: accounts must still be the same ones.
func TestAccountsInJSON(t *testing.T) {
	h := load(t, `[{"type":"invoke","f":"transfer","process":0,"value":{"from":0,"to":"b","amount":5}},{"type":"ok","f":"transfer","process":0},
{"type":"invoke","f":"read","process":0},{"type":"ok","f":"read","process":0,"value":{"0":5,"b":15}}]`, Options{Model: "bank"})
	require.Equal(t, []string{"0 txn [add 0 -5, add b 5]", "0 txn [read 0 → 5, read b → 15]"}, told(h))
}

// A drain whose elements nobody knows took something: its outcome is unknown, and
// whoever goes on in its name is another process.
func TestDrainWithoutAnAnswer(t *testing.T) {
	h := load(t, `{:type :invoke :f :drain :process 0}{:type :ok :f :drain :process 0}{:type :invoke :f :enqueue :value 1 :process 0}`, Options{Model: "total-queue"})
	require.Equal(t, []string{"0 drain queue unknown outcome", "1 enqueue queue = 1 unknown outcome"}, told(h))
}

func TestProcessNumbersThatAHistoryCantHold(t *testing.T) {
	h := load(t, `{:type :invoke :f :write :value 1 :process -7}{:type :invoke :f :write :value 2 :process 9000000000000}{:type :invoke :f :write :value 3 :process 70000}
{:type :ok :process -7}{:type :invoke :f :write :value 4 :process -7}`, Options{Model: "register"})
	require.Equal(t, []string{"70001 write register = 1", "70002 write register = 2 unknown outcome", "70000 write register = 3 unknown outcome", "70001 write register = 4 unknown outcome"}, told(h))
}

func TestWhatCantHaveHappened(t *testing.T) {
	const w = "{:type :invoke :f :write :value 1 :process 0}\n"
	for _, c := range []struct {
		text         string
		options      Options
		line, column int
		says         string
	}{
		{"{:type :ok :f :write :process 3}", Options{}, 1, 1, "process 3 ends an operation with :ok and has none under way: expected an :invoke before"},
		{"{:type :info :f :write :process 3}", Options{}, 1, 1, "process 3 ends an operation with :info and has none under way"},
		{w + "{:type :info :process 0}{:type :ok :process 0}", Options{}, 2, 25, "process 0 ends an operation with :ok and has none under way"},
		{w + w, Options{}, 2, 1, "process 0 begins an operation while the one that it began on line 1 is under way"},
		{w + "{:type :ok :f :read :process 0}", Options{}, 2, 15, "process 0 ends a :read, and what it has under way since line 1 is another operation"},
		{"{:type :invoke :f :frob :process 0}", Options{}, 1, 19, "the function :frob means nothing for a register, which takes :read, :write and :cas"},
		{"{:type :invoke :process 0}", Options{}, 1, 1, "the operation needs an :f, which for a register is one of :read, :write and :cas"},
		{"{:f :read :process 0}", Options{}, 1, 1, "the operation needs a :type"},
		{"{:type :invoke :f :read}", Options{}, 1, 1, "the operation needs a :process"},
		{"{:type :invoked :f :read :process 0}", Options{}, 1, 8, `expected :invoke, :ok, :fail or :info, found ":invoked"`},
		{"{:type :invoke :f :read :process 0 :process 1}", Options{}, 1, 36, "process is there twice"},
		{"{:type :invoke :f :read :process 99999999999999999999}", Options{}, 1, 34, "expected a process number of 64 bits"},
		{"{:type :invoke :f :read :process 0 :time 1.5}", Options{}, 1, 42, "expected a time in nanoseconds, which is an integer"},
		{"{:type :invoke :f :read :process 0 :time 9223372036854775807}", Options{}, 1, 42, "less than 2^61"},
		{"{:type :invoke :f :write :process 0}", Options{}, 1, 1, "a :write needs a :value"},
		{"{:type :invoke :f :cas :value 3 :process 0}", Options{}, 1, 31, "a compare-and-set needs a :value [old new]"},
		{"{:type :invoke :f :cas :process 0}", Options{}, 1, 1, "a compare-and-set needs a :value [old new]"},
		{"{:type :invoke :f :read :value [1 nil] :process 0}", Options{}, 1, 32, "looks like the key of an independent register: unwrap keys"},
		{"{:type :invoke :f :read :value 1 :process 0}", Options{Unwrap: true}, 1, 32, "expected a value [k v], as keys are to be unwrapped"},
		{"{:type :invoke :f :read :value [1 nil] :process 0}\n{:type :ok :value [2 3] :process 0}", Options{Unwrap: true}, 2, 20,
			"process 0 ends an operation on the key 2, and the one that it began on line 1 is on 1"},
		{"{:type :invoke :f :read :value [1 nil] :process 0}\n{:type :ok :value 3 :process 0}", Options{Unwrap: true}, 2, 19, "expected a value [k v]"},
		{"{:type :invoke :f :get :process 0}", Options{Model: "kv"}, 1, 1, "an operation of a kv needs its key"},
		{"{:type :invoke :f :add :value :a :process 0}", Options{Model: "counter"}, 1, 31, "expected an amount, which is an integer"},
		{"{:type :invoke :f :read :process 0}{:type :ok :value 3 :process 0}", Options{Model: "set"}, 1, 54, "expected a collection of elements"},
		{"{:type :invoke :f :acquire :process 0}{:type :ok :value :a :process 0}", Options{Model: "fenced-mutex"}, 1, 57, "expected a fencing token"},
		{"{:type :invoke :f :transfer :value {:from 1} :process 0}", Options{Model: "bank"}, 1, 36, "a transfer needs a :value such as {:from 0, :to 1, :amount 5}"},
		{"{:type :invoke :f :transfer :value {:from 1 :to 2 :amount :x} :process 0}", Options{Model: "bank"}, 1, 59, "expected an amount"},
		{"{:type :invoke :f :read :process 0}{:type :ok :value 3 :process 0}", Options{Model: "bank"}, 1, 54, "expected balances such as {0 10, 1 90}"},
		{"{:type :invoke :f :txn :process 0}", Options{Model: "list-append"}, 1, 1, "a transaction needs a :value of micro-operations, such as [[:r :x nil] [:append :x 1]]"},
		{"{:type :invoke :f :txn :value [[:w :x 1]] :process 0}", Options{Model: "list-append"}, 1, 33, "the micro-operation :w means nothing for a list-append, whose transactions are of :r and :append"},
		{"{:type :invoke :f :txn :value [[:append :x 1]] :process 0}", Options{Model: "rw-register"}, 1, 33, "whose transactions are of :r and :w"},
		{"{:type :invoke :f :txn :value [[:w :x]] :process 0}", Options{Model: "rw-register"}, 1, 32, "the micro-operation needs a value"},
		{"{:type :invoke :f :txn :value [:w :x 1] :process 0}", Options{Model: "rw-register"}, 1, 32, "expected a micro-operation of a transaction"},
		{"{:type :invoke :f :txn :value [[:r :x nil]] :process 0}{:type :ok :value [[:r :x 3]] :process 0}", Options{Model: "list-append"}, 1, 82, "expected a collection of elements"},
		{"[" + w, Options{}, 2, 1, "expected an operation, or ']' which closes the history, found the end of the input"},
		{"[]\n[]", Options{}, 2, 1, "expected the end of the input after the history"},
		{"[ {:a 1} 7]", Options{}, 1, 3, "the operation needs a :type"},
		{"{:type :info :process :nemesis} 7", Options{}, 1, 33, "expected an operation, which is a map"},
		{`{"type":"invoke"`, Options{}, 1, 17, "expected '}', which closes what was opened at 1:1"},
		{`{"type" "invoke"}`, Options{}, 1, 9, "expected a colon after the name of a field"},
		{`[{"type":"invoke","f":"read","process":0} {}]`, Options{}, 1, 43, "expected a comma or ']'"},
		{`[{"type":"invoke","f":"read","process":0},`, Options{}, 1, 43, "expected an object after the comma"},
		{`[{"type":"invoke","f":"read","process":01}]`, Options{}, 1, 40, "expected a number"},
		{`[{"type":"invoke","f":"write","value":[1,],"process":1}]`, Options{}, 1, 42, "expected JSON, found ']'"},
		{`[{"type":"invoke","f":"read",}]`, Options{}, 1, 30, "expected the name of a field, in quotes"},
		{`[{"type":"invoke","f":nil}]`, Options{}, 1, 23, `expected JSON, found "nil"`},
		{"hello\nworld", Options{}, 1, 1, `expected a history (operations as maps, a vector or list of them, JSON objects, or Jepsen's log lines), found "hello"`},
		{"0\t:invoke\t:read\tnil\n0\t:okay\t:read\t3\n", Options{}, 2, 3, `expected :invoke, :ok, :fail or :info, found ":okay"`},
		{"INFO x - 0\t:invoke\t:write\t[1 2\n", Options{}, 1, 31, "expected ']'"},
		{"INFO x - 0\t:invoke\t\n", Options{}, 1, 20, "expected what the operation does, such as :read"},
		{"0\t:invoke\t:read\tnil\n\n0\t:invoke\t:read\tnil\n", Options{}, 3, 11, "process 0 begins an operation while the one that it began on line 1 is under way"},
	} {
		if c.options.Model == "" {
			c.options.Model = "register"
		}
		h, err := Import(strings.NewReader(c.text), "some/file.edn", c.options)
		require.Nil(t, h, c.text)
		var problem *history.SyntaxError
		require.ErrorAs(t, err, &problem, c.text)
		require.Contains(t, problem.Problem, c.says, c.text)
		require.Equal(t, []int{c.line, c.column}, []int{problem.Line, problem.Column}, c.text)
		require.Contains(t, err.Error(), "some/file.edn:")
		_, slow := Import(iotest.OneByteReader(strings.NewReader(c.text)), "some/file.edn", c.options)
		require.Equal(t, err, slow, "read byte by byte")
	}
}

func TestReaderThatFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, c := range containers {
		_, err := Import(io.MultiReader(strings.NewReader(c.text[:len(c.text)/2]), iotest.ErrReader(broken)), "f", Options{Model: "register"})
		require.ErrorIs(t, err, broken, c.name)
	}
}

// Operations that are larger than the window, and places far into a file.
func TestLargerThanTheWindow(t *testing.T) {
	var b strings.Builder
	b.WriteString("{:type :invoke :f :read :process 0}\n{:type :ok :f :read :process 0 :value #{")
	const elements = 200_000
	for i := range elements {
		fmt.Fprintf(&b, " %d\n", i)
	}
	b.WriteString("}}\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "{:type :invoke :f :add :value %d :process 0}\n{:type :ok :process 0}\n", i)
	}
	h := load(t, b.String(), Options{Model: "set-full"})
	require.Len(t, h.Ops, 100_001)
	require.Len(t, h.List(&h.Ops[0]), elements)
	require.Equal(t, history.Int(elements-1), h.List(&h.Ops[0])[elements-1])
	require.Equal(t, history.Int(99_999), h.Ops[100_000].Value)
	b.WriteString("   {:type :huh}")
	_, err := Import(strings.NewReader(b.String()), "f", Options{Model: "set-full"})
	require.ErrorContains(t, err, fmt.Sprintf("f:%d:11: expected :invoke", 2+elements+1+200_000))
}

// Every file of a folder, with the model that its own folder is named after.
func files(t *testing.T, root string) []string {
	var paths []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".edn" {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func TestConformanceFiles(t *testing.T) {
	const root = "testdata/conformance"
	expected, err := os.ReadFile(filepath.Join(root, "EXPECTED.tsv"))
	require.NoError(t, err)
	paths := files(t, root)
	require.Len(t, paths, strings.Count(string(expected), "\n")-1, "a file for each line of EXPECTED.tsv")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		h := load(t, string(text), Options{Model: filepath.Base(filepath.Dir(path))})
		require.Len(t, h.Ops, strings.Count(string(text), ":type :invoke"), path)
		answered := 0
		for i := range h.Ops {
			if h.Ops[i].Outcome == history.OK {
				answered++
			}
		}
		require.Equal(t, strings.Count(string(text), ":type :ok"), answered, path)
	}
}

func TestKnossosFiles(t *testing.T) {
	root := os.Getenv("SEATRIAL_HISTORIES")
	if root == "" {
		t.Skip("SEATRIAL_HISTORIES names no folder with recorded histories")
	}
	paths := files(t, filepath.Join(root, "knossos"))
	require.Len(t, paths, 122)
	empty := 0
	for _, path := range paths {
		model := filepath.Base(filepath.Dir(filepath.Dir(path)))
		f, err := os.Open(path)
		require.NoError(t, err)
		h, err := Import(f, path, Options{Model: model})
		require.NoError(t, f.Close())
		require.NoError(t, err)
		require.NoError(t, h.Validate(), path)
		if len(h.Ops) == 0 {
			empty++
			require.NotEmpty(t, h.Marks, path)
		}
		var out strings.Builder
		require.NoError(t, Export(&out, h), path)
		again := load(t, out.String(), Options{Model: model})
		require.Equal(t, sameOps(h), sameOps(again), path)
	}
	require.Equal(t, 1, empty, "files without an operation of a client")
}
