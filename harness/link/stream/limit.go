package stream

import "github.com/seatrial/seatrial/harness/link"

func limits(a link.Action) bool { return a == link.Limit }

// allowed is how many of so many bytes may pass, and the limit that they reach,
// after which the connection is reset. What passed before a limit was applied is
// not held against the connection.
func (l *lane) allowed(bytes int) (pass int, reached *effect) {
	pass = bytes
	t := l.cell.table.Load()
	for _, e := range t.effects {
		if limits(e.Action) && e.LimitBytes-l.sent[e] <= int64(pass) {
			pass, reached = int(e.LimitBytes-l.sent[e]), e
		}
	}
	for _, e := range t.effects {
		if limits(e.Action) {
			if l.sent == nil {
				l.sent = map[*effect]int64{}
			}
			l.sent[e] += int64(pass)
		}
	}
	if reached != nil && !l.silent {
		reached.count(int(reached.LimitBytes))
	}
	return pass, reached
}
