package harness_test

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheReadmeIsWhole(t *testing.T) {
	text := readme(t)
	require.NotRegexp(t, regexp.MustCompile(`(?m)^[A-Z]{6,}$`), text, "a placeholder was left")
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		require.FileExists(t, filepath.Join("..", link[1]))
	}
}
