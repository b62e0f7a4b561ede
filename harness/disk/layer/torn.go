package layer

import (
	"math/rand/v2"
)

// torn draws what survives a power loss of what was never synced. A nil one keeps
// nothing.
type torn struct{ random *rand.Rand }

// lost are the changes of names that do not survive: those after a prefix. File
// systems with a journal, or a log, keep the order of such changes, and never half
// of one operation.
func (t *torn) lost(changes []*change) []*change {
	if len(changes) == 0 {
		return nil
	}
	at := t.random.IntN(len(changes) + 1)
	for at > 0 && at < len(changes) && changes[at].group == changes[at-1].group {
		at--
	}
	return changes[at:]
}

func (t *torn) keepsAttrs() bool { return t != nil && t.random.IntN(2) == 0 }

// size is the one a file gets that has `had` and of which the disk holds `held`:
// either, or a whole number of sectors in between.
func (t *torn) size(held, had int64) int64 {
	if t == nil || held == had {
		return held
	}
	switch t.random.IntN(3) {
	case 0:
		return held
	case 1:
		return had
	}
	low, high := min(held, had), max(held, had)
	between := low + t.random.Int64N(high-low+1)
	return min(high, max(low, between-between%sectorBytes))
}

// keepsSectors says of one sector after the other whether what was written
// survives. How many do is drawn for each file.
func (t *torn) keepsSectors() func() bool {
	if t == nil {
		return func() bool { return false }
	}
	share := []float64{0.1, 0.5, 0.9, 1}[t.random.IntN(4)]
	return func() bool { return t.random.Float64() < share }
}

// tearTail zeroes sectors that were appended and did not survive, though the size did.
func (t *torn) tearTail(fd int, d *dirt, size, hadSize int64, keeps func() bool) error {
	var none [sectorBytes]byte
	end := min(size, hadSize)
	for off := roundUp(d.size, sectorBytes); off < end; off += sectorBytes {
		if _, kept := d.pages[off/pageBytes]; kept || keeps() {
			continue
		}
		if _, err := pwriteFull(fd, none[:min(sectorBytes, end-off)], off); err != nil {
			return err
		}
	}
	return nil
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
