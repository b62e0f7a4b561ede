// Package layer is a disk that can lose its power: a FUSE file system over a
// backing directory, which remembers what the last fsync of everything was.
//
// Every change goes through to the backing directory at once, so killing processes,
// or the layer itself, loses nothing. Beside it the layer keeps what it would take
// to go back: the pages that were changed since they were synced, sizes,
// attributes, and the names that were given and taken. [Layer.PowerLoss] goes back.
//
//	l, err := layer.Mount(layer.Options{Backing: "/var/lib/backing", Mount: "/data"})
//	…
//	loss, err := l.PowerLoss(disk.Power{})      // when the processes are dead
//	err = l.Close()                             // mount again to go on
//
// A program must not use a mount that it serves itself: a page fault, or a garbage
// collection that waits for one, can wait for ever. Tests of this package run the
// layer in another process, and so does docker/disk.
//
// # What is durable when
//
//	data and size of a file       fsync, fdatasync, msync(MS_SYNC) of it; the return of a
//	                              write by O_SYNC or O_DSYNC
//	mode, owner, xattrs           fsync of the file or directory
//	names in a directory          fsync of the directory
//	a file's own names            by default also fsync, fdatasync of the file
//
// POSIX promises nothing of the last line (fsync(2) of Linux says so too), and
// [Options].Strict leaves it out. But ext4, XFS and Btrfs keep it, and programs rely
// on that; what file systems promise beyond POSIX, and what programs make of it, is
// the subject of Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014,
// and of Mohan et al., "Finding Crash-Consistency Bugs with Bounded Black-Box Crash
// Testing", OSDI 2018. The default is what these three have in common, and no more:
//
//   - An fsync of a file makes the names that it has now durable, and with a rename
//     that its old name is gone. Other files' names in the same directory stay as they are.
//   - A rename is one change, of both names or none.
//   - What happened to one name is durable in the order in which it happened. So
//     after rename(log, log.1), create(log), fsync(log) there is a log.1.
//   - A name that becomes durable brings the new directories that lead to it.
//
// ext4 and XFS do more: an fsync commits their whole journal, with names that it is
// not about. A program that relied on that would be safe by luck.
//
// Not promised by any, and so not here: that a file that was written, renamed over
// another and never synced has its data (ext4's auto_da_alloc does that since
// 2.6.30, and can be switched off); that sync_file_range or close makes anything
// durable. On a strict disk the two names of a rename are independent: where they
// are in two directories and one is synced, the file can have both names or none. A
// directory can't have two, and has the new one then.
//
// sync(2) and syncfs(2) do not reach a FUSE file system (but virtiofs), so they make
// nothing durable here. Systems that rely on them need another setting, as
// recovery_init_sync_method=fsync of PostgreSQL, which is its default.
//
// # Torn
//
// With [disk.Power].Torn a part of what was not synced survives, drawn by the seed:
//
//   - Of the changes of names a prefix: a journal keeps their order. What was
//     created and removed again since may never have been there.
//   - Of a file's size either, or any number of sectors between.
//   - Of its pages each sector of 512 bytes by itself: a sector is what a disk
//     writes whole. An appended sector that did not survive, in a size that did, is
//     zeros, as with the unwritten extents of ext4 and XFS.
//
// A page that was written twice holds its last content or what was synced, never
// what was between.
//
// # An fsync that failed
//
// See [disk.Rule].Error: after EIO the pages count as clean, a later fsync says that
// all is well, and a power loss shows that it is not. Writing the pages again, and
// syncing them, saves them.
//
// # Killed and mounted again
//
// [Layer.Remember] saves what is not synced beside the data; the next layer knows
// it, so a system that is killed, starts again and goes on without syncing what it
// found can still lose it. A layer that was killed itself could not remember, and
// what it left counts as durable.
//
// # How exact
//
// The kernel caches pages, names and attributes, because nobody else changes the
// tree, checks permissions by mode and owner, and keeps flock and fcntl locks. Not
// supported, with the errno that programs must expect anywhere: O_TMPFILE
// (EOPNOTSUPP), RENAME_WHITEOUT (EINVAL), POSIX ACLs (EOPNOTSUPP), ioctls (ENOTTY),
// collapse and insert of fallocate (EOPNOTSUPP), swap files. copy_file_range copies
// by reading and writing.
//
// The link counts that programs see leave out the names in the undo folder. An fsync
// does not wait for the machine's own disk: it is memory and the page cache that
// keep the data, and the machine's power is not what is lost. So fsync is faster
// here than on a disk; a Delay rule makes it slow.
//
// The layer holds one descriptor for each file that the kernel knows, so its limit
// of descriptors (RLIMIT_NOFILE) bounds the number of files in use.
//
// # The backing directory
//
//	tree/           what is mounted
//	undo/pages      pages to go back to
//	undo/removed-*  files whose names were taken, and that could come back
//	undo/unsynced.json  what Remember saved
//
// It must be one file system, with room for what is kept; see [Options].
package layer
