package layer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// copyTree copies a directory with everything in it: contents, kinds, owners,
// modes, times, extended attributes and hard links.
func copyTree(from, to string) error {
	links := map[key]string{} // where a file with several names was copied to
	type directory struct {
		path string
		stat unix.Stat_t
	}
	var directories []directory
	err := filepath.WalkDir(from, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		var s unix.Stat_t
		if err := unix.Lstat(path, &s); err != nil {
			return err
		}
		k := key{s.Dev, s.Ino}
		if s.Mode&unix.S_IFMT == unix.S_IFDIR {
			directories = append(directories, directory{target, s})
		} else if first, again := links[k]; again {
			return os.Link(first, target)
		} else if s.Nlink > 1 {
			links[k] = target
		}
		if err := copyOne(path, target, &s); err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		return nil
	})
	for i := len(directories) - 1; i >= 0 && err == nil; i-- { // their times, when nothing is made in them any more
		err = copyTimes(directories[i].path, &directories[i].stat)
	}
	return err
}

func copyOne(from, to string, s *unix.Stat_t) error {
	var err error
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err = os.Mkdir(to, 0o700)
	case unix.S_IFREG:
		err = copyData(from, to)
	case unix.S_IFLNK:
		var target string
		if target, err = os.Readlink(from); err == nil {
			err = os.Symlink(target, to)
		}
	default:
		err = unix.Mknod(to, s.Mode&unix.S_IFMT|0o600, int(s.Rdev))
	}
	if err != nil {
		return err
	}
	if err := os.Lchown(to, int(s.Uid), int(s.Gid)); err != nil {
		return err
	}
	if s.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil
	}
	if err := unix.Chmod(to, s.Mode&0o7777); err != nil {
		return err
	}
	if err := copyXattrs(from, to, s.Mode&unix.S_IFMT); err != nil {
		return err
	}
	return copyTimes(to, s)
}

func copyData(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func copyXattrs(from, to string, kind uint32) error {
	fd, err := unix.Open(from, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	all, err := readXattrs(&inode{fd: fd, kind: kind})
	for name, value := range all {
		err = errors.Join(err, unix.Lsetxattr(to, name, value, 0))
	}
	return err
}

func copyTimes(to string, s *unix.Stat_t) error {
	return unix.UtimesNanoAt(unix.AT_FDCWD, to, []unix.Timespec{s.Atim, s.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}
