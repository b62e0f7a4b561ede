package pod

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/jsonmessage"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
)

// LabelImage is on every image that this package makes; its value is the image's
// name without the hash.
const LabelImage = "io.seatrial.image"

// importTimeout bounds the import of an image: a program of 100 MB takes a second.
const importTimeout = 2 * time.Minute

// Images builds images on the engine, and programs as its [cluster.ProgramBuilder]
// does. It implements [cluster.ImageBuilder].
type Images struct {
	cluster.ProgramBuilder
	docker *testcontainers.DockerClient
	log    func(string)
}

var imageName = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

// FromBinary makes an image that holds the program at /<name> and the empty
// folders /data and /tmp, and returns its tag, seatrial/<name>:<hash of the
// program>. An image that is there is not made again, also by another process at
// the same time.
func (b *Images) FromBinary(ctx context.Context, name, binary string) (tag string, err error) {
	if !imageName.MatchString(name) {
		return "", fmt.Errorf("make an image: %q can't be its name: use lower case letters, digits and single . _ -", name)
	}
	hash, err := hashFile(binary)
	if err != nil {
		return "", fmt.Errorf("make the image of %s: %w", name, err)
	}
	tag = "seatrial/" + name + ":" + hash[:12]
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	err = b.once(ctx, tag, func() error {
		b.say("make the image " + tag)
		return b.load(ctx, tag, name, binary)
	})
	if err != nil {
		return "", fmt.Errorf("make the image %s: %w", tag, err)
	}
	return tag, nil
}

// once makes an image unless it is there: of several processes that need it, one
// makes it and the others wait.
func (b *Images) once(ctx context.Context, tag string, makeIt func() error) error {
	if there, err := b.has(ctx, tag); err != nil || there {
		return err
	}
	unlock, err := lock(ctx, "image-"+strings.NewReplacer("/", "-", ":", "-").Replace(strings.TrimPrefix(tag, "seatrial/")))
	if err != nil {
		return err
	}
	defer unlock()
	if there, err := b.has(ctx, tag); err != nil || there {
		return err
	}
	return makeIt()
}

func (b *Images) say(line string) {
	if b.log != nil {
		b.log(line)
	}
}

func (b *Images) has(ctx context.Context, tag string) (bool, error) {
	_, err := b.docker.ImageInspect(ctx, tag)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for it: %w", err)
	}
	return true, nil
}

// load makes the image of a program.
func (b *Images) load(ctx context.Context, tag, name, binary string) error {
	return b.importRoot(ctx, tag, "seatrial: "+name, []string{"LABEL " + LabelImage + "=" + name, "WORKDIR /"},
		func(w io.Writer) error { return writeRoot(w, name, binary) })
}

// importRoot streams a root file system to the engine, in one request: where
// writing it fails, the engine drops what it has of it.
func (b *Images) importRoot(ctx context.Context, tag, message string, changes []string, write func(io.Writer) error) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err)
		written <- err
	}()
	result, err := b.docker.ImageImport(ctx, client.ImageImportSource{Source: r, SourceName: "-"}, tag,
		client.ImageImportOptions{Changes: changes, Message: message})
	if err == nil {
		err = jsonmessage.DisplayStream(result, io.Discard) // holds the engine's errors
		err = errors.Join(err, result.Close())
	}
	r.Close() // ends the writer where the engine stopped reading
	if writing := <-written; writing != nil && !errors.Is(writing, io.ErrClosedPipe) {
		return errors.Join(writing, err)
	}
	return err
}

// writeRoot writes a root file system with nothing but the program and the
// folders that programs expect. All times are zero: the same program makes the
// same layer.
func writeRoot(w io.Writer, name, binary string) error {
	f, err := os.Open(binary)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, dir := range []struct {
		name string
		mode int64
	}{{"data/", 0o777}, {"tmp/", 0o1777}} {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir.name, Mode: dir.mode, ModTime: time.Unix(0, 0)}); err != nil {
			return err
		}
	}
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path.Base(name), Mode: 0o755, Size: info.Size(), ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	if _, err := io.Copy(out, f); err != nil {
		return err
	}
	return out.Close()
}

// layout is part of the hash: an image with other folders is another image.
const layout = "data tmp 1\n"

func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, _ = io.WriteString(h, layout) // a hash never fails
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// The programs that pods need beside the system, and their images.
const (
	agentPackage = "github.com/seatrial/seatrial/docker/agent"
	agentName    = "agent" // and the program is /agent
	envAgent     = "SEATRIAL_AGENT"

	diskPackage = "github.com/seatrial/seatrial/docker/disk"
	diskName    = "disk"
	envDisk     = "SEATRIAL_DISK"
)

// agentImage makes sure that the agent's image is there.
func (b *Images) agentImage(ctx context.Context) (tag string, err error) {
	binary, err := b.ownProgram(ctx, agentPackage, "agent", envAgent)
	if err != nil {
		return "", err
	}
	return b.FromBinary(ctx, agentName, binary)
}

// ownProgram is the path of one of seatrial's programs: the user's, or built.
func (b *Images) ownProgram(ctx context.Context, importPath, what, env string) (binary string, err error) {
	if binary = os.Getenv(env); binary != "" {
		if _, err := os.Stat(binary); err != nil {
			return "", fmt.Errorf("%s: %w", env, err)
		}
		return binary, nil
	}
	if binary, err = b.GoPackage(ctx, importPath); err != nil {
		return "", fmt.Errorf("build the pods' %s (or set %s to its linux binary): %w", what, env, err)
	}
	return binary, nil
}
