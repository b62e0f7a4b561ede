package disk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/seatrial/seatrial/harness/link/wire"
)

// RequestTimeout bounds a request whose context has no earlier deadline.
const RequestTimeout = 30 * time.Second

// lineMax is the longest request or response, in bytes.
const lineMax = 1 << 20

// Client is the run's view of one disk. Its methods may be called at the same
// time. The zero value with Address and Token is ready.
type Client struct {
	// Network is "tcp" where it is empty, or "unix".
	Network string
	// Address is host:port of the disk's control port, or a socket's path.
	Address string
	// Token is the run's.
	Token string
	// DialContext replaces the way to the disk; nil is a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// ErrDisk says that a disk could not be reached or its connection broke.
var ErrDisk = errors.New("the disk does not answer")

// Stats is what the disk says of itself. The error says so where it speaks another version.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	resp, err := c.do(ctx, request{Op: opHello})
	switch {
	case err != nil:
		return Stats{}, err
	case resp.Version != Version || resp.Stats == nil:
		return Stats{}, fmt.Errorf("disk at %s: it speaks version %d, not %d: build its program again", c.Address, resp.Version, Version)
	}
	return *resp.Stats, nil
}

// Heartbeat says that the run lives. Any other request does too.
func (c *Client) Heartbeat(ctx context.Context) error {
	_, err := c.do(ctx, request{Op: opHeartbeat})
	return err
}

// Apply puts a rule in force under an id of the caller's. The same again does
// nothing; another rule under an id in force is an error.
func (c *Client) Apply(ctx context.Context, id string, rule Rule) error {
	_, err := c.do(ctx, request{Op: opApply, ID: id, Rule: &rule})
	return err
}

// Undo takes a rule away, and lets go what it held. An unknown id is not an error.
func (c *Client) Undo(ctx context.Context, id string) error {
	_, err := c.do(ctx, request{Op: opUndo, ID: id})
	return err
}

// Count is how often a rule bit so far, also after it was undone; zero for an unknown id.
func (c *Client) Count(ctx context.Context, id string) (Count, error) {
	resp, err := c.do(ctx, request{Op: opCount, ID: id})
	if err != nil || resp.Count == nil {
		return Count{}, err
	}
	return *resp.Count, nil
}

// Active lists the ids in force, sorted.
func (c *Client) Active(ctx context.Context) ([]string, error) {
	resp, err := c.do(ctx, request{Op: opActive})
	return resp.Active, err
}

// Heal undoes every rule.
func (c *Client) Heal(ctx context.Context) error {
	_, err := c.do(ctx, request{Op: opHeal})
	return err
}

// PowerLoss kills the node's processes at once, takes back what was never synced,
// and ends the disk and with it the container. When it returns the data directory
// is what the next start will find. Cut the node off before: a dead machine sends
// no FIN.
func (c *Client) PowerLoss(ctx context.Context, power Power) (Loss, error) {
	resp, err := c.do(ctx, request{Op: opPowerLoss, Power: &power})
	if err != nil || resp.Loss == nil {
		return Loss{}, err
	}
	return *resp.Loss, nil
}

// Kill kills the node's processes at once and ends the disk, and with it the
// container. Nothing is lost, and what was not synced is remembered: a power loss
// after the next start still takes it, unless it was synced since.
func (c *Client) Kill(ctx context.Context) error {
	_, err := c.do(ctx, request{Op: opKill})
	return err
}

// Suspend stops the node's command by SIGSTOP, and none of its children. The first
// process of the container is the disk: a signal to that would stop the disk.
// SIGCONT it passes on.
func (c *Client) Suspend(ctx context.Context) error {
	_, err := c.do(ctx, request{Op: opSuspend})
	return err
}

// do sends a request over a connection of its own and reads the response.
func (c *Client) do(ctx context.Context, req request) (response, error) {
	if err := req.validate(); err != nil {
		return response{}, fmt.Errorf("disk at %s: %w", c.Address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	resp, err := c.exchange(ctx, req)
	switch {
	case err != nil && ctx.Err() != nil:
		return response{}, fmt.Errorf("disk at %s: %s: no response: %w", c.Address, req.Op, ctx.Err())
	case err != nil:
		return response{}, fmt.Errorf("disk at %s: %s: %w: %w", c.Address, req.Op, ErrDisk, err)
	case resp.Error != "":
		return resp, fmt.Errorf("disk at %s: %s: %s", c.Address, req.Op, resp.Error)
	}
	return resp, nil
}

func (c *Client) exchange(ctx context.Context, req request) (response, error) {
	dial := c.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	network := c.Network
	if network == "" {
		network = "tcp"
	}
	conn, err := dial(ctx, network, c.Address)
	if err != nil {
		return response{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	hello := wire.Preamble{Token: c.Token, Kind: wire.KindControl}
	if err := hello.Validate(); err != nil {
		return response{}, err
	}
	_, sending := io.WriteString(conn, hello.String()+"\n")
	if sending == nil {
		sending = wire.WriteMessage(conn, req)
	}
	// Who is refused is told why, and may find the connection closed before all is sent.
	var resp response
	if err := readMessage(bufio.NewReader(conn), &resp); err != nil {
		return resp, errors.Join(sending, err)
	}
	return resp, nil
}

// readMessage reads one line of JSON.
func readMessage(r *bufio.Reader, into any) error {
	line, err := bufio.NewReaderSize(io.LimitReader(r, lineMax), 4096).ReadBytes('\n')
	if err != nil {
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return json.Unmarshal(line, into)
}
