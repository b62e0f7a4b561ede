package pod

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	apibuild "github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

// dockerfile is the file that says how an image is built.
const dockerfile = "Dockerfile"

// dockerfileTimeout bounds one build, with its wait for another that builds the
// same and with its base. Packages of a database are about 100 MB.
const dockerfileTimeout = 10 * time.Minute

// FromDockerfile implements [cluster.ImageBuilder] with the engine's own builder,
// so neither buildx nor a client's plug-in is needed. The tag is
// seatrial/<name>:<hash of the files and of the images that it is built from>: an
// image that is there is not built again, also by another process at the same
// time, and a newer base makes another image.
//
// A file that begins with "#!" is executable in the build. A build that fails
// leaves no image; the layers of its steps that worked stay as the engine's cache.
func (b *Images) FromDockerfile(ctx context.Context, name string, files map[string][]byte) (tag string, err error) {
	if !imageName.MatchString(name) {
		return "", fmt.Errorf("build an image: %q can't be its name: use lower case letters, digits and single . _ -", name)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, dockerfileTimeout, fmt.Errorf("it took longer than %v", dockerfileTimeout))
	defer cancel()
	folder, err := folderTar(files)
	if err != nil {
		return "", fmt.Errorf("build the image of %s: %w", name, err)
	}
	hash := sha256.New()
	hash.Write(folder)
	for _, base := range basesOf(files[dockerfile]) {
		id, err := b.baseImage(ctx, base)
		if err != nil {
			return "", fmt.Errorf("build the image of %s: %w", name, err)
		}
		fmt.Fprintln(hash, base, id)
	}
	tag = "seatrial/" + name + ":" + hex.EncodeToString(hash.Sum(nil))[:12]
	err = b.once(ctx, tag, func() error { return b.buildFolder(ctx, tag, name, folder) })
	if err != nil {
		return "", fmt.Errorf("build the image %s: %w", tag, err)
	}
	return tag, nil
}

// buildFolder has the engine build the folder, and returns the end of what the
// build printed where it fails.
func (b *Images) buildFolder(ctx context.Context, tag, name string, folder []byte) error {
	b.say("build the image " + tag)
	answer, err := b.docker.ImageBuild(ctx, bytes.NewReader(folder), client.ImageBuildOptions{
		Tags:        []string{tag},
		Labels:      map[string]string{LabelImage: name},
		Dockerfile:  dockerfile,
		Remove:      true,
		ForceRemove: true, // a step's container goes also where the step fails
		Version:     apibuild.BuilderV1,
	})
	if err != nil {
		return because(ctx, err)
	}
	defer answer.Body.Close()
	output := buildOutput{say: b.say}
	if err := output.follow(answer.Body); err != nil {
		return fmt.Errorf("%w%s", because(ctx, err), output.said())
	}
	return nil
}

// because adds why a context ended to the error that came of it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// How much of a build's output an error shows, and how long a line may be.
const (
	outputLines = 20
	outputWidth = 300
)

// buildOutput follows a build: its steps are told as they begin, and the end of
// everything it prints is kept.
type buildOutput struct {
	say  func(string) // may be nil
	part string       // the line that is not complete yet
	last []string     // the latest lines
}

// follow reads the engine's messages to their end; the error is the build's own.
func (o *buildOutput) follow(messages io.Reader) error {
	for decoder := json.NewDecoder(messages); ; {
		var message jsonstream.Message
		err := decoder.Decode(&message)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the engine's answer: %w", err)
		}
		if message.Error != nil {
			return message.Error
		}
		o.add(message.Stream)
	}
}

// Write takes what a program prints.
func (o *buildOutput) Write(text []byte) (int, error) {
	o.add(string(text))
	return len(text), nil
}

// add takes text that may end within a line.
func (o *buildOutput) add(text string) {
	lines := strings.Split(o.part+text, "\n")
	o.part = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		o.line(line)
	}
}

// colour is how the engine marks what a step wrote on stderr.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

func (o *buildOutput) line(line string) {
	line = strings.TrimRight(colour.ReplaceAllString(line, ""), " \r\t")
	if line == "" {
		return
	}
	if len(line) > outputWidth {
		line = line[:outputWidth] + "…"
	}
	if o.say != nil && strings.HasPrefix(line, "Step ") {
		o.say(line)
	}
	if len(o.last) == outputLines {
		o.last = slices.Delete(o.last, 0, 1)
	}
	o.last = append(o.last, line)
}

// said is the end of the output, as the end of an error.
func (o *buildOutput) said() string {
	if o.line(o.part); len(o.last) == 0 {
		return ""
	}
	return "; it printed last:\n\t" + strings.Join(o.last, "\n\t")
}

// folderTar is the folder as the engine takes it: the same files make the same
// bytes. Folders are written out, because the engine makes those that are not
// readable by root alone.
func folderTar(files map[string][]byte) ([]byte, error) {
	if len(files[dockerfile]) == 0 {
		return nil, fmt.Errorf("its files have no %s", dockerfile)
	}
	var buffer bytes.Buffer
	out := tar.NewWriter(&buffer)
	made := map[string]bool{".": true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name {
			return nil, fmt.Errorf("file %q is no plain path within the folder", name)
		}
		if err := writeFolders(out, path.Dir(name), made); err != nil {
			return nil, err
		}
		mode := int64(0o644)
		if bytes.HasPrefix(files[name], []byte("#!")) {
			mode = 0o755
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(files[name])), ModTime: time.Unix(0, 0)}
		if err := out.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := out.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// writeFolders writes a folder and those around it, outermost first, once.
func writeFolders(out *tar.Writer, folder string, made map[string]bool) error {
	if made[folder] {
		return nil
	}
	made[folder] = true
	if err := writeFolders(out, path.Dir(folder), made); err != nil {
		return err
	}
	return out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
}

// basesOf are the images that a Dockerfile is built from, each once, in order:
// neither "scratch" nor an earlier stage. A FROM on a line that continues another
// (SQL in a RUN) is none, and one with a variable in it is left to the engine.
func basesOf(text []byte) []string {
	var bases []string
	stages := map[string]bool{"scratch": true}
	continued := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue // also between the lines of one instruction
		}
		begins := !continued
		continued = strings.HasSuffix(line, `\`)
		words := strings.Fields(line)
		if !begins || !strings.EqualFold(words[0], "FROM") {
			continue
		}
		words = slices.DeleteFunc(words[1:], func(word string) bool { return strings.HasPrefix(word, "--") })
		if len(words) == 0 {
			continue // the engine says what is wrong with it
		}
		base := words[0]
		if !stages[base] && !strings.Contains(base, "$") && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
		if len(words) == 3 && strings.EqualFold(words[1], "AS") {
			stages[words[2]] = true
		}
	}
	return bases
}
