package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALogIsCapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := openLog(path, 10)
	require.NoError(t, err)
	for range 5 {
		n, err := log.Write([]byte("0123456"))
		require.NoError(t, err)
		require.Equal(t, 7, n, "a program must not fail to write because we keep no more")
	}
	require.Equal(t, strings.Repeat("0123456", 5), log.tail())
	require.NoError(t, log.close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Regexp(t, `^0123456012\n\[seatrial keeps 10 bytes.*\]\n$`, string(text))
}
