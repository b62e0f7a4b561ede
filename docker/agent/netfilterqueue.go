package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The parts of linux/netfilter/nfnetlink_queue.h that are used here.
const (
	subsystemQueue = 3
	messagePacket  = 0
	messageVerdict = 1
	messageConfig  = 2

	configCommand   = 1
	configParams    = 2
	configMaxLength = 3
	configMask      = 4
	configFlags     = 5

	commandBind = 1
	copyPacket  = 2
	// failOpen lets a packet pass that the queue has no room for.
	failOpen = 1

	attributePacketHeader  = 1
	attributeVerdictHeader = 2
	attributePayload       = 10
	attributeCapLength     = 13

	genericHeader   = 4 // struct nfgenmsg
	attributeHeader = 4 // struct nlattr
	messageHeader   = unix.NLMSG_HDRLEN
)

// The verdicts; see linux/netfilter.h.
const (
	verdictDrop   = 0
	verdictAccept = 1
)

const (
	// queueNumber is the queue's name in the pod's own namespace.
	queueNumber = 0x5ea7
	// kernelMax is how many packets the kernel lets wait for a verdict, and
	// kernelBuffer how many bytes it keeps for this program to read: enough for it
	// to be away for some milliseconds. What exceeds either passes untouched.
	kernelMax    = 2 * heldMax
	kernelBuffer = 8 << 20
	// packetMax is the largest message of one packet.
	packetMax = 1<<16 + 1<<10
)

// netfilterQueue is a queue of the kernel that this program answers for: every
// packet that a rule sends there waits until it is judged. Without F_GSO the
// kernel gives each packet as it would be on a wire, with its checksum complete.
// It dies with its socket, and then the rules' bypass lets packets pass.
type netfilterQueue struct {
	conn   *netlink.Conn
	raw    syscall.RawConn
	answer []byte // the verdict that is being written
}

func openNetfilterQueue() (q *netfilterQueue, err error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open netlink for the queue: %w", err)
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	err = errors.Join(
		conn.SetDeadline(time.Now().Add(netlinkTimeout)),
		conn.SetReadBuffer(kernelBuffer),
		conn.SetOption(netlink.NoENOBUFS, true), // what does not fit passes, and is counted by its number
	)
	if err != nil {
		return nil, fmt.Errorf("prepare netlink for the queue: %w", err)
	}
	for _, attributes := range [][]netlink.Attribute{
		{{Type: configCommand, Data: []byte{commandBind, 0, 0, 0}}},
		{
			{Type: configParams, Data: append(binary.BigEndian.AppendUint32(nil, 0xffff), copyPacket)},
			{Type: configMaxLength, Data: binary.BigEndian.AppendUint32(nil, kernelMax)},
			{Type: configMask, Data: binary.BigEndian.AppendUint32(nil, failOpen)},
			{Type: configFlags, Data: binary.BigEndian.AppendUint32(nil, failOpen)},
		},
	} {
		data, err := netlink.MarshalAttributes(attributes)
		if err != nil {
			return nil, fmt.Errorf("configure the queue: %w", err)
		}
		_, err = conn.Execute(netlink.Message{
			Header: netlink.Header{Type: subsystemQueue<<8 | messageConfig, Flags: netlink.Request | netlink.Acknowledge},
			Data:   append(generic(queueNumber), data...),
		})
		if err != nil {
			return nil, fmt.Errorf("configure the queue %d: %w", queueNumber, err)
		}
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("prepare netlink for the queue: %w", err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("prepare netlink for the queue: %w", err)
	}
	return &netfilterQueue{conn: conn, raw: raw}, nil
}

// generic is a struct nfgenmsg.
func generic(queue uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, 0}, queue)
}

func (q *netfilterQueue) close() error { return q.conn.Close() }

// asked is a packet that waits for its verdict.
type asked struct {
	id uint32
	// data is the packet from its IP header on; the next one takes its place.
	data []byte
	// size is its length, also where data is not all of it.
	size int
}

// receive reads one packet, if there is one, without waiting.
func (q *netfilterQueue) receive(fd int, buffer []byte) (p asked, ok bool, err error) {
	for {
		n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return asked{}, false, nil
		case err != nil:
			return asked{}, false, fmt.Errorf("read from the queue: %w", err)
		default:
			if p, ok := parseAsked(buffer[:n]); ok {
				return p, true, nil
			}
		}
	}
}

// parseAsked takes a packet out of the kernel's message.
func parseAsked(message []byte) (p asked, ok bool) {
	if len(message) < messageHeader+genericHeader ||
		binary.NativeEndian.Uint16(message[4:]) != subsystemQueue<<8|messagePacket {
		return asked{}, false
	}
	for rest := message[messageHeader+genericHeader:]; len(rest) >= attributeHeader; {
		length := int(binary.NativeEndian.Uint16(rest))
		if length < attributeHeader || length > len(rest) {
			return asked{}, false
		}
		value := rest[attributeHeader:length]
		switch kind := binary.NativeEndian.Uint16(rest[2:]); {
		case kind == attributePacketHeader && len(value) >= 4:
			p.id, ok = binary.BigEndian.Uint32(value), true
		case kind == attributePayload:
			p.data, p.size = value, max(p.size, len(value))
		case kind == attributeCapLength && len(value) >= 4:
			p.size = int(binary.BigEndian.Uint32(value))
		}
		rest = rest[min((length+3)&^3, len(rest)):]
	}
	return p, ok
}

// judge ends a packet's wait. With data, that takes the place of the packet. An
// error means that the kernel does not know the packet any more.
func (q *netfilterQueue) judge(id uint32, verdict uint32, data []byte) error {
	length := messageHeader + genericHeader + attributeHeader + 8
	if data != nil {
		length += attributeHeader + len(data)
	}
	to := q.answer[:0]
	to = binary.NativeEndian.AppendUint32(to, uint32(length))
	to = binary.NativeEndian.AppendUint16(to, subsystemQueue<<8|messageVerdict)
	to = binary.NativeEndian.AppendUint16(to, unix.NLM_F_REQUEST)
	to = append(to, 0, 0, 0, 0, 0, 0, 0, 0) // sequence and port: no answer is wanted
	to = append(to, unix.AF_UNSPEC, 0)
	to = binary.BigEndian.AppendUint16(to, queueNumber)
	to = binary.NativeEndian.AppendUint16(to, attributeHeader+8)
	to = binary.NativeEndian.AppendUint16(to, attributeVerdictHeader)
	to = binary.BigEndian.AppendUint32(to, verdict)
	to = binary.BigEndian.AppendUint32(to, id)
	if data != nil {
		to = binary.NativeEndian.AppendUint16(to, uint16(attributeHeader+len(data)))
		to = binary.NativeEndian.AppendUint16(to, attributePayload)
		to = append(to, data...)
	}
	q.answer = to
	var sending error
	err := q.raw.Control(func(fd uintptr) {
		sending = unix.Sendto(int(fd), to, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err = errors.Join(err, sending); err != nil {
		return fmt.Errorf("judge a packet: %w", err)
	}
	return nil
}
