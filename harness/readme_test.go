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

// The system and the fault that CONTRIBUTING shows are those that are compiled and run here.
func TestTheExamplesOfContributingAreThoseThatRun(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	require.NoError(t, err)
	for _, example := range []struct {
		heading, file string
		lines         int
	}{
		{"## Add a system, in 80 lines", "example_system_test.go", 80},
		{"## Add a fault, in 30 lines", "example_fault_test.go", 30},
	} {
		found := regexp.MustCompile("(?s)" + example.heading + ".*?```go\n(.*?)```").FindStringSubmatch(string(text))
		require.NotNil(t, found, example.heading)
		require.LessOrEqual(t, strings.Count(found[1], "\n"), example.lines)
		code, err := os.ReadFile(example.file)
		require.NoError(t, err)
		require.Contains(t, string(code), found[1])
	}
}
