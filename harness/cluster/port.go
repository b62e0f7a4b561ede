package cluster

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/link"
)

// Declares says what is wrong with the port of an effect: nothing where it has none
// or is one that the system declares. On a port that nobody uses a fault would do
// nothing.
func Declares(ports []Port, effect link.Effect) error {
	used := func(p Port) bool { return p.Number == int(effect.Port) }
	if effect.Port == 0 || slices.ContainsFunc(ports, used) {
		return nil
	}
	var list []string
	for _, p := range ports {
		list = append(list, fmt.Sprintf("%s %d", p.Name, p.Number))
	}
	return fmt.Errorf("%s on port %d does not apply: the system declares %v", effect.Action, effect.Port, list)
}
