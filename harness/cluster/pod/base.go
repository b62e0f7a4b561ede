package pod

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// debianBase is the one base image that can be made without a registry.
const debianBase = "debian:bookworm-slim"

// pullSilence bounds the time in which a registry says nothing: a slow download
// goes on, and a registry that nobody reaches costs no more than this.
const pullSilence = 20 * time.Second

// The limits of what makes the base: installing mmdebstrap takes some 20 s and
// making the base as long, on two processors with a near mirror.
const (
	installTimeout = 5 * time.Minute
	makeTimeout    = 8 * time.Minute
)

// noServices keeps packages from starting what they install, as Debian's own image
// does: a database started while its image is built leaves data behind in it.
const noServices = `printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"`

// bootstrap is the program that makes a Debian root file system from packages.
const bootstrap = "mmdebstrap"

// baseImage makes sure that the engine has an image to build from, and returns
// its identity.
func (b *Images) baseImage(ctx context.Context, ref string) (id string, err error) {
	err = b.once(ctx, ref, func() error {
		b.say("pull the image " + ref)
		pulled := b.pull(ctx, ref, pullSilence)
		if pulled == nil {
			return nil
		}
		if ref != debianBase || ctx.Err() != nil {
			return fmt.Errorf("pull it: %w; let the engine reach a registry, or load the image with \"docker load\"", pulled)
		}
		b.say(fmt.Sprintf("%s can't be pulled (%v): make it from Debian's packages with %s", ref, brief(pulled), bootstrap))
		if err := b.makeDebian(ctx, ref); err != nil {
			return fmt.Errorf("it can't be pulled (%w), and can't be made: %w", brief(pulled), err)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("get the base image %s: %w", ref, err)
	}
	image, err := b.docker.ImageInspect(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("look at the base image %s: %w", ref, err)
	}
	return image.ID, nil
}

// pull asks the engine to pull an image, until the registry has been silent for
// that long.
func (b *Images) pull(ctx context.Context, ref string, silence time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(silence, func() { cancel(fmt.Errorf("the registry was silent for %v", silence)) })
	defer silent.Stop()
	answer, err := b.docker.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err != nil {
		return because(ctx, err)
	}
	defer answer.Close()
	for message, err := range answer.JSONMessages(ctx) {
		if err != nil {
			return because(ctx, err)
		}
		if message.Error != nil {
			return message.Error
		}
		silent.Reset(silence)
	}
	return context.Cause(ctx)
}

// makeDebian makes the base image with mmdebstrap. Its output goes straight to
// the engine: nothing of it is on this machine's disk but what mmdebstrap works
// on, and it removes that when it is told to end or when its output closes, as it
// does when this process is killed.
func (b *Images) makeDebian(ctx context.Context, ref string) error {
	if err := b.sameMachine(ctx); err != nil {
		return err
	}
	program, err := b.findBootstrap(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, makeTimeout, fmt.Errorf("it took longer than %v", makeTimeout))
	defer cancel()
	began := time.Now()
	changes := []string{"LABEL " + LabelImage + "=debian", `CMD ["bash"]`}
	err = b.importRoot(ctx, ref, "seatrial: made from Debian's packages", changes, func(w io.Writer) error {
		return run(ctx, w, program, "--variant=minbase", "--include=ca-certificates,procps",
			// The second keeps mmdebstrap from removing what the first makes.
			"--customize-hook="+noServices, "--skip=chroot/policy-rc.d", "--format=tar", "bookworm", "-")
	})
	if err != nil {
		return err
	}
	b.say(fmt.Sprintf("made %s in %v", ref, time.Since(began).Round(time.Second)))
	return nil
}

// sameMachine says whether what mmdebstrap makes here runs on the engine.
func (b *Images) sameMachine(ctx context.Context) error {
	version, err := b.docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return fmt.Errorf("ask the engine for its architecture: %w", err)
	}
	if version.Arch != runtime.GOARCH {
		return fmt.Errorf("the engine runs %s and this machine is %s: load the image with \"docker load\"", version.Arch, runtime.GOARCH)
	}
	return nil
}

// findBootstrap returns the path of mmdebstrap. Where it is missing it is
// installed, if that needs nobody's leave.
func (b *Images) findBootstrap(ctx context.Context) (path string, err error) {
	if path, err = exec.LookPath(bootstrap); err == nil {
		return path, nil
	}
	apt, noApt := exec.LookPath("apt-get")
	if noApt != nil || os.Geteuid() != 0 {
		return "", fmt.Errorf("%s is not installed: install it (as root: apt-get install %s), let the engine reach a registry, or load the image with \"docker load\"",
			bootstrap, bootstrap)
	}
	b.say(bootstrap + " is not installed: install it with apt-get")
	ctx, cancel := context.WithTimeoutCause(ctx, installTimeout, fmt.Errorf("it took longer than %v", installTimeout))
	defer cancel()
	// Another apt-get may be at work.
	for _, args := range [][]string{{"update"}, {"-o", "DPkg::Lock::Timeout=120", "install", "-y", bootstrap}} {
		if err := run(ctx, io.Discard, apt, args...); err != nil {
			return "", fmt.Errorf("install %s: %w", bootstrap, err)
		}
	}
	return exec.LookPath(bootstrap)
}

// graceful is how long a program that was told to end may tidy up. Killed instead,
// mmdebstrap would leave its folder, with the kernel's file systems mounted in it.
const graceful = time.Minute

// run runs a program to its end; the error has the last lines that it printed on
// stderr. Those go to a file without a name: where this process is killed, a pipe
// would end mmdebstrap in the middle of its work, and it would not tidy up.
func run(ctx context.Context, stdout io.Writer, program string, args ...string) error {
	stderr, err := os.CreateTemp("", "seatrial-*")
	if err != nil {
		return fmt.Errorf("make a file for what %s prints: %w", program, err)
	}
	defer stderr.Close()
	if err := os.Remove(stderr.Name()); err != nil {
		return fmt.Errorf("make a file for what %s prints: %w", program, err)
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	command.Stdout, command.Stderr = stdout, stderr
	// All of its processes are told, as by a terminal: mmdebstrap itself waits for
	// the one that does the work, and that one would go on.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = graceful
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w%s", command, because(ctx, err), endOf(stderr))
	}
	return nil
}

// endOf is the end of a program's output, as the end of an error.
func endOf(file *os.File) string {
	const shown = 16 << 10
	var output buildOutput
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = io.Copy(&output, io.NewSectionReader(file, max(0, size-shown), shown)) // what can be read is shown
	}
	return output.said()
}
