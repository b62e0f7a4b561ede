// Command disk is the first process of a system's container whose disk may fail:
// it mounts the layer of package harness/disk/layer over the system's data
// directory, gives up the right to mount, and runs the image's own command as the
// image's own user.
//
//	disk COMMAND [ARGUMENT...]
//	disk --try
//
// The second says whether there can be a layer in such a container, and ends.
//
// The container is started as root, with --device /dev/fuse and --cap-add
// SYS_ADMIN, this program as its entrypoint, and the image's entrypoint and command
// as its arguments. Where the engine has AppArmor, the container also needs
// --security-opt apparmor=unconfined: its usual profile refuses mount. The
// capability is dropped from the process and from its bounding set before the
// command is started, so that the system has what it would have without.
//
// Its environment, which the command does not see:
//
//	SEATRIAL_TOKEN         the run's token; needed
//	SEATRIAL_DISK_MOUNT    the data directory; needed. What the image has in it is kept
//	SEATRIAL_DISK_BACKING  where the data lies, best a volume; needed, outside the data directory
//	SEATRIAL_DISK_USER     who runs the command, as in an image: user[:group]; root
//	SEATRIAL_DISK_PORT     the control port; 7981
//	SEATRIAL_DISK_STRICT   1: a name is durable only by an fsync of its directory
//
// Package harness/disk is the language of the control port.
//
// # The life of the container
//
// Every signal is passed on to the command, and every orphan is reaped. When the
// command ends, what is left of its processes is killed, as the kernel would do
// with those of a container whose first process ends, what was never synced is
// remembered beside the data, and this program ends with the command's code: 128
// and the signal where one ended it.
//
// Kill and PowerLoss of the control port kill every process at once, then answer,
// and end the container with 137. For a power loss the disk is stopped first, so
// all are cut off at one moment.
//
// If the container itself is killed, the kernel ends the connection to the disk a
// moment before it ends the other processes: these may still log errors, what was
// written with write(2) is kept, what was only put into a shared mapping is not,
// and everything counts as durable afterwards. So a run kills through the control
// port.
//
// It ends with 64 where it is not used as said here, and with 3 where the layer can't
// be mounted; 126 and 127 are a command that can't be run, or that is not there.
package main
