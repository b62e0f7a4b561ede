package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/history"
)

// progress shows how a run goes: on a terminal one line that is redrawn, with
// lines above it for what is worth keeping; elsewhere nothing, or with verbose
// those lines.
type progress struct {
	to       io.Writer
	terminal bool
	verbose  bool
	prefix   string
	drawn    bool
}

func newProgress(to io.Writer, verbose bool) *progress {
	return &progress{to: to, terminal: isTerminal(to) && os.Getenv("TERM") != "dumb", verbose: verbose}
}

func (p *progress) tell(now harness.Progress) {
	if now.Line != "" && (p.terminal || p.verbose) {
		p.clear()
		fmt.Fprintln(p.to, p.prefix+now.Line)
	}
	if !p.terminal {
		return
	}
	text := []rune(p.prefix + progressLine(now))
	if width := p.width(); len(text) > width {
		text = append(text[:width-1], '…')
	}
	fmt.Fprintf(p.to, "\r\x1b[K%s", string(text))
	p.drawn = true
}

func (p *progress) width() int {
	if file, ok := p.to.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 20 {
			return width - 1
		}
	}
	return 79
}

// clear takes the redrawn line away.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.to, "\r\x1b[K")
		p.drawn = false
	}
}

func progressLine(now harness.Progress) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s %5.1f s", now.Phase, now.Elapsed.Seconds())
	if now.Of > 0 {
		fmt.Fprintf(&b, " of %.0f s", now.Of.Round(time.Second).Seconds())
	}
	if total := now.Counts.Total(); total > 0 {
		fmt.Fprintf(&b, "  %d operations: %d ok, %d failed, %d unknown", total,
			now.Counts.Ended(history.OK), now.Counts.Ended(history.Fail), now.Counts.Ended(history.Info))
	}
	if len(now.Faults) > 0 {
		fmt.Fprintf(&b, "  [%s]", strings.Join(now.Faults, "; "))
	}
	return b.String()
}
