package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/checkers"
)

// checkDocument is what check prints with --json.
type checkDocument struct {
	Verdict checkers.Verdict `json:"verdict"`
	Files   []*judged        `json:"files"`
}

func (a *app) printCheck(all []*judged, verdict checkers.Verdict) error {
	if a.json {
		return a.printJSON(checkDocument{verdict, all})
	}
	if len(all) == 1 {
		a.printOne(all[0])
	} else {
		a.printTable(all)
	}
	a.printf("\n%s\n", verdict)
	return nil
}

func (a *app) printOne(j *judged) {
	a.printf("%s: %d operations", shortPath(j.History), j.Operations)
	if h := j.history.Header; h.Scenario != "" {
		a.printf(" of %s, seed %d", h.Scenario, h.Seed)
	}
	a.printf("; judged %s\n\n", j.how())
	for _, r := range j.Results {
		a.printResult(r, "")
	}
}

// how says by what a history was judged.
func (j *judged) how() string {
	text := "as " + j.From + " says"
	if j.From == "--as" {
		text = "as " + j.Model
	}
	if len(j.Options) > 0 {
		text += " (" + strings.Join(j.Options, ", ") + ")"
	}
	return text
}

func (a *app) printResult(r checkers.Result, indent string) {
	a.printf("%s%-12s  %s: %s\n", indent, r.Verdict, r.Checker, r.Summary)
	if r.Method != "" {
		a.printf("%s              decided by %s in %.3f s\n", indent, r.Method, r.Elapsed.Seconds())
	}
	if r.Proof != nil {
		for _, line := range r.Proof.Story {
			a.printf("%s              %s\n", indent, strings.TrimSpace(line))
		}
	}
}

// printTable prints a line for each file, and then what is not well, in full.
func (a *app) printTable(all []*judged) {
	t := table{}
	t.row("VERDICT", "MODEL", "OPERATIONS", "SECONDS", "DECIDED BY", "FILE")
	counts := map[string]int{}
	for _, j := range all {
		word := j.Verdict.String()
		if j.err != nil {
			word = "unreadable"
		}
		counts[word]++
		var methods []string
		took := time.Duration(0)
		for _, r := range j.Results {
			took += r.Elapsed
			if r.Method != "" {
				methods = append(methods, r.Method)
			}
		}
		t.row(word, j.Model, fmt.Sprint(j.Operations), fmt.Sprintf("%.3f", took.Seconds()), strings.Join(methods, "; "), shortPath(j.File))
	}
	a.printf("%s", t.text())
	for _, j := range all {
		if j.Verdict == checkers.Pass || j.err != nil {
			continue
		}
		a.printf("\n%s, judged %s\n", shortPath(j.File), j.how())
		for _, r := range j.Results {
			if r.Verdict != checkers.Pass {
				a.printResult(r, "  ")
			}
		}
	}
	var sums []string
	for _, word := range []string{"pass", "inconclusive", "error", "unreadable", "violation"} {
		if counts[word] > 0 {
			sums = append(sums, fmt.Sprintf("%d %s", counts[word], word))
		}
	}
	a.printf("\n%d files: %s\n", len(all), strings.Join(sums, ", "))
}

// teller says on standard error what takes long.
type teller struct {
	mu    sync.Mutex
	text  string
	began time.Time
	done  chan struct{}
	wait  sync.WaitGroup
}

// tellWhile begins to read a file; until end is called, what is being done is said
// after a silence, and from time to time.
func (a *app) tellWhile(path string, silence time.Duration) *teller {
	t := &teller{text: "reading " + shortPath(path), began: time.Now(), done: make(chan struct{})}
	t.wait.Go(func() {
		for wait := silence; ; wait = 5 * silence {
			select {
			case <-t.done:
				return
			case <-time.After(wait):
				t.mu.Lock()
				a.say(fmt.Sprintf("%s ... %.0f s", t.text, time.Since(t.began).Seconds()))
				t.mu.Unlock()
			}
		}
	})
	return t
}

func (t *teller) now(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = fmt.Sprintf(format, args...)
}

func (t *teller) end() {
	close(t.done)
	t.wait.Wait()
}
