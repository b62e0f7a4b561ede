package pod

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// ryukImage is what testcontainers-go v0.44.0 would start as its reaper.
const ryukImage = "testcontainers/ryuk:0.14.0"

const envRyukDisabled = "TESTCONTAINERS_RYUK_DISABLED"

// pingTimeout bounds the question whether there is an engine at all.
const pingTimeout = 5 * time.Second

// Testcontainers writes a dozen lines about the engine to stderr once per
// process, which would open the output of every failed test. Everything else
// that it says passes. In init, because its logger is a plain variable: replaced
// later, that would be a data race with a user's own testcontainers.
func init() { tclog.SetDefault(withoutBanner{tclog.Default()}) }

type withoutBanner struct{ tclog.Logger }

// Printf forwards everything but the banner.
func (w withoutBanner) Printf(format string, v ...any) {
	if strings.Contains(format, "Connected to docker") {
		return
	}
	w.Logger.Printf(format, v...)
}

var settleRyuk sync.Once

// connect gives a client of the engine that testcontainers finds.
func connect(ctx context.Context) (*testcontainers.DockerClient, error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	settleRyuk.Do(func() { decideRyuk(ctx) })
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, noEngine(ctx, err)
	}
	return docker, nil
}

// noEngine says why there is no engine. Testcontainers looks in many places and
// tells of the last; what a user can mend is what the first one says.
func noEngine(ctx context.Context, err error) error {
	if docker, plainErr := client.New(client.FromEnv); plainErr != nil {
		err = plainErr
	} else {
		defer docker.Close()
		if _, pingErr := docker.Ping(ctx, client.PingOptions{}); pingErr != nil {
			err = pingErr
		}
	}
	return fmt.Errorf("no Docker engine answers (%w): start one, set DOCKER_HOST, or use the process runtime", brief(err))
}

// decideRyuk turns testcontainers' reaper off unless it can work here. It must
// come before testcontainers reads its configuration, which it does once.
func decideRyuk(ctx context.Context) {
	if value, ok := os.LookupEnv(envRyukDisabled); ok {
		// Only the word "true" disables it; a user who wrote "1" meant that too.
		if off, err := strconv.ParseBool(value); err == nil && off {
			os.Setenv(envRyukDisabled, "true")
		}
		return
	}
	if !ryukWorks(ctx) {
		os.Setenv(envRyukDisabled, "true")
	}
}

// ryukWorks says whether the reaper's image is there, and whether testcontainers
// will look for its port where it is: within a container it takes the default
// gateway for the host, which is wrong where the engine runs beside us.
func ryukWorks(ctx context.Context) bool {
	if inContainer() && os.Getenv(envHostOverride) == "" {
		return false
	}
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return false
	}
	defer docker.Close()
	_, err = docker.ImageInspect(ctx, ryukImage)
	return err == nil
}

func inContainer() bool {
	_, err := os.Stat("/.dockerenv")
	return err == nil
}

// available asks the engine whether it can run pods.
func available(ctx context.Context) error {
	docker, err := connect(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	ping, err := docker.Ping(ctx, client.PingOptions{})
	if err != nil {
		return noEngine(ctx, err)
	}
	if ping.OSType != "linux" {
		return fmt.Errorf("the Docker engine runs %s containers: switch it to Linux containers", ping.OSType)
	}
	if olderAPI(ping.APIVersion, client.MinAPIVersion) {
		return fmt.Errorf("the Docker engine speaks API %s, and %s is needed: use Docker 19.03 or newer", ping.APIVersion, client.MinAPIVersion)
	}
	return nil
}

// olderAPI compares two versions like 1.41; an unknown one is not older.
func olderAPI(version, least string) bool {
	parse := func(s string) (major, minor int, ok bool) {
		a, b, found := strings.Cut(s, ".")
		major, err := strconv.Atoi(a)
		minor, err2 := strconv.Atoi(b)
		return major, minor, found && err == nil && err2 == nil
	}
	major, minor, ok := parse(version)
	leastMajor, leastMinor, _ := parse(least)
	return ok && (major < leastMajor || major == leastMajor && minor < leastMinor)
}

// brief keeps the first line of an error.
func brief(err error) error {
	if first, _, more := strings.Cut(err.Error(), "\n"); more {
		return errors.New(first)
	}
	return err
}

// engineHost is the host of the engine where it is reached over the network.
func engineHost(docker *testcontainers.DockerClient) string {
	u, err := url.Parse(docker.DaemonHost())
	if err != nil || u.Scheme == "unix" || u.Scheme == "npipe" {
		return ""
	}
	return u.Hostname()
}

// gone says that a container or network is not there, or is being removed by
// somebody else: for removal either is as good as done.
func gone(err error) bool {
	return errdefs.IsNotFound(err) || errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress")
}
