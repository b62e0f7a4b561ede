package pod

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhereAnAgentIsLookedFor(t *testing.T) {
	pod := netip.MustParseAddr("172.18.0.2")
	for _, one := range []struct {
		name  string
		place place
		want  []string
		bind  string
	}{
		{"the engine runs beside us, in a container or not", place{beside: true, inside: true},
			[]string{"172.18.0.2:7979", "127.0.0.1:32768"}, "127.0.0.1"},
		{"the engine runs in a machine of its own that forwards ports to this one", place{gateway: "10.0.0.1"},
			[]string{"127.0.0.1:32768", "10.0.0.1:32768"}, "127.0.0.1"},
		{"this is a container that was given the engine's socket", place{inside: true, gateway: "172.17.0.1"},
			[]string{"127.0.0.1:32768", "172.17.0.1:32768"}, "0.0.0.0"},
		{"the engine is on another host", place{engine: "docker.example", gateway: "10.0.0.1"},
			[]string{"127.0.0.1:32768", "10.0.0.1:32768", "docker.example:32768"}, "0.0.0.0"},
		{"the user knows", place{override: "gate.example", beside: true},
			[]string{"gate.example:32768", "172.18.0.2:7979", "127.0.0.1:32768"}, "127.0.0.1"},
	} {
		require.Equal(t, one.want, one.place.candidates(pod, "32768"), one.name)
		require.Equal(t, one.bind, one.place.bind().String(), one.name)
	}
}

func TestDefaultGateway(t *testing.T) {
	file := filepath.Join(t.TempDir(), "route")
	// The kernel prints the address as a number of the machine's own byte order.
	gateway := binary.NativeEndian.Uint32([]byte{172, 17, 0, 1})
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "Iface\tDestination\tGateway \tFlags\n"+
		"eth0\t000011AC\t00000000\t0001\neth0\t00000000\t%08X\t0003\n", gateway), 0o600))
	require.Equal(t, "172.17.0.1", defaultGateway(file))
	require.Empty(t, defaultGateway(filepath.Join(t.TempDir(), "none")))
	require.NoError(t, os.WriteFile(file, []byte("Iface\tDestination\tGateway\neth0\t00000000\tnonsense\n"), 0o600))
	require.Empty(t, defaultGateway(file))
}

func TestOwnAddress(t *testing.T) {
	require.True(t, ownAddress(netip.MustParseAddr("127.0.0.1")))
	require.False(t, ownAddress(netip.MustParseAddr("192.0.2.1")))
	require.False(t, ownAddress(netip.Addr{}))
}

func TestAPIVersions(t *testing.T) {
	require.True(t, olderAPI("1.39", "1.40"))
	require.False(t, olderAPI("1.41", "1.40"))
	require.False(t, olderAPI("2.0", "1.40"))
	require.False(t, olderAPI("", "1.40"), "unknown is not old")
}

func TestRyukIsSwitchedOffUnlessTheUserDecided(t *testing.T) {
	for _, one := range []struct{ user, want string }{{"1", "true"}, {"true", "true"}, {"false", "false"}, {"0", "0"}} {
		t.Setenv(envRyukDisabled, one.user)
		decideRyuk(t.Context())
		require.Equal(t, one.want, os.Getenv(envRyukDisabled), one.user)
	}
	require.NoError(t, os.Unsetenv(envRyukDisabled)) // t.Setenv puts it back
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "no-engine"))
	decideRyuk(t.Context())
	require.Equal(t, "true", os.Getenv(envRyukDisabled), "an engine that can't be asked has no image")
}
