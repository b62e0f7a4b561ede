package harness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
)

func TestConclude(t *testing.T) {
	result := func(v checkers.Verdict) checkers.Result {
		return checkers.Result{Verdict: v, Summary: "says " + v.String()}
	}
	pass, violation := result(checkers.Pass), result(checkers.Violation)
	inconclusive, broken := result(checkers.Inconclusive), result(checkers.Error)
	for name, c := range map[string]struct {
		results     []checkers.Result
		problems    []string
		interrupted string
		verdict     checkers.Verdict
		says        string
	}{
		"all hold":                        {[]checkers.Result{pass, pass}, nil, "", checkers.Pass, "says pass; says pass"},
		"nothing was judged":              {nil, nil, "", checkers.Error, "nothing was judged"},
		"torn down before the judges":     {nil, nil, "torn down", checkers.Inconclusive, "torn down"},
		"a violation stands":              {[]checkers.Result{pass, inconclusive, broken, violation}, []string{"disk full"}, "interrupted", checkers.Violation, "says violation"},
		"an error outweighs inconclusive": {[]checkers.Result{inconclusive, broken}, nil, "", checkers.Error, "says error"},
		"inconclusive is no pass":         {[]checkers.Result{pass, inconclusive}, nil, "", checkers.Inconclusive, "says inconclusive"},
		"a problem is no pass":            {[]checkers.Result{pass}, []string{"undo failed"}, "", checkers.Error, "undo failed"},
		"interrupted is no pass":          {[]checkers.Result{pass}, nil, "interrupted", checkers.Inconclusive, "interrupted"},
	} {
		verdict, says := conclude(c.results, c.problems, c.interrupted)
		require.Equal(t, c.verdict, verdict, name)
		require.Equal(t, c.says, says, name)
	}
}
