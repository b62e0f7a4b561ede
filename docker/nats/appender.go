package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	natsgo "github.com/nats-io/nats.go"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// streamName is the one stream, and subjectPrefix what its subjects begin with.
const (
	streamName    = "seatrial"
	subjectPrefix = "list."
)

// listMax is how many messages a list may have: a server that goes on giving
// messages would else never let a read end.
const listMax = 1 << 20

// OpenAppender returns a client of the session's node. It connects at the first operation.
func (c Cluster) OpenAppender(_ context.Context, session link.Session) (workloads.Appender, error) {
	if session.Dialer == nil {
		return nil, errors.New("open a client of nats: the session has no dialer")
	}
	return &appender{session: session}, nil
}

type appender struct {
	session    link.Session
	connection *connection // nil where the next operation is to make one
}

func (a *appender) connect(ctx context.Context) (err error) {
	if a.connection.usable() {
		return nil
	}
	a.connection.close()
	a.connection, err = connect(ctx, a.session)
	return err
}

// Append publishes a message and waits for the stream's acknowledgement.
func (a *appender) Append(ctx context.Context, key string, element history.Value) error {
	failed := func(err error) error { return fmt.Errorf("append to %s at %s: %w", key, a.session.Node, err) }
	if !element.IsInt() {
		return workloads.NotDone(failed(errors.New("an element must be an integer")))
	}
	if err := a.connect(ctx); err != nil {
		return workloads.NotDone(failed(err))
	}
	answer, err := a.connection.request(ctx, subject(key), []byte(strconv.FormatInt(int64(element), 10)))
	if errors.Is(err, natsgo.ErrNoResponders) {
		return workloads.NotDone(failed(err))
	}
	if err != nil {
		return failed(err)
	}
	var stored struct {
		Stream   string    `json:"stream"`
		Sequence uint64    `json:"seq"`
		Error    *apiError `json:"error"`
	}
	switch err := json.Unmarshal(answer.Data, &stored); {
	case err != nil:
		return failed(fmt.Errorf("the acknowledgement is %.80q: %w", answer.Data, err))
	case stored.Error != nil:
		return failed(stored.Error)
	case stored.Stream != streamName || stored.Sequence == 0:
		return failed(fmt.Errorf("the acknowledgement is of another stream: %.80q", answer.Data))
	}
	return nil
}

// List reads at the stream's leader.
func (a *appender) List(ctx context.Context, key string) ([]history.Value, error) {
	return a.list(ctx, key, a.atLeader)
}

// ListLocal reads the replica of the session's node.
func (a *appender) ListLocal(ctx context.Context, key string) ([]history.Value, error) {
	return a.list(ctx, key, a.direct)
}

// message is one of a stream.
type message struct {
	Sequence uint64 `json:"seq"`
	Data     []byte `json:"data"`
}

// next asks for the first message of a subject at or after a sequence number.
type next struct {
	From    uint64 `json:"seq"`
	Subject string `json:"next_by_subj"`
}

// list reads message after message: whatever goes wrong, a read has no effect.
func (a *appender) list(ctx context.Context, key string, get func(context.Context, next) (*message, error)) (elements []history.Value, err error) {
	failed := func(err error) error {
		return workloads.NotDone(fmt.Errorf("list %s at %s: %w", key, a.session.Node, err))
	}
	if err := a.connect(ctx); err != nil {
		return nil, failed(err)
	}
	elements = []history.Value{}
	var garbage error
	for from := uint64(1); ; {
		m, err := get(ctx, next{From: from, Subject: subject(key)})
		switch {
		case err != nil:
			return nil, failed(err)
		case m == nil:
			return elements, garbage
		case m.Sequence < from:
			return nil, failed(fmt.Errorf("asked for a message from %d on, and was given %d", from, m.Sequence))
		case len(elements) == listMax:
			return nil, failed(fmt.Errorf("it has more than %d messages", listMax))
		}
		from = m.Sequence + 1
		n, err := strconv.ParseInt(string(m.Data), 10, 64)
		if err != nil || n < history.MinInt || n > history.MaxInt || strconv.FormatInt(n, 10) != string(m.Data) {
			garbage = workloads.Garbage{Text: string(m.Data)}
			continue
		}
		elements = append(elements, history.Int(n))
	}
}

// noMessage is JetStream's code for "no message found".
const noMessage = 10037

// atLeader asks the stream's leader; nil is that there is none any more.
func (a *appender) atLeader(ctx context.Context, question next) (*message, error) {
	var answer struct {
		Message message `json:"message"`
	}
	err := a.connection.api(ctx, "STREAM.MSG.GET."+streamName, question, &answer)
	if api := (*apiError)(nil); errors.As(err, &api) && api.ErrCode == noMessage {
		return nil, nil
	}
	return &answer.Message, err
}

// direct asks the nearest replica; nil is that there is none any more.
func (a *appender) direct(ctx context.Context, question next) (*message, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	answer, err := a.connection.request(ctx, "$JS.API.DIRECT.GET."+streamName, body)
	if err != nil {
		return nil, err
	}
	switch status := answer.Header.Get("Status"); status {
	case "":
	case "404":
		return nil, nil
	default:
		return nil, fmt.Errorf("the server says %s %s", status, answer.Header.Get("Description"))
	}
	sequence, err := strconv.ParseUint(answer.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the message has no sequence number: %w", err)
	}
	return &message{Sequence: sequence, Data: answer.Data}, nil
}

// Close closes the connection.
func (a *appender) Close() error {
	a.connection.close()
	return nil
}

// subject is that of a list: one token, whatever the list is called.
func subject(list string) string {
	return subjectPrefix + strings.ReplaceAll(url.QueryEscape(list), ".", "%2E")
}
