package history

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// growth is how much file is reserved and mapped at a time: about 60,000 events.
const growth = 4 << 20

// mapping appends to a file through a shared mapping of its end. What was copied
// is the kernel's: it is in the file whatever becomes of this process.
type mapping struct {
	file   *os.File
	window []byte // the mapped part of the file
	base   int64  // the file's offset of window[0], a multiple of the page size
	end    int64  // where the next record goes
	size   int64  // how much of the file is reserved
	step   int64
	// reserve makes sure that the disk has room for a part of the file: without
	// it a full disk would be a SIGBUS at some later store.
	reserve func(file *os.File, offset, length int64) error
}

func newMapping(file *os.File) *mapping {
	return &mapping{file: file, step: growth, reserve: reserve}
}

// append adds a record, which holds no NUL byte and ends in a newline.
//
// Its first byte is stored last. A process that is killed in the middle of the
// copy so leaves a NUL where the record would begin, and never the beginning and
// the end of a record with a hole between: memmove copies in any order.
func (m *mapping) append(record []byte) error {
	if m.end+int64(len(record)) > m.base+int64(len(m.window)) {
		if err := m.grow(int64(len(record))); err != nil {
			return err
		}
	}
	at := m.end - m.base
	to := m.window[at : at+int64(len(record))]
	copy(to[1:], record[1:])
	to[0] = record[0]
	m.end += int64(len(record))
	return nil
}

// grow moves the window so that it begins at the page of the file's end and has
// room for at least length more bytes.
func (m *mapping) grow(length int64) error {
	page := int64(os.Getpagesize())
	base := m.end &^ (page - 1)
	want := max(m.step, (m.end-base+length+page-1)&^(page-1))
	if err := m.reserve(m.file, m.size, base+want-m.size); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%w: make room, or put the results on another disk", err)
		}
		return fmt.Errorf("reserve %d bytes of disk: %w", base+want-m.size, err)
	}
	m.size = base + want
	window, err := syscall.Mmap(int(m.file.Fd()), base, int(want), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %d bytes at %d: %w", want, base, err)
	}
	if err := m.unmap(); err != nil {
		return err
	}
	m.window, m.base = window, base
	return nil
}

func (m *mapping) unmap() error {
	if m.window == nil {
		return nil
	}
	window := m.window
	m.window, m.base = nil, m.end
	if err := syscall.Munmap(window); err != nil {
		return fmt.Errorf("unmap: %w", err)
	}
	return nil
}

// close cuts the file to its records and closes it.
func (m *mapping) close() error {
	return errors.Join(m.unmap(), m.file.Truncate(m.end), m.file.Close())
}

// reserve allocates disk blocks, by writing zeros on file systems without fallocate(2).
func reserve(file *os.File, offset, length int64) error {
	for {
		switch err := syscall.Fallocate(int(file.Fd()), 0, offset, length); {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
			return writeZeros(file, offset, length)
		default:
			return err
		}
	}
}

func writeZeros(file *os.File, offset, length int64) error {
	zeros := make([]byte, min(length, 1<<20))
	for length > 0 {
		n, err := file.WriteAt(zeros[:min(length, int64(len(zeros)))], offset)
		if err != nil {
			return err
		}
		offset, length = offset+int64(n), length-int64(n)
	}
	return nil
}
