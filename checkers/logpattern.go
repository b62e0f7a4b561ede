package checkers

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"
)

// LogPattern says that no node's log has a line that should never be there: a panic, a
// failed assertion, data found corrupt. It reads Evidence.Logs, a file "<node>.log" a
// node, line by line, in bounded memory: a line of more than 1 MiB in parts, which
// overlap by 64 KiB, and it is allowed if the part that matches is.
//
// A line that matches one of the Patterns and none of Allow is a violation. Where there
// are no logs, one of the history's nodes has none, or a log says that a part of it was
// not saved, and nothing was found in the rest, the answer is inconclusive.
//
// Figures: logs, lines, bytes, matches, and for each node with any matches_<node>.
type LogPattern struct {
	// Patterns are regular expressions (package regexp), each for a line by itself.
	// Empty means [DefaultLogPatterns].
	Patterns []string
	// Allow are patterns of lines that are not judged, in addition to [DefaultLogAllow]
	// where Patterns is empty.
	Allow []string
}

// DefaultLogPatterns are what [LogPattern] looks for. They are narrow on purpose:
// systems write "panic", "fatal" and "corrupt" in good health too. etcd logs
// initial-corrupt-check with its settings and corrupt.go as the place of its check's
// messages, and Redis "AOF loaded anyway" after a kill; PostgreSQL says FATAL to a
// client that it can't serve yet, and repeats what clients sent. Package checkers'
// testdata/logs has what systems print in good health and when they are broken.
func DefaultLogPatterns() []string {
	return []string{
		// Go: a panic that ended the program, one that net/http caught, and the
		// runtime's own errors, at the beginning of the line or after a prefix.
		`\bpanic: `, `http: panic serving `, `(^|[\s\]:])fatal error: [a-z]`, `"level":"panic"`, `\[signal SIG[A-Z]+: `,
		`WARNING: DATA RACE`, `ERROR: \w+Sanitizer: `,
		// C: a signal or assert(3).
		`(?i)\bsegmentation (fault|violation)`, "Assertion [`'].*' failed", `(?i)\bassertion (failed|failure)\b`, `\bfailed Assert\(`, `java\.lang\.AssertionError`,
		`(?i)(crashed by|got|terminated by) signal:? (4|6|7|8|11)\b`,
		// Redis: its crash report and serverPanic.
		`BUG REPORT START`, `!!! Software Failure\. Press left mouse button to continue`,
		// PostgreSQL, MariaDB with InnoDB, ZooKeeper.
		`\bPANIC:  `, `\bTRAP: `, `page verification failed, calculated checksum`,
		`\[ERROR\] .* is corrupt(ed)?\b`, `java\.io\.IOException: CRC (check failed|corruption)`,
		// Data: what etcd, bbolt and raft, Redis, and others say when a check failed.
		`found data inconsistency with peers`, `checkInitialHashKV failed`, `(?i)\b(found|detected) (compaction )?hash mismatch`, `then hashes must match`,
		`etcdserver: corrupt cluster`, `Was the raft log corrupted, truncated, or lost\?`, `\b(walpb|wal|snap): crc mismatch`,
		`Wrong RDB checksum`, `Internal error in RDB reading`, `Bad file format reading the append only file`,
		`(?i)\b(data|page|block|record|index|table|file|database|log|segment|snapshot|journal) (is|are|was|were|has been|appears|seems|may be|looks)( to be)? corrupt(ed)?\b`, `(?i)\bpage corruption\b`,
		`(?i)\bcorruption (was |has been )?(detected|found)\b`, `(?i)\b(detected|found) (\w+ )?corruption\b`,
		`(?i)\b(checksum|crc) (mismatch|verification failed)\b`, `invalid page in block \d+`,
	}
}

// DefaultLogAllow are lines that say that nothing is wrong; what a replica of Redis says
// when its master's stream ends in the midst of a snapshot, and PostgreSQL whenever it
// was killed in the midst of a recovery; and what PostgreSQL repeats of clients' statements and
// of the errors that these raise.
func DefaultLogAllow() []string {
	return []string{`assuming connection error, resuming operation`,
		`\bHINT:  This probably means that some data is corrupted`, `\b(STATEMENT|QUERY|DETAIL):  `, `\bERROR:  panic: `,
		`(?i)\b(no|without( any)?) (\w+ )?(corruption|checksum mismatch|crc mismatch)`, `(?i)\b0 (checksum|crc) mismatch`}
}

// Check implements [Checker].
func (c LogPattern) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	began := time.Now()
	result := Result{Checker: "log-pattern", Method: "scan"}
	if search, err := c.compile(); err != nil {
		result.Verdict, result.Summary = Error, err.Error()
	} else if evidence.Logs == nil {
		result.Verdict, result.Summary = Inconclusive, "no logs were saved: nothing was searched"
	} else {
		j := logJudgement{search: search, logs: evidence.Logs, result: &result}
		if evidence.History != nil {
			j.nodes = evidence.History.Header.Nodes
		}
		j.run(ctx, began.Add(budget.WithDefaults().Time))
	}
	result.Elapsed = time.Since(began)
	return result
}

func (c LogPattern) compile() (*logSearch, error) {
	patterns, allow := c.Patterns, c.Allow
	if len(patterns) == 0 {
		patterns, allow = DefaultLogPatterns(), append(DefaultLogAllow(), c.Allow...)
	}
	search := &logSearch{}
	for _, p := range patterns {
		compiled, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p, err)
		}
		search.patterns = append(search.patterns, compiled)
	}
	for _, p := range allow {
		compiled, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("allowed pattern %q: %w", p, err)
		}
		search.allow = append(search.allow, compiled)
	}
	search.prepare(patterns)
	return search, nil
}

// logFinding is a line that should not be there.
type logFinding struct {
	node, pattern, text string
	line                int
}

// logJudgement is one call of Check.
type logJudgement struct {
	search *logSearch
	logs   fs.FS
	nodes  []string // that should have a log
	result *Result

	shown                  []logFinding
	logsRead, lines, finds int
	bytes                  int64
	byNode                 map[string]int
	cut                    []string // nodes whose logs were not saved whole
}

// shownFindings bounds the lines of a proof, of one node and of all.
const shownFindings, shownFindingsOfNode = 8, 3

func (j *logJudgement) run(ctx context.Context, deadline time.Time) {
	names, err := fs.Glob(j.logs, "*.log")
	if err != nil || len(names) == 0 {
		j.result.Verdict, j.result.Summary = Inconclusive, "no logs were saved: nothing was searched"
		return
	}
	sort.Strings(names)
	j.byNode = map[string]int{}
	var stopped error
	for _, name := range names {
		node := strings.TrimSuffix(name, ".log")
		if stopped = j.file(ctx, deadline, name, node); stopped != nil {
			stopped = fmt.Errorf("the log of %s was not searched to its end: %w", node, stopped)
			break
		}
		j.logsRead++
	}
	j.conclude(names, stopped)
}

func (j *logJudgement) file(ctx context.Context, deadline time.Time, name, node string) error {
	file, err := j.logs.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	r := newLineReader(file, func() error { return inTime(ctx, deadline) })
	err = j.search.scan(r, func(f logFinding) {
		f.node = node
		j.finds++
		if j.byNode[node]++; j.byNode[node] <= shownFindingsOfNode && len(j.shown) < shownFindings {
			j.shown = append(j.shown, f)
		}
	})
	j.lines, j.bytes = j.lines+r.lines, j.bytes+r.bytes
	if r.partial {
		j.cut = append(j.cut, node)
	}
	return err
}

func (j *logJudgement) conclude(names []string, stopped error) {
	r := j.result
	r.Figures = map[string]float64{"logs": float64(j.logsRead), "lines": float64(j.lines), "bytes": float64(j.bytes), "matches": float64(j.finds)}
	for node, n := range j.byNode {
		r.Figures["matches_"+node] = float64(n)
	}
	var missing []string
	for _, node := range j.nodes {
		if !slices.Contains(names, node+".log") {
			missing = append(missing, node)
		}
	}
	switch {
	case j.finds > 0:
		first := j.shown[0]
		r.Verdict = Violation
		r.Summary = fmt.Sprintf("%s logged, in line %d: %s", first.node, first.line, first.text)
		if j.finds > 1 {
			r.Summary += fmt.Sprintf(" (%d such lines on %s)", j.finds, plural(len(j.byNode), "node"))
		}
		r.Proof = j.prove()
	case stopped != nil:
		r.Verdict, r.Summary = Inconclusive, stopped.Error()
	case len(missing) > 0:
		r.Verdict, r.Summary = Inconclusive, fmt.Sprintf("there is no log of %s; no line of %s matches", joinAnd(missing), plural(j.logsRead, "other log"))
	case len(j.cut) > 0:
		r.Verdict, r.Summary = Inconclusive, fmt.Sprintf("the log of %s was not saved whole; nothing was found in what was", joinAnd(j.cut))
	case j.lines == 0:
		r.Verdict, r.Summary = Inconclusive, fmt.Sprintf("%s, all empty: nothing was searched", plural(j.logsRead, "log"))
	default:
		r.Summary = fmt.Sprintf("none of %s of %s matches", plural(j.lines, "line"), plural(j.logsRead, "log"))
	}
}

func (j *logJudgement) prove() *Proof {
	proof := &Proof{}
	for _, f := range j.shown {
		proof.Story = append(proof.Story, fmt.Sprintf("%s.log, line %d: %s", f.node, f.line, f.text))
	}
	if more := j.finds - len(j.shown); more > 0 {
		proof.Story = append(proof.Story, fmt.Sprintf("… and %s more.", plural(more, "line")))
	}
	proof.Story = append(proof.Story, fmt.Sprintf("The first one matches %q, which no log of a healthy node does.", j.shown[0].pattern))
	return proof
}

// shownWidth is how many characters of a line are shown.
const shownWidth = 240

// cutLine writes a line for a person, the part around what matched if it is long.
func cutLine(line []byte, at int) string {
	begin, before, after := 0, "", ""
	if at > shownWidth/2 && len(line) > shownWidth {
		begin, before = at-shownWidth/4, "…"
	}
	end := len(line)
	if end > begin+shownWidth {
		end, after = begin+shownWidth, "…"
	}
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(line[begin:end]), "?"))
	return before + strings.TrimSpace(text) + after
}
