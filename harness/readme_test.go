package harness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// The system that CONTRIBUTING shows is the one that is compiled and run here.
func TestTheSystemOfContributingIsTheOneThatRuns(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)## Add a system, in 80 lines.*?```go\n(.*?)```").FindStringSubmatch(string(text))
	require.NotNil(t, found)
	require.LessOrEqual(t, strings.Count(found[1], "\n"), 80)
	code, err := os.ReadFile("example_system_test.go")
	require.NoError(t, err)
	require.Contains(t, string(code), found[1])
}
