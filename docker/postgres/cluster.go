package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// ClientPort is the name of the port, 5432.
const ClientPort = "client"

const (
	clientNumber = 5432
	version      = "15"
)

// The isolation levels, from the weakest. PostgreSQL gives read uncommitted what
// it gives read committed.
const (
	ReadUncommitted = "read-uncommitted"
	ReadCommitted   = "read-committed"
	RepeatableRead  = "repeatable-read"
	Serializable    = "serializable"
)

// Levels lists the isolation levels, from the weakest.
func Levels() []string {
	return []string{ReadUncommitted, ReadCommitted, RepeatableRead, Serializable}
}

// Cluster is one server.
type Cluster struct {
	// Level is the isolation level of every transaction; see [Levels]. Default
	// read-committed, which is PostgreSQL's own.
	Level string `json:"level,omitempty"`
	// Settings are lines of postgresql.conf by their names, for instance
	// "fsync": "off" or "max_connections": "14". What is not there is
	// PostgreSQL's default.
	Settings map[string]string `json:"settings,omitempty"`
	// AppendInTwo makes an append to a list, in a transaction, a read of the list
	// and a write of the longer one, as an application does that keeps lists in a
	// column. Default: one statement, which no isolation level can lose.
	AppendInTwo bool `json:"append_in_two,omitempty"`
}

var (
	_ cluster.PodSystem           = Cluster{}
	_ cluster.Viewer              = Cluster{}
	_ workloads.TransactionOpener = Cluster{}
	_ workloads.AppendOpener      = Cluster{}
)

func (c Cluster) withDefaults() Cluster {
	if c.Level == "" {
		c.Level = ReadCommitted
	}
	return c
}

// SystemName is "postgres".
func (Cluster) SystemName() string { return "postgres" }

// SystemVersion is the major version of Debian 12's package. Which minor version a
// run had is in the first line of the node's log, and in what [Cluster.Seen] says.
func (Cluster) SystemVersion() string { return version }

// settingName is what PostgreSQL takes for the name of a setting: a word, or two
// with a dot where an extension has it.
var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)

// reserved are settings that the harness needs as they are.
var reserved = []string{"port", "listen_addresses", "data_directory", "config_file", "hba_file", "default_transaction_isolation"}

// Validate names what is wrong with the parameters. Whether a setting exists and
// its value is sound only the server knows: it does not start, and its log says why.
func (c Cluster) Validate() error {
	c = c.withDefaults()
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf("postgres: "+format, args...)) }
	if !slices.Contains(Levels(), c.Level) {
		say("Level %q is none of %s", c.Level, strings.Join(Levels(), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		switch value := c.Settings[name]; {
		case !settingName.MatchString(name):
			say("the setting %q has a name that is none: want for instance max_connections", name)
		case slices.Contains(reserved, name):
			say("the setting %s is the harness's own", name)
		case strings.ContainsAny(value, "\x00\n"):
			say("the setting %s has a line break in its value %q", name, value)
		}
	}
	return errors.Join(wrong...)
}

// NodeNames is n1.
func (Cluster) NodeNames() []string { return []string{"n1"} }

// Ports is 5432.
func (Cluster) Ports() []cluster.Port {
	return []cluster.Port{{Name: ClientPort, Number: clientNumber}}
}

//go:embed image
var image embed.FS

// Image builds the image from Debian's package.
func (Cluster) Image(ctx context.Context, builder cluster.ImageBuilder) (string, error) {
	files, err := cluster.Recipe(image, "image")
	if err != nil {
		return "", fmt.Errorf("postgres: %w", err)
	}
	tag, err := builder.FromDockerfile(ctx, "postgres", files)
	if err != nil {
		return "", fmt.Errorf("postgres: make the image: %w", err)
	}
	return tag, nil
}

// PodCommand starts the server, as the user who owns the data.
func (c Cluster) PodCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	if !slices.Contains(c.NodeNames(), node) {
		return cluster.Command{}, fmt.Errorf("postgres: there is no node %q: the nodes are %s", node, strings.Join(c.NodeNames(), ", "))
	}
	args := []string{"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
		"/usr/lib/postgresql/15/bin/postgres", "-D", at.DataDir(node),
		"-c", "listen_addresses=*", "-c", "port=" + strconv.Itoa(clientNumber)}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		args = append(args, "-c", name+"="+c.Settings[name])
	}
	return cluster.Command{Args: args}, nil
}

// Ready asks the server to write: one that recovers after a crash refuses to.
func (Cluster) Ready(ctx context.Context, session link.Session) error {
	c, err := connect(ctx, session)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.ask(ctx, "INSERT INTO ready VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET asked = ready.asked + 1", text(session.Node))
	if err != nil {
		return fmt.Errorf("postgres at %s is not ready: %w", session.Node, err)
	}
	return nil
}

// Seen implements [cluster.Viewer]: the server's version, whether it recovers, and
// the transactions that are open.
func (Cluster) Seen(ctx context.Context, session link.Session) (string, error) {
	c, err := connect(ctx, session)
	if err != nil {
		return "", err
	}
	defer c.close()
	rows, err := c.ask(ctx, `SELECT current_setting('server_version'), pg_is_in_recovery(),
		(SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()),
		(SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock')`)
	if err != nil {
		return "", err
	}
	row := rows[0]
	role := "primary"
	if row[1] == "t" {
		role = "in recovery"
	}
	return fmt.Sprintf("PostgreSQL %s, %s, %s transactions open, %s waiting for a lock", row[0], role, row[2], row[3]), nil
}
