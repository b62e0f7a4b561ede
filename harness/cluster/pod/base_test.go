package pod

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
)

// testBase is made and removed here, so that nobody's Debian is.
const testBase = "seatrial/test-base:made"

// fakeBootstrap puts a shell script in mmdebstrap's place.
func fakeBootstrap(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, bootstrap), []byte("#!/bin/sh\n"+script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestMakeDebian(t *testing.T) {
	docker := needDocker(t)
	removeAfter(t, docker, testBase)
	images := &Images{docker: docker}
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc"), []byte("a root\n"), 0o644))
	fakeBootstrap(t, "echo bookworm is \"$@\" >&2; exec tar -c -C "+root+" etc\n")
	require.NoError(t, images.makeDebian(t.Context(), testBase))
	image, err := docker.ImageInspect(t.Context(), testBase)
	require.NoError(t, err)
	require.Equal(t, "debian", image.Config.Labels[LabelImage], "a person can tell who made it")
	require.Equal(t, []string{"bash"}, image.Config.Cmd)
}

// What was written before mmdebstrap failed is no image.
func TestMakeDebianFails(t *testing.T) {
	docker := needDocker(t)
	images := &Images{docker: docker}
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc"), []byte("a root\n"), 0o644))
	fakeBootstrap(t, "tar -c -C "+root+" etc; echo E: no mirror answers >&2; exit 25\n")
	err := images.makeDebian(t.Context(), testBase+"-not")
	require.ErrorContains(t, err, "exit status 25")
	require.ErrorContains(t, err, "\tE: no mirror answers")
	there, err := images.has(t.Context(), testBase+"-not")
	require.NoError(t, err)
	require.False(t, there)
}

// All of mmdebstrap's processes are told to end, so that they tidy up, and are
// waited for: it waits for the one that works, which would go on.
func TestMakeDebianIsTornDown(t *testing.T) {
	docker := needDocker(t)
	marks := t.TempDir()
	fakeBootstrap(t, fmt.Sprintf(`trap : TERM
sh -c "trap 'touch %[1]s/tidied; exit 1' TERM; touch %[1]s/began; i=0; while [ \$i -lt 3000 ]; do i=\$((i+1)); sleep 0.01; done"
exit 1
`, marks))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- (&Images{docker: docker}).makeDebian(ctx, testBase+"-never") }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(marks, "began"))
		return err == nil
	}, 20*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.FileExists(t, filepath.Join(marks, "tidied"))
}

// Without mmdebstrap and without a way to install it, the error says what to do.
func TestNoBootstrap(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := (&Images{}).findBootstrap(t.Context())
	require.ErrorContains(t, err, "mmdebstrap is not installed")
	require.ErrorContains(t, err, "apt-get install mmdebstrap")
	require.ErrorContains(t, err, "docker load")
}

// fakeEngine is an engine without images; pull answers a pull.
func fakeEngine(t *testing.T, pull http.HandlerFunc) *Images {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/images/create"):
			pull(w, r)
		default:
			http.Error(w, `{"message":"no such image"}`, http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	engine, err := client.New(client.WithHost("tcp://" + server.Listener.Addr().String()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = engine.Close() })
	return &Images{docker: &testcontainers.DockerClient{Client: engine}}
}

func TestPullSilentRegistry(t *testing.T) {
	images := fakeEngine(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	err := images.pull(t.Context(), debianBase, 50*time.Millisecond)
	require.ErrorContains(t, err, "the registry was silent for 50ms")

	images = fakeEngine(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `{"status":"Pulling"}`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	err = images.pull(t.Context(), debianBase, 50*time.Millisecond)
	require.ErrorContains(t, err, "the registry was silent for 50ms")
}

// A download may take longer than a registry may be silent.
func TestPullSlowRegistry(t *testing.T) {
	const silence = time.Second
	images := fakeEngine(t, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(silence / 20)
		defer tick.Stop()
		for begun := time.Now(); time.Since(begun) < silence*3/2; <-tick.C {
			fmt.Fprintln(w, `{"status":"Downloading"}`)
			w.(http.Flusher).Flush()
		}
	})
	require.NoError(t, images.pull(t.Context(), debianBase, silence))
}

// An image that can't be pulled, and is not Debian's, is nothing that is made here.
func TestBaseThatCannotBeHad(t *testing.T) {
	images := fakeEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"errorDetail":{"message":"manifest unknown"}}`)
	})
	_, err := images.baseImage(t.Context(), "example.org/nothing:1")
	require.ErrorContains(t, err, "base image example.org/nothing:1")
	require.ErrorContains(t, err, "manifest unknown")
	require.ErrorContains(t, err, "docker load")
}
