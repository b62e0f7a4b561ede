package pod

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
)

// told collects what a builder says.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (l *told) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// take returns what was said since the last call, in one text.
func (l *told) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.Join(l.lines, "\n")
	l.lines = nil
	return text
}

// removeAfter removes an image of a test when the test ends.
func removeAfter(t *testing.T, docker *testcontainers.DockerClient, tag string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := docker.ImageRemove(ctx, tag, client.ImageRemoveOptions{PruneChildren: true}); err != nil && !gone(err) {
			t.Error(err)
		}
	})
}

func TestFromDockerfile(t *testing.T) {
	docker := needDocker(t)
	var log told
	images := &Images{docker: docker, log: log.add}
	files := map[string][]byte{
		"Dockerfile":      []byte("FROM scratch\nCOPY folder /etc/folder\nCMD [\"/none\"]\n"),
		"folder/file.txt": []byte("what the image holds\n"),
	}
	tag, err := images.FromDockerfile(t.Context(), "test-folder", files)
	require.NoError(t, err)
	removeAfter(t, docker, tag)
	require.Regexp(t, `^seatrial/test-folder:[0-9a-f]{12}$`, tag)
	image, err := docker.ImageInspect(t.Context(), tag)
	require.NoError(t, err)
	require.Equal(t, "test-folder", image.Config.Labels[LabelImage])
	require.Contains(t, log.take(), "COPY folder /etc/folder", "each step is told")

	again, err := images.FromDockerfile(t.Context(), "test-folder", files)
	require.NoError(t, err)
	require.Equal(t, tag, again)
	require.Empty(t, log.take(), "nothing is built a second time")

	files["folder/file.txt"] = []byte("something else\n")
	other, err := images.FromDockerfile(t.Context(), "test-folder", files)
	require.NoError(t, err)
	removeAfter(t, docker, other)
	require.NotEqual(t, tag, other)

	before := log.take()
	_, err = images.FromDockerfile(t.Context(), "Test", files)
	require.ErrorContains(t, err, `"Test" can't be its name`)
	_, err = images.FromDockerfile(t.Context(), "test-folder", map[string][]byte{"dockerfile": nil})
	require.ErrorContains(t, err, "no Dockerfile")
	require.NotEmpty(t, before)
	require.Empty(t, log.take(), "what can't be built is not begun")
}

// One base serves the builds that work and those that don't.
func TestFromDockerfileOnDebian(t *testing.T) {
	docker := needDocker(t)
	images := &Images{docker: docker, log: func(line string) { t.Log(line) }}
	tag, err := images.FromDockerfile(t.Context(), "test-debian", map[string][]byte{
		"Dockerfile": []byte("FROM debian:bookworm-slim\nCOPY folder/script /\nRUN /script | grep bookworm\n"),
		// It must be executable, and its folder open to users other than root.
		"folder/script": []byte("#!/bin/sh\n. /etc/os-release\necho $VERSION_CODENAME\n"),
	})
	require.NoError(t, err)
	removeAfter(t, docker, tag)

	_, err = images.FromDockerfile(t.Context(), "test-broken", map[string][]byte{
		"Dockerfile": []byte("FROM debian:bookworm-slim\nRUN echo just before; no-such-program\n"),
	})
	require.ErrorContains(t, err, "build the image seatrial/test-broken:")
	require.ErrorContains(t, err, "Step 2/")
	require.ErrorContains(t, err, "\tjust before\n")
	require.ErrorContains(t, err, "no-such-program: not found")
	require.NotContains(t, err.Error(), "\x1b", "colours are for terminals")

	_, err = images.FromDockerfile(t.Context(), "test-broken", map[string][]byte{
		"Dockerfile": []byte("FROM debian:bookworm-slim\nFLY away\n"),
	})
	require.ErrorContains(t, err, "FLY")
}

func TestFolderTar(t *testing.T) {
	files := map[string][]byte{"Dockerfile": []byte("FROM scratch\n"), "b/c/run.sh": []byte("#!/bin/sh\n"), "b/a": nil, "z": []byte("z")}
	folder, err := folderTar(files)
	require.NoError(t, err)
	var names []string
	for in := tar.NewReader(bytes.NewReader(folder)); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, header.Name)
		require.Zero(t, header.ModTime.Unix(), header.Name)
		executable := header.Name == "b/c/run.sh" || strings.HasSuffix(header.Name, "/")
		require.Equal(t, executable, header.Mode&0o111 == 0o111, header.Name)
	}
	require.Equal(t, []string{"Dockerfile", "b/", "b/a", "b/c/", "b/c/run.sh", "z"}, names)
	for range 20 {
		again, err := folderTar(files)
		require.NoError(t, err)
		require.Equal(t, folder, again)
	}
	for _, name := range []string{"../outside", "/rooted", "a/../b", "a//b", ""} {
		_, err := folderTar(map[string][]byte{"Dockerfile": []byte("FROM scratch\n"), name: nil})
		require.ErrorContains(t, err, "no plain path", name)
	}
}

func TestBasesOf(t *testing.T) {
	for text, want := range map[string][]string{
		"FROM scratch\n": nil,
		"# FROM x\n\n  from  debian:bookworm-slim":                 {"debian:bookworm-slim"},
		"FROM a AS build\nFROM b\nFROM build\nFROM a":              {"a", "b"},
		"FROM --platform=linux/amd64 c as d\nFROM d":               {"c"},
		"FROM a\nRUN psql -c 'SELECT 1 \\\n# why\nFROM t'\nFROM e": {"a", "e"},
		"ARG v=1\nFROM a:$v\nFROM\n":                               nil,
	} {
		require.Equal(t, want, basesOf([]byte(text)), text)
	}
}

// Of a long output the end is shown, in whole lines of bounded length.
func TestBuildOutputKeepsTheEnd(t *testing.T) {
	var output buildOutput
	for range 5 {
		output.add("early\n")
	}
	for range outputLines - 2 {
		output.add("mid")
		output.add("dle\r\n\n")
	}
	output.add(strings.Repeat("x", 10*outputWidth) + "\nthe last")
	lines := strings.Split(output.said(), "\n\t")
	require.Equal(t, "; it printed last:", lines[0])
	require.Len(t, lines[1:], outputLines)
	require.False(t, slices.Contains(lines, "early"))
	require.Equal(t, "middle", lines[1])
	require.Less(t, len(lines[outputLines-1]), 2*outputWidth)
	require.Equal(t, "the last", lines[outputLines])
}
