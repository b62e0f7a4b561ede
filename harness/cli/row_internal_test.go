package cli

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/results"
)

// The ways in which a fake run ends.
const (
	passes, breaks, breaksOther, proves, fails = "pass", "violation", "other", "inconclusive", "error"
	absent, interrupted                        = "absent", "interrupted"
)

func ended(how string) (results.Run, error) {
	violation := func(checker string) results.Run {
		return results.Run{Verdict: checkers.Violation, Results: []checkers.Result{{Checker: checker, Verdict: checkers.Violation}}}
	}
	switch how {
	case breaks:
		return violation("linearizable"), nil
	case breaksOther:
		return violation("fresh"), nil
	case proves:
		return results.Run{Verdict: checkers.Inconclusive}, nil
	case fails:
		return results.Run{Verdict: checkers.Error}, nil
	case absent:
		return results.Run{}, errors.New("no engine")
	case interrupted:
		return results.Run{}, errStopped
	}
	return results.Run{Verdict: checkers.Pass}, nil
}

// rowOf examines a row whose runs end as listed, and fails the test if it makes
// more or fewer.
func rowOf(t *testing.T, broken []string, repeat int, finding, control []string) row {
	t.Helper()
	f := harness.Finding{Name: "r", Broken: broken, Scenario: harness.Scenario{Name: "finding"}}
	if control != nil {
		f.Controls = []harness.Scenario{{Name: "control"}}
	}
	left := map[string][]string{"finding": finding, "control": control}
	r := examine(f, repeat, func(s harness.Scenario, _ string, _ int) (results.Run, *results.Dir, error) {
		require.NotEmpty(t, left[s.Name], "%s was run once more", s.Name)
		how := left[s.Name][0]
		left[s.Name] = left[s.Name][1:]
		run, err := ended(how)
		return run, nil, err
	})
	require.Empty(t, left["finding"], "the scenario was run too few times")
	require.Empty(t, left["control"], "the control was run too few times")
	return r
}

func TestARowIsTriedAndJudged(t *testing.T) {
	linearizable := []string{"linearizable"}
	for name, c := range map[string]struct {
		broken           []string
		finding, control []string
		exit             int
		line             string
	}{
		"found at once":                     {linearizable, []string{breaks}, []string{passes}, 0, "found on try 1 of 3; control control passes 1 of 1"},
		"found on the last try":             {linearizable, []string{passes, fails, breaks}, []string{passes}, 0, "found on try 3 of 3"},
		"never found":                       {linearizable, []string{passes, proves, passes}, []string{passes}, 4, "NOT FOUND in 3: inconclusive 1 of 3, pass 2 of 3"},
		"another violation is no find":      {linearizable, []string{breaksOther, breaksOther, breaksOther}, nil, 4, "NOT FOUND in 3: violation of something else 3 of 3"},
		"nothing but errors":                {linearizable, []string{fails, fails, fails}, []string{passes}, 3, "error 3 of 3"},
		"a control is never tried away":     {linearizable, []string{breaks}, []string{proves, breaksOther}, 1, "control control BROKE: violation 1 of 2, inconclusive 1 of 2"},
		"a control is tried again":          {linearizable, []string{breaks}, []string{proves, fails, passes}, 0, "control control error 1 of 3, inconclusive 1 of 3, pass 1 of 3"},
		"a control that proves nothing":     {linearizable, []string{breaks}, []string{proves, proves, proves}, 4, "control control inconclusive 3 of 3"},
		"not found, and the control breaks": {linearizable, []string{passes, passes, passes}, []string{breaks}, 1, "NOT FOUND in 3"},
		"the machine can't":                 {linearizable, []string{absent}, []string{}, 3, "could not be run: no engine; control control not run"},
		"the control can't":                 {linearizable, []string{breaks}, []string{absent}, 3, "control control could not be run: no engine"},
		"interrupted":                       {linearizable, []string{passes, interrupted}, []string{}, 4, "NOT FOUND in 1: pass 1 of 1; control control not run"},
		"nothing known to break":            {nil, []string{proves, passes}, nil, 0, "passes on try 2 of 3"},
		"nothing known to break breaks":     {nil, []string{proves, breaks}, nil, 1, "BROKE: violation 1 of 2, inconclusive 1 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rowOf(t, c.broken, 0, c.finding, c.control)
			require.Equal(t, c.exit, r.Verdict.ExitCode())
			require.Contains(t, r.line(0, 4), "r     "+firstPart(c.line))
			require.Contains(t, r.line(0, 4), c.line)
		})
	}
}

// firstPart is empty for a line that is only about the control.
func firstPart(line string) string {
	if len(line) > 7 && line[:7] == "control" || line == "error 3 of 3" {
		return ""
	}
	return line
}

func repeated(how string, n int) []string {
	var all []string
	for range n {
		all = append(all, how)
	}
	return all
}

func TestRepeatedRowsHaveRates(t *testing.T) {
	linearizable := []string{"linearizable"}
	r := rowOf(t, linearizable, 10, repeated(breaks, 10), repeated(passes, 10))
	require.Equal(t, checkers.Pass, r.Verdict)
	require.Contains(t, r.line(10, 1), "found 10 of 10; control control passes 10 of 10")

	r = rowOf(t, linearizable, 10, append(repeated(breaks, 9), passes), repeated(passes, 10))
	require.Equal(t, checkers.Pass, r.Verdict, "nine of ten are enough")
	require.Contains(t, r.line(10, 1), "found 9 of 10; else pass 1 of 10")

	r = rowOf(t, linearizable, 10, append(repeated(breaks, 8), passes, breaksOther), repeated(passes, 10))
	require.Equal(t, checkers.Inconclusive, r.Verdict, "eight of ten are not")

	r = rowOf(t, linearizable, 10, repeated(breaks, 10), append(repeated(passes, 9), breaks))
	require.Equal(t, checkers.Violation, r.Verdict, "one violation of a control is too many")
	require.Contains(t, r.line(10, 1), "control control BROKE: violation 1 of 10, pass 9 of 10")

	r = rowOf(t, linearizable, 1, []string{passes}, []string{passes})
	require.Equal(t, checkers.Inconclusive, r.Verdict)

	for repeat, least := range map[int]int{0: 1, 1: 1, 2: 2, 9: 9, 10: 9, 11: 10, 20: 18} {
		require.Equal(t, least, enough(repeat), "of %d", repeat)
	}
}

func TestTheWorstRowDecides(t *testing.T) {
	findings := []harness.Finding{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	of := func(v checkers.Verdict) *row { return &row{Verdict: v} }
	for _, c := range []struct {
		rows []*row
		want int
	}{
		{[]*row{of(checkers.Pass), of(checkers.Pass), of(checkers.Pass)}, 0},
		{[]*row{of(checkers.Pass), of(checkers.Inconclusive), of(checkers.Pass)}, 4},
		{[]*row{of(checkers.Error), of(checkers.Inconclusive), of(checkers.Pass)}, 3},
		{[]*row{of(checkers.Error), of(checkers.Violation), of(checkers.Inconclusive)}, 1},
		{[]*row{of(checkers.Pass), of(checkers.Pass), nil}, 4}, // an interrupt left one
	} {
		require.Equal(t, c.want, gatherRows(findings, c.rows, 0).Verdict.ExitCode())
	}
	require.Equal(t, []string{"c"}, gatherRows(findings, []*row{of(checkers.Pass), of(checkers.Pass), nil}, 0).NotRun)
}

func TestTheWorstRunDecides(t *testing.T) {
	run := func(v checkers.Verdict) *manyRun {
		return &manyRun{ended: &runDocument{Run: results.Run{Verdict: v}}}
	}
	broken := &manyRun{err: errors.New("no engine")}
	for _, c := range []struct {
		runs []*manyRun
		want int
	}{
		{[]*manyRun{run(checkers.Pass), run(checkers.Pass)}, 0},
		{[]*manyRun{run(checkers.Pass), {}}, 4}, // an interrupt left one
		{[]*manyRun{run(checkers.Inconclusive), broken}, 3},
		{[]*manyRun{broken, run(checkers.Violation)}, 1},
	} {
		require.Equal(t, c.want, gather(c.runs).Verdict.ExitCode())
	}
}

func TestSideBySideKeepsToItsJobs(t *testing.T) {
	for _, jobs := range []int{1, 3, 50} {
		var now, most, done atomic.Int64
		started := make(chan struct{}, 20)
		release := make(chan struct{})
		go func() { // nothing ends before as many as may have begun
			for range min(jobs, 20) {
				<-started
			}
			close(release)
		}()
		sideBySide(jobs, 20, nil, func(int) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			started <- struct{}{}
			<-release
			now.Add(-1)
			done.Add(1)
		})
		require.EqualValues(t, 20, done.Load())
		require.LessOrEqual(t, most.Load(), int64(jobs))
	}
}

func TestSideBySideBeginsNothingAfterTheStop(t *testing.T) {
	stop := make(chan struct{})
	var begun []int
	sideBySide(1, 5, stop, func(i int) {
		if begun = append(begun, i); i == 1 {
			close(stop)
		}
	})
	require.Equal(t, []int{0, 1}, begun)
}

func TestTextIsWrappedBetweenWords(t *testing.T) {
	require.Equal(t, []string{""}, wrap("", 10))
	require.Equal(t, []string{"one two", "three"}, wrap("one two three", 8))
	require.Equal(t, []string{"a", "supercalifragilistic", "word"}, wrap("a supercalifragilistic word", 8))
}
