package layer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const (
	device = "/dev/fuse"
	// requestBytes is the largest read and write.
	requestBytes = 128 << 10
	// background bounds the reads ahead and the writes of mapped pages under way.
	// A rule that stalls some must not keep the others from the disk.
	background = 1024
)

// Unavailable says why there can be no disk layer on this machine, and what would
// help; nil where there can.
func Unavailable() error {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("the disk layer does not apply, because there is no %s: load the kernel's module fuse, and give a container --device %s", device, device)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("the disk layer does not apply, because %s may not be opened (%w): give the container --device %s", device, err, device)
	case err != nil:
		return fmt.Errorf("the disk layer does not apply, because %s can't be opened: %w", device, err)
	}
	defer unix.Close(fd)
	dir, err := os.MkdirTemp("", "seatrial-disk-")
	if err != nil {
		return fmt.Errorf("the disk layer does not apply, because there is no directory to try it on: %w", err)
	}
	defer os.Remove(dir)
	if err := mountFuse(fd, dir); err != nil {
		return fmt.Errorf("the disk layer does not apply, because mount(2) says %w: it needs CAP_SYS_ADMIN, and a security profile that allows mount (--security-opt apparmor=unconfined)", err)
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}

func mountFuse(fd int, dir string) error {
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read=%d", fd, requestBytes)
	return unix.Mount("seatrial", dir, "fuse.seatrial", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOATIME, data)
}

// mount opens the device itself, with close-on-exec: a child that inherited it
// would keep the connection alive after the layer is dead, and then wait for an
// answer for ever.
func (l *Layer) mount() error {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return errors.Join(&os.PathError{Op: "open", Path: device, Err: err}, Unavailable())
	}
	if err := mountFuse(fd, l.options.Mount); err != nil {
		unix.Close(fd)
		return errors.Join(&os.PathError{Op: "mount", Path: l.options.Mount, Err: err}, Unavailable())
	}
	l.server, err = fuse.NewServer(l, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		MaxWrite: requestBytes, MaxBackground: background, CongestionThreshold: background,
		ExplicitDataCacheControl: true, // nobody else changes the tree: the cache is always right
		DisableReadDirPlus:       true,
		Logger:                   discard(),
	})
	if err != nil {
		unix.Close(fd)
		_ = unix.Unmount(l.options.Mount, unix.MNT_DETACH)
		return err
	}
	go func() {
		defer close(l.served)
		l.server.Serve()
	}()
	// The first request of all: an answer shows that the layer is in service.
	var s unix.Stat_t
	if err := unix.Stat(l.options.Mount, &s); err != nil {
		return errors.Join(fmt.Errorf("ask the mounted layer: %w", err), l.unmount())
	}
	l.device = unix.Minor(s.Dev)
	return nil
}

// unmount takes the mount away, by force if need be.
func (l *Layer) unmount() error {
	err := unix.Unmount(l.options.Mount, 0)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EBUSY) {
		select {
		case <-l.served:
			return nil // someone else unmounted it
		default:
		}
	}
	aborting := l.abort()
	if detaching := unix.Unmount(l.options.Mount, unix.MNT_DETACH); detaching != nil {
		return errors.Join(fmt.Errorf("unmount %s: %w", l.options.Mount, err), aborting, detaching)
	}
	return aborting
}

// abort ends the connection: every request under way and to come fails.
func (l *Layer) abort() error {
	name := filepath.Join(strconv.FormatUint(uint64(l.device), 10), "abort")
	const usual = "/sys/fs/fuse/connections"
	err := os.WriteFile(filepath.Join(usual, name), []byte("1"), 0)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	select { // it is gone by itself
	case <-l.served:
		return nil
	case <-time.After(10 * time.Millisecond):
	}
	dir, err := os.MkdirTemp("", "seatrial-fusectl-")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.Mount("none", dir, "fusectl", 0, ""); err != nil {
		return &os.PathError{Op: "mount fusectl", Path: dir, Err: err}
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	err = os.WriteFile(filepath.Join(dir, name), []byte("1"), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
