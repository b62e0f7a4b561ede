package checkers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func judgeLogs(c LogPattern, logs map[string]string, nodes ...string) Result {
	files := fstest.MapFS{}
	for node, text := range logs {
		files[node+".log"] = &fstest.MapFile{Data: []byte(text)}
	}
	h := history.NewBuilder(history.Header{Nodes: nodes}).History()
	return c.Check(context.Background(), Evidence{History: h, Logs: files}, Budget{})
}

// healthy are lines as systems print them in good health, under faults too.
const healthy = `{"level":"info","ts":"2024-05-01T10:00:00.000Z","caller":"embed/etcd.go:310","msg":"starting an etcd server","etcd-version":"3.5.13","initial-corrupt-check":false,"corrupt-check-time-interval":"0s","compact-check-time-enabled":false,"auto-compaction-mode":"periodic"}
{"level":"info","ts":"2024-05-01T10:00:00.000Z","caller":"etcdserver/corrupt.go:46","msg":"starting initial corruption check","local-member-id":"8e9e05c52164694d","timeout":"7s"}
{"level":"info","ts":"2024-05-01T10:00:00.000Z","caller":"etcdserver/corrupt.go:116","msg":"initial corruption checking passed; no corruption","local-member-id":"8e9e05c52164694d"}
{"level":"info","ts":"2024-05-01T10:00:00.000Z","caller":"etcdserver/corrupt.go:269","msg":"finished peer corruption check","number-of-peers-checked":2}
{"level":"info","ts":"2024-05-01T10:00:00.000Z","caller":"etcdserver/server.go:2600","msg":"enabled corruption checking","local-member-id":"8e9e05c52164694d","interval":"1m0s"}
{"level":"warn","ts":"2024-05-01T10:00:00.000Z","caller":"etcdserver/corrupt.go:289","msg":"failed hash kv request","error":"etcdserver: mvcc: required revision is a future revision"}
{"level":"warn","ts":"2024-05-01T10:00:00.000Z","caller":"rafthttp/stream.go:421","msg":"lost TCP streaming connection with remote peer","error":"read tcp 10.0.0.2:41000->10.0.0.3:2380: i/o timeout"}
{"level":"warn","ts":"2024-05-01T10:00:00.000Z","caller":"etcdserver/util.go:166","msg":"apply request took too long","took":"512ms","prefix":"read-only range ","error":"context deadline exceeded"}
{"level":"info","ts":"2024-05-01T10:00:00.000Z","logger":"raft","caller":"etcdserver/zap_raft.go:77","msg":"raft.node: 8e9e05c52164694d lost leader a at term 4"}
{"level":"fatal","ts":"2024-05-01T10:00:00.000Z","caller":"etcdmain/etcd.go:204","msg":"discovery failed","error":"listen tcp 10.0.0.2:2380: bind: cannot assign requested address"}
1:C 01 May 2024 10:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
1:C 01 May 2024 10:00:00.000 # WARNING Memory overcommit must be enabled! Without it, a background save or replication may fail under low memory condition. Being disabled, it can also cause failures without low memory condition, see https://github.com/jemalloc/jemalloc/issues/1328.
1:M 01 May 2024 10:00:00.000 # !!! Warning: short read while loading the AOF file appendonly.aof.1.incr.aof!!!
1:M 01 May 2024 10:00:00.000 # AOF appendonly.aof.1.incr.aof loaded anyway because aof-load-truncated is enabled
1:S 01 May 2024 10:00:00.000 # Internal error in RDB reading offset 0, function at rdb.c:2810 -> Unexpected EOF reading RDB file. Failure loading rdb format from socket, assuming connection error, resuming operation.
1:S 01 May 2024 10:00:00.000 # Failed trying to load the MASTER synchronization DB from socket, check server logs.
1:S 01 May 2024 10:00:00.000 # Error condition on socket for SYNC: Connection refused
1:M 01 May 2024 10:00:00.000 # Connection with replica 10.0.0.3:6379 lost.
1:signal-handler (1714557600) Received SIGTERM scheduling shutdown...
1:X 01 May 2024 10:00:00.000 # +sdown master mymaster 10.0.0.2 6379
1:X 01 May 2024 10:00:00.000 # -failover-abort-no-good-slave master mymaster 10.0.0.2 6379
2024-05-01 10:00:00.000 UTC [1] LOG:  server process (PID 99) was terminated by signal 9: Killed
2024-05-01 10:00:00.000 UTC [70] FATAL:  the database system is starting up
2024-05-01 10:00:00.000 UTC [1] LOG:  database system was not properly shut down; automatic recovery in progress
2024-05-01  0:00:00 0 [Note] InnoDB: Starting crash recovery from checkpoint LSN=45502
2024-05-01  0:00:00 0 [Note] mariadbd: got signal 15, shutting down
no data corruption found; don't panic
`

func TestLogPatternLeavesHealthyLogsAlone(t *testing.T) {
	for i, line := range strings.Split(strings.TrimSpace(healthy), "\n") {
		r := judgeLogs(LogPattern{}, map[string]string{"n1": line + "\n"})
		require.Equal(t, Pass, r.Verdict, "line %d: %s", i+1, r.Summary)
	}
	r := judgeLogs(LogPattern{}, map[string]string{"n1": healthy, "n2": healthy}, "n1", "n2")
	require.Equal(t, Pass, r.Verdict, r.Summary)
	require.Equal(t, fmt.Sprintf("none of %d lines of 2 logs matches", 2*strings.Count(healthy, "\n")), r.Summary)
}

func TestLogPatternFindsWhatShouldNotBeThere(t *testing.T) {
	for _, line := range []string{
		"panic: runtime error: invalid memory address or nil pointer dereference",
		"[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x0]",
		"fatal error: all goroutines are asleep - deadlock!",
		"n1  | fatal error: concurrent map writes",
		"2024/05/01 10:00:00 http: panic serving 10.0.0.9:33242: boom",
		`{"level":"panic","ts":"2024-05-01","caller":"raft/log.go:226","msg":"tocommit(11) is out of range [lastIndex(8)]. Was the raft log corrupted, truncated, or lost?"}`,
		`{"level":"fatal","caller":"embed/etcd.go:263","msg":"checkInitialHashKV failed","error":"8e9e05c52164694d found data inconsistency with peers"}`,
		`{"level":"warn","caller":"etcdserver/corrupt.go:200","msg":"found hash mismatch","revision-1":7}`,
		`{"level":"error","caller":"etcdserver/corrupt.go:300","msg":"Detected compaction hash mismatch"}`,
		`{"level":"warn","msg":"request failed","error":"etcdserver: corrupt cluster"}`,
		`{"level":"fatal","msg":"failed to read WAL","error":"walpb: crc mismatch"}`,
		"=== REDIS BUG REPORT START: Cut & paste starting from here ===",
		"1:M 01 May 2024 # === ASSERTION FAILED ===",
		"1:M 01 May 2024 # Redis 7.2.4 crashed by signal: 11, si_code: 1",
		"1:M 01 May 2024 # !!! Software Failure. Press left mouse button to continue",
		"1:M 01 May 2024 # Wrong RDB checksum expected: (7) but got (8). Aborting now.",
		"1:M 01 May 2024 # Internal error in RDB reading offset 12, function at rdb.c:1 -> Unknown RDB encoding type 99",
		"server: a.c:12: main: Assertion `x > 0' failed.",
		"TRAP: failed Assert(\"a\"), File: \"b.c\", Line: 3",
		"2024-05-01 UTC [1] PANIC:  could not locate a valid checkpoint record",
		"2024-05-01 UTC [1] LOG:  server process (PID 7) was terminated by signal 11: Segmentation fault",
		"ERROR:  invalid page in block 7 of relation base/1/2",
		"WARNING: DATA RACE",
		"==1==ERROR: AddressSanitizer: heap-use-after-free",
		"the index file is corrupted", "Data corruption detected", "CHECKSUM MISMATCH in segment 4",
	} {
		r := judgeLogs(LogPattern{}, map[string]string{"n1": healthy, "n2": healthy + line + "\r\n" + healthy})
		require.Equal(t, Violation, r.Verdict, line)
		require.InDelta(t, 1, r.Figures["matches_n2"], 0, line)
		at := strings.Count(healthy, "\n") + 1
		require.True(t, strings.HasPrefix(r.Summary, fmt.Sprintf("n2 logged, in line %d: ", at)), r.Summary)
		require.Contains(t, r.Proof.Story[0], fmt.Sprintf("n2.log, line %d: ", at))
	}
}

// What real servers wrote, in good health, under faults and broken on purpose.
func TestLogPatternOnRealLogs(t *testing.T) {
	files, err := filepath.Glob("testdata/logs/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			want := map[string]Verdict{"# ": Pass, "  ": Pass, "! ": Violation}
			require.Contains(t, want, line[:2], "%s, line %d", file, i+1)
			r := judgeLogs(LogPattern{}, map[string]string{"n1": line[2:] + "\n"})
			require.Equal(t, want[line[:2]], r.Verdict, "%s, line %d: %s", file, i+1, line)
		}
	}
}

func TestLogPatternOptions(t *testing.T) {
	logs := map[string]string{"n1": "all is well\nOops, it broke\nOops, again (known)\n", "n2": "fine"}
	r := judgeLogs(LogPattern{Patterns: []string{"^Oops"}}, logs)
	require.Equal(t, Violation, r.Verdict)
	require.Equal(t, "n1 logged, in line 2: Oops, it broke (2 such lines on 1 node)", r.Summary)
	require.Equal(t, []string{"n1.log, line 2: Oops, it broke", "n1.log, line 3: Oops, again (known)",
		`The first one matches "^Oops", which no log of a healthy node does.`}, r.Proof.Story)
	r = judgeLogs(LogPattern{Patterns: []string{"^Oops"}, Allow: []string{`\(known\)$`, "broke"}}, logs)
	require.Equal(t, Pass, r.Verdict)
	require.Equal(t, Error, judgeLogs(LogPattern{Patterns: []string{"("}}, logs).Verdict)
	require.Equal(t, Error, judgeLogs(LogPattern{Allow: []string{"("}}, logs).Verdict)
	require.Equal(t, Violation, judgeLogs(LogPattern{Patterns: []string{"x?"}}, logs).Verdict, "a pattern without a literal")
	require.Equal(t, Violation, judgeLogs(LogPattern{Patterns: []string{"(?i)oopſ"}}, logs).Verdict)
	require.Equal(t, Violation, judgeLogs(LogPattern{Patterns: []string{"(?i)break"}}, map[string]string{"n1": "it will brea\u212a\n"}).Verdict)
}

func TestLogPatternWithoutLogsIsInconclusive(t *testing.T) {
	r := LogPattern{}.Check(context.Background(), Evidence{}, Budget{})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "no logs were saved")
	require.Equal(t, Inconclusive, judgeLogs(LogPattern{}, nil).Verdict)
	require.Contains(t, judgeLogs(LogPattern{}, map[string]string{"n1": ""}).Summary, "all empty")
	r = judgeLogs(LogPattern{}, map[string]string{"n1": "well\n"}, "n1", "n2", "n3")
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "there is no log of n2 and n3")
	r = judgeLogs(LogPattern{}, map[string]string{"n1": "well\n\n[seatrial: 3 MB were cut here]\nwell\n"})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "n1 was not saved whole")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r = LogPattern{}.Check(ctx, Evidence{Logs: fstest.MapFS{"n1.log": {Data: []byte("well\n")}}}, Budget{})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "called off")
	r = LogPattern{}.Check(context.Background(), Evidence{Logs: fstest.MapFS{"n1.log": {Mode: fs.ModeDir}}}, Budget{})
	require.Equal(t, Inconclusive, r.Verdict, r.Summary)
}

// Lines of many MiB are searched to their end, and so is what follows.
func TestLogPatternReadsLongLines(t *testing.T) {
	long := strings.Repeat("é", longestLine/2+3*overlap/4)
	for _, c := range []struct {
		text  string
		lines []int
	}{
		{long + " panic: late\nwell\n", []int{1}},
		{"well\n" + long + "\npanic: x\n", []int{3}},
		{strings.Repeat("y", longestLine-3) + "panic: x" + long, nil},
		{strings.Repeat("y", longestLine-3) + " panic: x" + long, []int{1}},
		{strings.Repeat("y", longestLine) + "\npanic: x", []int{2}},
		{strings.Repeat("y", longestLine-1) + "\npanic: x", []int{2}},
		{strings.Repeat("y", longestLine+1) + "\n\n panic: x", []int{3}},
	} {
		for name, slow := range map[string]func(io.Reader) io.Reader{
			"whole": iotest.DataErrReader, "halves": iotest.HalfReader,
		} {
			search, err := LogPattern{}.compile()
			require.NoError(t, err)
			var lines []int
			reader := newLineReader(slow(strings.NewReader(c.text)), func() error { return nil })
			require.NoError(t, search.scan(reader, func(f logFinding) {
				lines = append(lines, f.line)
				require.Less(t, len(f.text), 3*shownWidth)
			}))
			require.Equal(t, c.lines, lines, name)
			require.EqualValues(t, len(c.text), reader.bytes)
			require.Equal(t, strings.Count(strings.TrimSuffix(c.text, "\n"), "\n")+1, reader.lines)
		}
	}
}

// The lines that are found are those that match, tried one by one.
func TestLogPatternAgreesWithItsDefinition(t *testing.T) {
	count := differentialCount(t) / 4
	draw := rand.New(rand.NewPCG(4, 4))
	words := []string{"panic: ", "panic", " ", "\n", "\n", "\r\n", "corruption", "no ", "detected", "CRC ", "mismatch", "x", "Data is corrupt",
		"fatal error: ", "a", "é", "\xff", "ſegmentation fault", "segmentation", " fault", "got signal 1", "1", "\t", "found ", "[signal SIG", "ABC: "}
	patterns := [][]string{nil, {"^x", "a$"}, {"(?i)PANIC"}, {`corruption\s*$`, "mism.tch"}, {"(panic|corruption|fault)+"}, {"x?"}, {"^$"}}
	found := 0
	for n := range count {
		var text bytes.Buffer
		for range draw.IntN(30) {
			text.WriteString(words[draw.IntN(len(words))])
		}
		c := LogPattern{Patterns: patterns[n%len(patterns)]}
		search, err := c.compile()
		require.NoError(t, err)
		var got []int
		reader := newLineReader(iotest.OneByteReader(bytes.NewReader(text.Bytes())), func() error { return nil })
		require.NoError(t, search.scan(reader, func(f logFinding) { got = append(got, f.line) }))
		var want []int
		matches := func(list []*regexp.Regexp, line string) bool {
			for _, p := range list {
				if p.MatchString(line) {
					return true
				}
			}
			return false
		}
		lines := strings.Split(text.String(), "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		for i, line := range lines {
			line = strings.TrimSuffix(line, "\r")
			if matches(search.patterns, line) && !matches(search.allow, line) {
				want = append(want, i+1)
			}
		}
		require.Equal(t, want, got, "%q", text.String())
		require.Equal(t, len(lines), reader.lines)
		found += len(want)
	}
	t.Logf("%d logs, %d lines found, no disagreement", count, found)
	require.Greater(t, found, count/4)
}

func TestLogPatternFindsAPlantedLine(t *testing.T) {
	var text strings.Builder
	for text.Len() < 20<<20 {
		text.WriteString(healthy)
	}
	at := strings.Count(text.String(), "\n") + 1
	text.WriteString("panic: planted\n")
	text.WriteString(healthy)
	r := judgeLogs(LogPattern{}, map[string]string{"n1": text.String()})
	require.Equal(t, Violation, r.Verdict)
	require.Equal(t, fmt.Sprintf("n1 logged, in line %d: panic: planted", at), r.Summary)
	r = LogPattern{}.Check(context.Background(), Evidence{Logs: fstest.MapFS{"n1.log": {Data: []byte(text.String())}}}, Budget{Time: time.Nanosecond})
	require.Equal(t, Inconclusive, r.Verdict)
	require.Contains(t, r.Summary, "out of time")
}

func BenchmarkLogPattern(b *testing.B) {
	lines := strings.SplitAfter(healthy, "\n")[5:] // corruption is rarely looked for
	var text bytes.Buffer
	for i := range 1_000_000 {
		text.WriteString(lines[i%len(lines)])
	}
	b.SetBytes(int64(text.Len()))
	benchmarkChecker(b, LogPattern{}, Evidence{Logs: fstest.MapFS{"n1.log": {Data: text.Bytes()}}})
}
