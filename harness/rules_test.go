package harness_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/seatrial/seatrial/"

// rule says what a folder's packages may import beside the standard library,
// not counting their tests. A path of this module is relative to its root.
type rule struct {
	folder string
	may    []string
}

// The order matters: the first folder that a package lies in decides.
var rules = []rule{
	{"harness/history/edn", []string{"harness/history"}},
	{"harness/history", nil},
	{"harness/named", nil},
	{"harness/link/stream", []string{"harness/link", "github.com/Shopify/toxiproxy/v2", "github.com/rs/zerolog", "github.com/prometheus/client_golang", "golang.org/x/sys"}},
	{"harness/link", []string{"harness/link"}},
	{"harness/disk/layer", []string{"harness/disk", "github.com/hanwen/go-fuse/v2", "golang.org/x/sys"}},
	{"harness/disk", []string{"harness/link"}},
	{"checkers", []string{"checkers", "harness/history", "github.com/anishathalye/porcupine"}},
	{"workloads", []string{"harness/history", "harness/link"}},
	{"harness/cluster/build", []string{"harness/cluster", "golang.org/x/sys"}},
	{"harness/cluster/pod/podtest", []string{"harness/cluster", "github.com/stretchr/testify"}},
	{"harness/cluster/pod", []string{"harness/cluster", "harness/disk", "harness/link", "github.com/testcontainers/testcontainers-go", "github.com/moby/moby", "github.com/containerd/errdefs", "golang.org/x/sys"}},
	{"harness/cluster/process", []string{"harness/cluster", "harness/link", "golang.org/x/sys"}},
	{"harness/cluster", []string{"harness/disk", "harness/link"}},
	{"harness/fault", []string{"harness/cluster", "harness/disk", "harness/link", "harness/history", "harness/named"}},
	{"harness/script", []string{"harness/fault", "harness/cluster", "harness/link", "harness/history", "harness/named", "workloads"}},
	{"results", []string{"harness/history", "checkers"}},
	{"docker/agent", []string{"github.com/mdlayher/netlink", "harness/link", "github.com/google/nftables", "golang.org/x/net/dns/dnsmessage", "golang.org/x/sys"}},
	{"docker/disk", []string{"harness/disk", "harness/link", "golang.org/x/sys"}},
	{"docker/canary", []string{"docker/canary", "harness/cluster", "harness/link", "harness/history", "workloads", "github.com/hashicorp/raft", "github.com/hashicorp/go-hclog", "go.etcd.io/bbolt"}},
	{"docker/redis", []string{"harness/cluster", "harness/link", "harness/history", "workloads", "github.com/redis/go-redis/v9"}},
	{"docker/postgres", []string{"harness/cluster", "harness/link", "harness/history", "workloads", "github.com/jackc/pgx/v5"}},
	{"docker/nats", []string{"harness/cluster", "harness/link", "harness/history", "workloads", "github.com/nats-io/nats.go"}},
	{"docker/etcd", []string{"harness/cluster", "harness/link", "harness/history", "workloads", "go.etcd.io/etcd", "google.golang.org/grpc"}},
}

func TestImportsFollowTheLayout(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").Output()
	require.NoError(t, err)
	packages := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		folder := strings.TrimPrefix(fields[0], module)
		for _, r := range rules {
			if !within(folder, r.folder) {
				continue
			}
			packages++
			for _, path := range fields[1:] {
				require.True(t, allowed(path, r.may), "%s may not import %s", folder, path)
			}
			break
		}
	}
	require.Greater(t, packages, 10, "the rules met too few packages to mean anything")
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func allowed(path string, may []string) bool {
	if !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
		return true // standard library
	}
	path = strings.TrimPrefix(path, module)
	for _, prefix := range may {
		if within(path, prefix) {
			return true
		}
	}
	return false
}

// The core must not know any system: adding one is adding a folder.
func TestTheCoreNamesNoSystem(t *testing.T) {
	names := regexp.MustCompile(`(?i)\b(etcd|redis|postgres|postgresql)\b`)
	comment := regexp.MustCompile(`^\s*//`)
	files := 0
	for _, root := range []string{".", "../checkers"} {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for n, line := range strings.Split(string(text), "\n") {
				if !comment.MatchString(line) && names.MatchString(line) {
					t.Errorf("%s:%d names a system: %s", path, n+1, strings.TrimSpace(line))
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, files, 20)
}
