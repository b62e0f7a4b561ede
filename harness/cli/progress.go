package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
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
	p.line(p.prefix, now.Line)
	p.draw(p.prefix + progressLine(now))
}

// line writes what is worth a line of its own; an empty one is nothing.
func (p *progress) line(prefix, text string) {
	if text != "" && (p.terminal || p.verbose) {
		p.clear()
		fmt.Fprintln(p.to, prefix+text)
	}
}

// draw replaces the redrawn line.
func (p *progress) draw(line string) {
	if !p.terminal {
		return
	}
	text := []rune(line)
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

// board shows how several runs go, in one redrawn line. Its methods may be called
// by several goroutines; what print does is the only thing written meanwhile.
type board struct {
	mu        sync.Mutex
	show      *progress
	ended, of int
	running   []*boardRun
}

// boardRun is one run on the board.
type boardRun struct {
	board *board
	label string
	now   harness.Progress
}

func newBoard(to io.Writer, verbose bool, of int) *board {
	return &board{show: newProgress(to, verbose), of: of}
}

// begin puts a run on the board.
func (b *board) begin(label string) *boardRun {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &boardRun{board: b, label: label, now: harness.Progress{Phase: "waiting"}}
	b.running = append(b.running, r)
	b.redraw()
	return r
}

// tell is told how the run goes.
func (r *boardRun) tell(now harness.Progress) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	r.now = now
	r.board.show.line(r.label+": ", now.Line)
	r.board.redraw()
}

// relabel says what the run is about now.
func (r *boardRun) relabel(label string) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	r.label = label
}

// end takes the run off the board and lets print write above it.
func (r *boardRun) end(print func()) {
	b := r.board
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = slices.DeleteFunc(b.running, func(other *boardRun) bool { return other == r })
	b.ended++
	b.show.clear()
	print()
	if len(b.running) > 0 {
		b.redraw()
	}
}

func (b *board) redraw() {
	line := fmt.Sprintf("%d of %d", b.ended, b.of)
	if len(b.running) == 1 {
		line += "  " + b.running[0].label + "  " + progressLine(b.running[0].now)
	} else {
		for _, r := range b.running {
			line += fmt.Sprintf("  %s %s %.0f s", r.label, r.now.Phase, r.now.Elapsed.Seconds())
		}
	}
	b.show.draw(line)
}
