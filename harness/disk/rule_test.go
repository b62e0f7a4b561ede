package disk_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/disk"
)

func TestRulesThatMakeSense(t *testing.T) {
	for _, r := range []disk.Rule{
		{Action: disk.Fail, Error: "EIO"}, {Action: disk.Fail, Error: "ENOSPC", Ops: []disk.Op{disk.OpWrite, disk.OpCreate}, Path: "wal/**"},
		{Action: disk.Short, Ops: []disk.Op{disk.OpWrite}, Probability: 0.5, Seed: 3}, {Action: disk.Stall, Times: 1},
		{Action: disk.Delay, Latency: time.Second, Ops: disk.Ops()}, {Action: disk.Throttle, BytesPerSecond: 1},
	} {
		require.NoError(t, r.Validate(), "%+v", r)
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var back disk.Rule
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, r, back, "%s", text)
	}
}

// The error names the parameter, so that its reader knows what to write.
func TestRulesThatMakeNone(t *testing.T) {
	for _, c := range []struct {
		rule disk.Rule
		says string
	}{
		{disk.Rule{}, "unknown action"},
		{disk.Rule{Action: "break"}, "break"},
		{disk.Rule{Action: disk.Fail}, "error"},
		{disk.Rule{Action: disk.Fail, Error: "EPIPE"}, "EPIPE"},
		{disk.Rule{Action: disk.Stall, Error: "EIO"}, "error"},
		{disk.Rule{Action: disk.Delay}, "latency"},
		{disk.Rule{Action: disk.Delay, Latency: -1}, "below zero"},
		{disk.Rule{Action: disk.Fail, Error: "EIO", Latency: 1}, "latency"},
		{disk.Rule{Action: disk.Throttle}, "bytes_per_second"},
		{disk.Rule{Action: disk.Throttle, BytesPerSecond: 1, Ops: []disk.Op{disk.OpFsync}}, "fsync"},
		{disk.Rule{Action: disk.Short, Ops: []disk.Op{disk.OpRead}}, "read"},
		{disk.Rule{Action: disk.Stall, Ops: []disk.Op{"flush"}}, "flush"},
		{disk.Rule{Action: disk.Stall, Probability: 1.5}, "from 0 to 1"},
		{disk.Rule{Action: disk.Stall, Times: -1}, "below zero"},
		{disk.Rule{Action: disk.Stall, Path: "/data/x"}, "relative"},
	} {
		require.ErrorContains(t, c.rule.Validate(), c.says, "%+v", c.rule)
	}
}

func TestWhatARuleIsAbout(t *testing.T) {
	require.True(t, disk.Rule{Action: disk.Fail, Error: "EIO"}.About(disk.OpRead))
	require.False(t, disk.Rule{Action: disk.Fail, Error: "ENOSPC"}.About(disk.OpRead), "a full disk can be read")
	require.False(t, disk.Rule{Action: disk.Fail, Error: "EROFS"}.About(disk.OpOpen))
	require.True(t, disk.Rule{Action: disk.Fail, Error: "EROFS"}.About(disk.OpRename))
	require.False(t, disk.Rule{Action: disk.Throttle, BytesPerSecond: 1}.About(disk.OpFsync))
	require.True(t, disk.Rule{Action: disk.Stall}.About(disk.OpFsync))
	require.False(t, disk.Rule{Action: disk.Stall, Ops: []disk.Op{disk.OpRead}}.About(disk.OpFsync))
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		matches       bool
	}{
		{"", "a/b", true}, {"", "", true},
		{"*", "a", true}, {"*", "a/b", true}, {"b", "a/b", true}, {"a", "a/b", false},
		{"a/*", "a/b", true}, {"a/*", "a/b/c", false}, {"a/**", "a/b/c", true}, {"a/**", "ab/c", false},
		{"**/c", "c", true}, {"**/c", "a/b/c", true}, {"**/c", "a/bc", false},
		{"a/**/c", "a/c", true}, {"a/**/c", "a/x/y/c", true}, {"pg_wal/0?", "pg_wal/01", true}, {"pg_wal/0?", "pg_wal/0/", false},
		{"a.b", "axb", false}, {"(a+", "(a+", true}, {"ä*", "dir/ä\nx", true},
	} {
		rule := disk.Rule{Action: disk.Stall, Path: c.pattern}
		require.NoError(t, rule.Validate(), c.pattern)
		require.Equal(t, c.matches, rule.Matcher().Match(c.path), "%q %q", c.pattern, c.path)
	}
}

// No pattern makes compiling or matching fail.
func FuzzPatterns(f *testing.F) {
	f.Add("a/**/?*", "a/b")
	f.Add("**", "")
	f.Add("[", "\xff")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		rule := disk.Rule{Action: disk.Stall, Path: pattern}
		if rule.Validate() == nil {
			rule.Matcher().Match(path)
		}
	})
}
