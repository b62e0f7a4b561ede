package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/conformance/internal/sight"
	"github.com/seatrial/seatrial/harness/link"
)

// scene is a picture before a fault and one in it, and the nodes that it fell on.
type scene struct {
	before, during *picture
	on             []string
	runtime        string
}

// others are the nodes that the fault did not fall on.
func (s scene) others() (rest []string) {
	for _, node := range (lookouts{}).NodeNames() {
		if !slices.Contains(s.on, node) {
			rest = append(rest, node)
		}
	}
	return rest
}

// pairs are a node on the target's side and one on the other.
func (s scene) pairs() (pairs [][2]string) {
	for _, a := range s.on {
		for _, b := range s.others() {
			pairs = append(pairs, [2]string{a, b})
		}
	}
	return pairs
}

// every wants something of each pair, both ways.
func (s scene) every(what string, is func(sight.Peer, []int) bool) error {
	for _, p := range s.pairs() {
		for _, way := range [][2]string{p, {p[1], p[0]}} {
			if err := s.one(way[0], way[1], what, is); err != nil {
				return err
			}
		}
	}
	return nil
}

// one wants something of one node's look at another.
func (s scene) one(from, to, what string, is func(sight.Peer, []int) bool) error {
	seen := s.during.nodes[from]
	if seen == nil {
		return fmt.Errorf("%s does not answer, so nothing is known of its link to %s", from, to)
	}
	came := s.during.datagrams[link.Flow{From: link.End(from), To: link.End(to)}]
	if !is(seen.Peers[to], came) {
		return fmt.Errorf("%s > %s is not %s: %+v, %d datagrams came", from, to, what, seen.Peers[to], len(came))
	}
	return nil
}

// some wants something of one look of any at least.
func (s scene) some(what string, is func(sight.Peer, []int) bool) error {
	var last error
	for _, p := range s.pairs() {
		for _, way := range [][2]string{p, {p[1], p[0]}} {
			if last = s.one(way[0], way[1], what, is); last == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("nowhere: %w", last)
}

// silent wants nodes that do not answer because their programs do not run.
func (s scene) silent(state cluster.State) error {
	for _, node := range s.on {
		if s.during.nodes[node] != nil || s.during.lives[node] != state {
			return fmt.Errorf("%s is %s, and answers: %v", node, s.during.lives[node], s.during.nodes[node] != nil)
		}
	}
	return nil
}

// again wants nodes whose programs were started anew.
func (s scene) again() error {
	for _, node := range s.on {
		now, before := s.during.nodes[node], s.before.nodes[node]
		if now != nil && now.Life == before.Life {
			return fmt.Errorf("%s lives the same life as before", node)
		}
	}
	return nil
}

// limited wants nodes whose control group has another limit than before.
func (s scene) limited(what string) error {
	for _, node := range s.on {
		if now := s.during.nodes[node]; now == nil || now.Limit[what] == s.before.nodes[node].Limit[what] {
			return fmt.Errorf("the %s limit of %s is what it was: %+v", what, node, now)
		}
	}
	return nil
}

func dead(p sight.Peer, came []int) bool {
	return p.Dial.End == sight.Timeout && p.Kept.End != sight.OK && len(came) == 0
}

// sees says for every fault, by its name, what the lookouts must see of it. A fault
// that is not here has no place in the list of faults.
var sees = map[string]func(scene) error{
	"black-hole": func(s scene) error {
		if s.runtime == "process" { // streams are held: what dials is accepted and stays silent
			return s.every("dead", func(p sight.Peer, _ []int) bool {
				return p.Dial.End == sight.Timeout && p.Kept.End != sight.OK
			})
		}
		return s.every("dead", dead)
	},
	"only": func(s scene) error { // the example is a black hole of what the leader sends
		for _, p := range s.pairs() {
			if err := s.one(p[1], p[0], "open to datagrams", func(_ sight.Peer, came []int) bool {
				return s.runtime == "process" || len(came) == datagrams
			}); err != nil {
				return err
			}
			if err := s.one(p[0], p[1], "dead", func(p sight.Peer, came []int) bool {
				return p.Dial.End == sight.Timeout && len(came) == 0
			}); err != nil {
				return err
			}
		}
		return nil
	},
	"reset": func(s scene) error {
		return s.every("refused", func(p sight.Peer, came []int) bool {
			return (p.Dial.End == sight.Refused || p.Dial.End == sight.Reset) && p.Kept.End != sight.OK && len(came) == 0
		})
	},
	"hold": func(s scene) error {
		return s.every("silent", func(p sight.Peer, _ []int) bool { return p.Dial.End == sight.Timeout && p.Kept.End != sight.OK })
	},
	"break": func(s scene) error {
		return s.some("broken and then open", func(p sight.Peer, _ []int) bool { return p.Kept.End == sight.Reset && p.Dial.End == sight.OK })
	},
	"latency": func(s scene) error {
		return s.every("slow", func(p sight.Peer, _ []int) bool {
			return p.Kept.End == sight.Timeout || p.Kept.Took > 30*time.Millisecond
		})
	},
	"regions": func(s scene) error {
		slow := 0
		for _, seen := range s.during.nodes {
			for _, p := range seen.Peers {
				if p.Kept.Took > 30*time.Millisecond {
					slow++
				}
			}
		}
		if slow < 4 {
			return fmt.Errorf("%d looks between regions took long", slow)
		}
		return nil
	},
	"bandwidth": func(s scene) error {
		return s.every("narrow", func(p sight.Peer, _ []int) bool { return p.Bulk.End == sight.Timeout })
	},
	"slow-close": func(s scene) error {
		return s.every("slow to close", func(p sight.Peer, _ []int) bool {
			return p.Close.End == sight.Timeout || p.Close.Took > 400*time.Millisecond
		})
	},
	"slice": func(s scene) error {
		return s.every("sliced", func(p sight.Peer, _ []int) bool {
			return p.Bulk.End == sight.Timeout || p.Bulk.Took > 500*time.Millisecond
		})
	},
	"byte-limit": func(s scene) error {
		return s.every("cut short", func(p sight.Peer, _ []int) bool { return p.Bulk.End == sight.Reset })
	},
	"loss":    func(s scene) error { return s.some("lossy", fewer) },
	"corrupt": func(s scene) error { return s.some("lossy", fewer) },
	"reorder": func(s scene) error {
		return s.some("out of order", func(_ sight.Peer, came []int) bool { return !slices.IsSorted(came) })
	},
	"duplicate": func(s scene) error {
		return s.some("doubled", func(_ sight.Peer, came []int) bool { return len(came) > datagrams })
	},
	"names-fail": func(s scene) error {
		return s.names(func(before, now sight.Name) bool { return now.End != before.End })
	},
	"names-wrong": func(s scene) error { return s.names(func(_, now sight.Name) bool { return len(now.Addresses) > 0 }) },
	"names-slow": func(s scene) error {
		return s.names(func(_, now sight.Name) bool { return now.Took > 100*time.Millisecond })
	},
	"kill":              func(s scene) error { return s.silent(cluster.Stopped) },
	"stop":              func(s scene) error { return s.silent(cluster.Stopped) },
	"pause":             func(s scene) error { return s.silent(cluster.Paused) },
	"kill-after":        func(s scene) error { return s.silent(cluster.Stopped) },
	"out-of-memory":     func(s scene) error { return s.silent(cluster.Stopped) },
	"restart":           scene.again,
	"crash-loop":        scene.again,
	"kill-during-start": scene.again,
	"cpu-quota":         func(s scene) error { return s.limited("cpu") },
	"cpu-noise":         scene.noisy,
	"memory-limit": func(s scene) error { // the kernel takes pages away, or where there are none it kills
		if s.silent(cluster.Stopped) == nil {
			return nil
		}
		return s.limited("memory")
	},
	"power-loss": func(s scene) error { return s.silent(cluster.Stopped) },
	"disk-error": func(s scene) error {
		return s.syncs("failing", func(l sight.Look) bool { return strings.Contains(l.End, "input/output error") })
	},
	"slow-disk": func(s scene) error {
		return s.syncs("slow", func(l sight.Look) bool { return l.Took >= 100*time.Millisecond })
	},
	"process-limit": func(s scene) error { return s.limited("pids") },
}

func fewer(_ sight.Peer, came []int) bool { return len(came) < datagrams }

// names wants something of every name that the targets asked for.
func (s scene) names(is func(before, now sight.Name) bool) error {
	for _, node := range s.on {
		seen := s.during.nodes[node]
		if seen == nil {
			return fmt.Errorf("%s does not answer", node)
		}
		for name, now := range seen.Names {
			if !is(s.before.nodes[node].Names[name], now) {
				return fmt.Errorf("%s is told of %s: %+v", node, name, now)
			}
		}
	}
	return nil
}

// syncs wants something of every target's fsync.
func (s scene) syncs(what string, is func(sight.Look) bool) error {
	for _, node := range s.on {
		if now := s.during.nodes[node]; now == nil || !is(now.Work.Fsync) {
			return fmt.Errorf("the fsync of %s is not %s: %+v", node, what, now)
		}
	}
	return nil
}

// noisy wants a node that got less of a processor than it asked for.
func (s scene) noisy() error {
	var saw []string
	for _, node := range s.on {
		seen := s.during.nodes[node]
		if seen == nil || seen.Work.Wall > seen.Work.CPU*3/2 {
			return nil
		}
		saw = append(saw, fmt.Sprintf("%s: %+v", node, *seen.Work))
	}
	return fmt.Errorf("nobody was disturbed: %s", strings.Join(saw, ", "))
}
