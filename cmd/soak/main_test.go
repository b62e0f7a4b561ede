package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two items of one name would share the runs that are kept.
func TestItemsAreValidAndNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, it := range items() {
		require.False(t, seen[it.name], "two items are called %s", it.name)
		seen[it.name] = true
		if it.test == nil {
			require.NoError(t, it.scenario.Validate(), it.name)
			require.LessOrEqual(t, it.need, it.runs, it.name)
		}
	}
}
