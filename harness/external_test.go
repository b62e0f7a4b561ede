package harness_test

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/pod/podtest"
)

// The README's first scenario works in a module of the user's own, with the lines
// that the README gives: beside a clone, and with a published version.

func TestTheFirstScenarioWorksBesideAClone(t *testing.T) {
	requireDocker(t)
	user := newUserModule(t)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	lines := readmeLines(t, "go mod edit -require")
	lines[0] = strings.ReplaceAll(lines[0], "../seatrial", root)
	user.run(t, lines)
}

func TestTheFirstScenarioWorksWithAPublishedVersion(t *testing.T) {
	requireDocker(t)
	user := newUserModule(t)
	// A real module zip from a proxy on disk, into a module cache of its own:
	// what is missing from the zip, or can't be built from a read-only cache, shows.
	proxy := publish(t, "v0.1.0")
	cache := strings.TrimSpace(goOutput(t, "env", "GOMODCACHE"))
	user.env = append(user.env,
		"GOMODCACHE="+filepath.Join(user.dir, "..", "modcache"), "GOFLAGS=-modcacherw -trimpath",
		"GONOSUMDB=github.com/seatrial", "GOPROXY=file://"+proxy+",file://"+filepath.Join(cache, "cache", "download")+","+strings.TrimSpace(goOutput(t, "env", "GOPROXY")))
	user.run(t, readmeLines(t, "go get github.com/seatrial"))
}

func requireDocker(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: builds and runs a module of its own")
	}
	podtest.Need(t, pod.Runtime{})
}

type userModule struct {
	dir string
	env []string
}

func newUserModule(t *testing.T) *userModule {
	t.Helper()
	m := &userModule{dir: filepath.Join(t.TempDir(), "mine"), env: os.Environ()}
	require.NoError(t, os.MkdirAll(filepath.Join(m.dir, "chaos"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "go.mod"), []byte("module example.com/mine\n\ngo 1.26.0\n"), 0o644))
	// Shorter than in the README, which is read by people: the same otherwise.
	text := strings.Replace(firstScenario(t), "Duration: 20 * time.Second", "Duration: 6 * time.Second", 1)
	text = strings.Replace(text, "Period: 5 * time.Second", "Period: 2 * time.Second", 1)
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "chaos", "chaos_test.go"), []byte(text), 0o644))
	return m
}

// run runs the lines, the last of which is go test, and looks at what it left.
func (m *userModule) run(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		out := m.shell(t, line)
		if strings.HasPrefix(line, "go test") {
			require.Contains(t, out, "ok  \texample.com/mine/chaos")
			again := m.shell(t, line)
			require.NotContains(t, again, "(cached)", "a chaos test must not pass from the test cache")
		}
	}
	runs := glob(t, filepath.Join(m.dir, "results", "runs"), "*/report.html")
	require.GreaterOrEqual(t, len(runs), 2)
	ignored, err := os.ReadFile(filepath.Join(m.dir, "results", "runs", ".gitignore"))
	require.NoError(t, err)
	require.Equal(t, "*\n", string(ignored))
}

func (m *userModule) shell(t *testing.T, line string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-c", line)
	command.Dir, command.Env = m.dir, m.env
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	return string(out)
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	return string(text)
}

// firstScenario is the Go code of the README.
func firstScenario(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile("(?s)```go\n(package chaos_test.*?)```").FindStringSubmatch(readme(t))
	require.NotNil(t, found, "the README has no scenario")
	return found[1]
}

// readmeLines is the README's block of commands that begins with those words.
func readmeLines(t *testing.T, begin string) []string {
	t.Helper()
	found := regexp.MustCompile("(?s)```sh\n(" + regexp.QuoteMeta(begin) + ".*?)\n```").FindStringSubmatch(readme(t))
	require.NotNil(t, found, "the README has no commands that begin with %q", begin)
	return strings.Split(found[1], "\n")
}

func goOutput(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	require.NoError(t, err)
	return string(out)
}

// publish lays this module out as a module proxy on disk does, and returns its folder.
func publish(t *testing.T, version string) string {
	t.Helper()
	proxy := t.TempDir()
	folder := filepath.Join(proxy, "github.com", "seatrial", "seatrial", "@v")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	gomod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	info := `{"Version":"` + version + `","Time":"` + time.Now().UTC().Format(time.RFC3339) + `"}`
	for name, text := range map[string]string{version + ".info": info, version + ".mod": string(gomod), "list": version + "\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	file, err := os.Create(filepath.Join(folder, version+".zip"))
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	list := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = ".."
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.Lines(string(names)) {
		name = strings.TrimSpace(name)
		text, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		require.NoError(t, err)
		entry, err := archive.Create("github.com/seatrial/seatrial@" + version + "/" + name)
		require.NoError(t, err)
		_, err = entry.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, file.Close())
	return proxy
}
