package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/link"
)

// stream is what JetStream says of the stream.
type stream struct {
	State struct {
		Messages uint64 `json:"messages"`
	} `json:"state"`
	Cluster *struct {
		Leader   string `json:"leader"`
		Replicas []struct {
			Name    string `json:"name"`
			Current bool   `json:"current"`
			Offline bool   `json:"offline"`
			Lag     uint64 `json:"lag"`
		} `json:"replicas"`
	} `json:"cluster"`
}

// noStream is JetStream's code for "stream not found".
const noStream = 10059

// look asks for the stream; where it is not there it makes it, or says so.
func (c Cluster) look(ctx context.Context, session link.Session, make bool) (s stream, err error) {
	conn, err := connect(ctx, session)
	if err != nil {
		return s, err
	}
	defer conn.close()
	err = conn.api(ctx, "STREAM.INFO."+streamName, struct{}{}, &s)
	if api := (*apiError)(nil); make && errors.As(err, &api) && api.ErrCode == noStream {
		err = conn.api(ctx, "STREAM.CREATE."+streamName, map[string]any{
			"name": streamName, "subjects": []string{subjectPrefix + ">"}, "retention": "limits", "storage": "file",
			"max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "discard": "old",
			"num_replicas": c.count(), "allow_direct": true,
		}, &s)
	}
	return s, err
}

// Ready asks through the session's node for the stream: it must have a leader, and
// every replica must be current.
func (c Cluster) Ready(ctx context.Context, session link.Session) error {
	s, err := c.look(ctx, session, true)
	if err == nil {
		err = c.whole(s)
	}
	if err != nil {
		return fmt.Errorf("nats at %s is not ready: %w", session.Node, err)
	}
	return nil
}

// whole says what a stream lacks.
func (c Cluster) whole(s stream) error {
	if c.count() == 1 {
		return nil
	}
	if s.Cluster == nil || s.Cluster.Leader == "" {
		return errors.New("the stream has no leader")
	}
	if got := len(s.Cluster.Replicas); got != c.count()-1 {
		return fmt.Errorf("the stream has %d of %d followers", got, c.count()-1)
	}
	for _, r := range s.Cluster.Replicas {
		if !r.Current || r.Offline {
			return fmt.Errorf("the replica on %s is not current, %d entries behind", r.Name, r.Lag)
		}
	}
	return nil
}

// Leader is the stream's leader, as the session's node sees it.
func (c Cluster) Leader(ctx context.Context, session link.Session) (node string, term uint64, err error) {
	if c.count() == 1 {
		return c.NodeNames()[0], 0, nil
	}
	s, err := c.look(ctx, session, false)
	if err != nil {
		return "", 0, fmt.Errorf("ask nats at %s for the stream's leader: %w", session.Node, err)
	}
	if s.Cluster == nil {
		return "", 0, nil
	}
	return s.Cluster.Leader, 0, nil
}

// Seen implements [cluster.Viewer].
func (c Cluster) Seen(ctx context.Context, session link.Session) (string, error) {
	s, err := c.look(ctx, session, false)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%d messages", s.State.Messages)
	if s.Cluster == nil {
		return text, nil
	}
	words := []string{text, "leader " + s.Cluster.Leader}
	for _, r := range s.Cluster.Replicas {
		state := "current"
		switch {
		case r.Offline:
			state = "offline"
		case !r.Current:
			state = fmt.Sprintf("%d behind", r.Lag)
		}
		words = append(words, r.Name+" "+state)
	}
	return strings.Join(words, ", "), nil
}
