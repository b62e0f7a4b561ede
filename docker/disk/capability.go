package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// giveUpMounting drops CAP_SYS_ADMIN from every set of every thread, so that
// nothing that is started later has it.
func giveUpMounting() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	drop := ^uint32(1 << unix.CAP_SYS_ADMIN) // it is in the first 32
	sets[0].Effective &= drop
	sets[0].Permitted &= drop
	sets[0].Inheritable &= drop
	// The bounding set before the others: it needs CAP_SETPCAP, which stays.
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("clear the ambient set: %w", errno)
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0); errno != 0 {
		return fmt.Errorf("the bounding set (it needs CAP_SETPCAP): %w", errno)
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets[0])), 0)
	if errno != 0 {
		return fmt.Errorf("the effective, permitted and inheritable sets: %w", errno)
	}
	return nil
}
