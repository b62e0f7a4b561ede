package results

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// countText is a whole number with separators: 12,044.
func countText(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// byteText is a size in decimal units: 4.2 MB.
func byteText(n int64) string {
	size, unit := float64(n), "bytes"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if size < 1000 {
			break
		}
		size, unit = size/1000, next
	}
	if unit == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return threeDigits(size) + " " + unit
}

// durationText is a duration with three digits and one unit: 1.24 s, 350 µs.
func durationText(d time.Duration) string {
	switch abs := d.Abs(); {
	case abs == 0:
		return "0 s"
	case abs < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case abs < 999_500*time.Nanosecond:
		return threeDigits(float64(d)/1e3) + " µs"
	case abs < 999_500*time.Microsecond:
		return threeDigits(float64(d)/1e6) + " ms"
	case abs < 2*time.Minute:
		return threeDigits(float64(d)/1e9) + " s"
	case abs < 2*time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

func threeDigits(x float64) string {
	places := 2
	switch abs := math.Abs(x); {
	case abs >= 99.95:
		places = 0
	case abs >= 9.995:
		places = 1
	}
	text := strconv.FormatFloat(x, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// secondsText is an instant of the run to the millisecond: 12.345 s.
func secondsText(t int64) string {
	return strconv.FormatFloat(float64(t)/1e9, 'f', 3, 64) + " s"
}

// microText is an instant to the microsecond, for operations whose order matters.
func microText(t int64) string {
	return strconv.FormatFloat(float64(t)/1e9, 'f', 6, 64) + " s"
}

// instantText is an instant that may not have come.
func instantText(t int64) string {
	if t == 0 {
		return "–"
	}
	return secondsText(t)
}

// figureText is a checker's figure.
func figureText(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return countText(int(x))
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// plain makes text safe for a terminal and for one line: values come from the
// system under test, and an escape sequence among them could redraw the verdict.
func plain(s string) string {
	clean := func(r rune) bool { return unicode.IsPrint(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if clean(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// outcomeText is an outcome in a reader's words.
func outcomeText(outcome string) string {
	if outcome == "info" {
		return "unknown"
	}
	return outcome
}

// systemText is the system with its version.
func systemText(run Run) string { return strings.TrimSpace(run.System + " " + run.Version) }

func optionsText(options map[string]string) string {
	parts := make([]string, 0, len(options))
	for _, name := range sortedKeys(options) {
		parts = append(parts, name+"="+options[name])
	}
	return strings.Join(parts, " ")
}

// rate is operations a second over the load phase; 0 where there was none.
func rate(run Run) float64 {
	if run.Took.Load <= 0 {
		return 0
	}
	return float64(run.Counted().Total()) / run.Took.Load.Seconds()
}

// nodesText is "1 node" or "3 nodes".
func nodesText(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}
