// Package differential says how many random histories a differential test judges:
// one that compares a judge, or a codec, with an independent one.
package differential

import (
	"os"
	"strconv"
	"testing"
)

// Count is the usual number; a tenth of it with -short, as under the race detector;
// 100,000 at least where SEATRIAL_SOAK is 1; and whatever SEATRIAL_DIFFERENTIAL says.
func Count(t testing.TB, usual int) int {
	t.Helper()
	if text := os.Getenv("SEATRIAL_DIFFERENTIAL"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("SEATRIAL_DIFFERENTIAL is %q, and must be a number of histories", text)
		}
		return n
	}
	switch {
	case os.Getenv("SEATRIAL_SOAK") == "1":
		return max(usual, 100_000)
	case testing.Short():
		return usual / 10
	default:
		return usual
	}
}
