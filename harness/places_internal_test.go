package harness

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlacesAreAtLeastOneAndAsTold(t *testing.T) {
	t.Setenv(EnvPlaces, "")
	places, err := Places()
	require.NoError(t, err)
	require.GreaterOrEqual(t, places, 1)

	t.Setenv(EnvPlaces, "7")
	places, err = Places()
	require.NoError(t, err)
	require.Equal(t, 7, places)

	for _, wrong := range []string{"0", "-1", "many"} {
		t.Setenv(EnvPlaces, wrong)
		_, err = Places()
		require.ErrorAs(t, err, new(UsageError))
		require.ErrorContains(t, err, wrong)
	}
}

func TestFreeMemoryIsWhatIsAvailable(t *testing.T) {
	free, known := availableMemory(strings.NewReader("MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n"))
	require.True(t, known)
	require.EqualValues(t, 20000000<<10, free)
	_, known = availableMemory(strings.NewReader("MemTotal: 1 kB\n"))
	require.False(t, known)
	_, known = availableMemory(strings.NewReader("MemAvailable: much kB\n"))
	require.False(t, known)
}
