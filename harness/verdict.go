package harness

import (
	"strings"

	"github.com/seatrial/seatrial/checkers"
)

// conclude puts the verdict of everything together.
func (r *run) conclude() {
	r.out.Verdict, r.out.Summary = conclude(r.out.Results, r.problems, r.interrupted)
}

// conclude weighs the judges' results against what went wrong with the run
// itself. A proven violation stands whatever else happened; nothing that was not
// judged is a pass.
func conclude(all []checkers.Result, problems []string, interrupted string) (checkers.Verdict, string) {
	verdict := checkers.Worst(all)
	switch {
	case verdict == checkers.Violation:
	case interrupted != "":
		return checkers.Inconclusive, strings.Join(append([]string{interrupted}, problems...), "; ")
	case len(problems) > 0:
		return checkers.Error, strings.Join(problems, "; ")
	case len(all) == 0:
		return checkers.Error, "nothing was judged"
	}
	var texts []string
	for _, result := range all {
		if result.Verdict == verdict {
			texts = append(texts, result.Summary)
		}
	}
	if verdict != checkers.Pass {
		return verdict, texts[0]
	}
	return verdict, strings.Join(texts, "; ")
}
