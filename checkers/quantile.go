package checkers

import (
	"fmt"
	"math"
	"slices"
)

// Confidence is that of the intervals of [Quantile]: 95 %.
const Confidence = 0.95

// Quantile is an estimate of a quantile from a few samples, with an interval that
// holds the true one with probability [Confidence] at least, whatever the samples'
// distribution: its ends are two of the samples in their order (Le Boudec,
// "Performance Evaluation of Computer and Communication Systems", 2010, theorem
// 2.1: how many of n samples lie below the quantile is binomial). Samples must be
// independent and of one distribution: faults of one kind, in one set-up.
type Quantile struct {
	// At is which quantile, for instance 0.95.
	At float64 `json:"at"`
	// Samples is how many there were.
	Samples int `json:"samples"`
	// Known says that there were enough for an interval. Where there were not, Value,
	// Low and High are zero, and Needed samples would be enough: 6 for the
	// median, 59 for the 95th percentile.
	Known  bool `json:"known"`
	Needed int  `json:"needed"`
	// Value is the sample at the quantile (nearest rank); Low and High are the
	// interval's ends. A value that is at least so large, because a sample was
	// not observed to its end, has AtLeast; so has a High that is infinite.
	Value, Low, High float64
	AtLeast          bool `json:"at_least,omitempty"`
}

// Sample is one observation. Unended says that it was not observed to its end: the
// true value is Value or more.
type Sample struct {
	Value   float64
	Unended bool
}

// EstimateQuantile estimates the quantile at, which is between 0 and 1. An unended
// sample counts as small as it may be for Value and Low, and as infinite for High.
func EstimateQuantile(samples []Sample, at float64) Quantile {
	q := Quantile{At: at, Samples: len(samples), Needed: samplesNeeded(at)}
	low, high, enough := quantileRanks(len(samples), at)
	if !enough {
		return q
	}
	least, most := make([]float64, len(samples)), make([]float64, len(samples))
	for i, s := range samples {
		if least[i], most[i] = s.Value, s.Value; s.Unended {
			most[i] = math.Inf(1)
		}
	}
	slices.Sort(least)
	slices.Sort(most)
	rank := min(max(int(math.Ceil(at*float64(len(samples)))), 1), len(samples))
	q.Known, q.Value, q.Low, q.High = true, least[rank-1], least[low-1], most[high-1]
	q.AtLeast = most[rank-1] != least[rank-1] || math.IsInf(q.High, 1)
	return q
}

// quantileRanks returns the ranks, from 1, of the samples between which the quantile
// lies with enough confidence: the closest such pair. Of n samples B lie below the
// quantile, B binomial; it is between the ranks j and k if j <= B < k. So counts
// are taken, the likeliest first, until they are likely enough together.
func quantileRanks(n int, at float64) (low, high int, enough bool) {
	if n < 2 || at <= 0 || at >= 1 {
		return 0, 0, false
	}
	mode := min(max(int(float64(n+1)*at), 1), n-1)
	low, high = mode, mode // the counts taken so far
	total := binomial(n, mode, at)
	for total < Confidence {
		below, above := 0.0, 0.0
		if low > 1 {
			below = binomial(n, low-1, at)
		}
		if high < n-1 {
			above = binomial(n, high+1, at)
		}
		switch {
		case low <= 1 && high >= n-1:
			return 0, 0, false
		case above > below || low <= 1:
			high++
			total += above
		default:
			low--
			total += below
		}
	}
	return low, high + 1, true
}

func binomial(n, k int, p float64) float64 {
	gamma := func(x int) float64 {
		v, _ := math.Lgamma(float64(x + 1))
		return v
	}
	return math.Exp(gamma(n) - gamma(k) - gamma(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// samplesNeeded is the smallest number of samples that gives an interval: it spans
// them all, and misses with probability at^n + (1-at)^n.
func samplesNeeded(at float64) int {
	if at <= 0 || at >= 1 {
		return 0
	}
	for n := 2; ; n++ {
		if math.Pow(at, float64(n))+math.Pow(1-at, float64(n)) <= 1-Confidence {
			return n
		}
	}
}

// Text writes the estimate for a person, with a unit: "1.2 s (95 % interval 0.8 to
// 2.1 s, 72 samples)", or that there are too few samples.
func (q Quantile) Text(unit string) string {
	if !q.Known {
		return fmt.Sprintf("unknown (%s: an interval needs %d)", plural(q.Samples, "sample"), q.Needed)
	}
	least := ""
	if q.AtLeast {
		least = "at least "
	}
	interval := fmt.Sprintf("%.3g to %.3g %s", q.Low, q.High, unit)
	if math.IsInf(q.High, 1) {
		interval = fmt.Sprintf("from %.3g %s on", q.Low, unit)
	}
	return fmt.Sprintf("%s%.3g %s (%.0f %% interval %s, %s)", least, q.Value, unit, 100*Confidence, interval, plural(q.Samples, "sample"))
}

// figures adds what is known. An infinite end is left out: JSON has none.
func (q Quantile) figures(figures map[string]float64, name, unit string) {
	if !q.Known {
		return
	}
	figures[name+unit], figures[name+"_low"+unit] = q.Value, q.Low
	if !math.IsInf(q.High, 1) {
		figures[name+"_high"+unit] = q.High
	}
}
