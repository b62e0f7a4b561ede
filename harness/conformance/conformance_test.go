package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingIsSeenWithoutAFault(t *testing.T) {
	for runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			w := newWorld(t, runtime)
			for range 3 {
				p := w.look(t)
				require.NoError(t, p.whole(runtime))
				t.Logf("%+v", p.nodes["n1"])
			}
		})
	}
}
