package checkers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/checkers/model"
)

// ModelOptions are what a model needs to be told that a history does not say.
type ModelOptions struct {
	// Total is what all balances of a bank sum up to; nil asks only that all reads agree.
	Total *int64
	// Negative allows a bank's balances to be negative.
	Negative bool
	// Group is how many keys a group of a long fork has; 0 is as many as a read covers.
	Group int
}

// jepsens are the models that are judged as Jepsen's checkers of these names do.
var jepsens = []struct {
	name string
	make func(o ModelOptions) Checker
}{
	{"set", func(ModelOptions) Checker { return Set{} }},
	{"set-full", func(ModelOptions) Checker { return SetFull{Jepsen: true} }},
	{"total-queue", func(ModelOptions) Checker { return TotalQueue{} }},
	{"counter", func(ModelOptions) Checker { return CounterBounds{} }},
	{"unique-ids", func(ModelOptions) Checker { return UniqueIDs{} }},
	{"bank", func(o ModelOptions) Checker {
		return Bank{Total: o.Total, Negative: o.Negative}
	}},
	{"long-fork", func(o ModelOptions) Checker { return LongFork{Group: o.Group} }},
	{"causal-reverse", func(ModelOptions) Checker { return CausalReverse{} }},
}

// Models lists the names that [ForModel] knows: those that are judged for
// linearizability, as [model.Names] has them, and those of Jepsen's checkers.
func Models() []string {
	names := model.Names()
	for _, j := range jepsens {
		names = append(names, j.name)
	}
	return names
}

// HasModel reports whether [ForModel] knows a name.
func HasModel(name string) bool { return slices.Contains(Models(), name) }

// ForModel returns the checker of a history by the name of its model, which is one
// of [Models].
func ForModel(name string, o ModelOptions) (All, error) {
	if m, found := model.ByName(name); found {
		return All{Linearizable{Model: m}}, nil
	}
	for _, j := range jepsens {
		if j.name == name {
			return All{j.make(o)}, nil
		}
	}
	return nil, fmt.Errorf("there is no model %q: there are %s", name, strings.Join(Models(), ", "))
}
