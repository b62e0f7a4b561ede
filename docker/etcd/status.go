package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/seatrial/seatrial/harness/link"
)

// readyKey is what readiness reads. Nobody writes it.
const readyKey = "seatrial/ready"

// Ready reads through the session's node, linearizably: it must serve clients and
// be in touch with a leader that has a quorum.
func (c Cluster) Ready(ctx context.Context, session link.Session) error {
	err := ask(ctx, session, func(client *grpc.ClientConn) error {
		_, err := etcdserverpb.NewKVClient(client).Range(ctx, &etcdserverpb.RangeRequest{Key: []byte(readyKey)})
		return err
	})
	if err != nil {
		return fmt.Errorf("etcd at %s is not ready: %w", session.Node, err)
	}
	return nil
}

// Leader is what the session's node believes, and its raft term. No quorum is
// needed to answer, so a node that is cut off may name one that was deposed.
func (c Cluster) Leader(ctx context.Context, session link.Session) (node string, term uint64, err error) {
	var status *etcdserverpb.StatusResponse
	var members *etcdserverpb.MemberListResponse
	err = ask(ctx, session, func(client *grpc.ClientConn) (err error) {
		status, err = etcdserverpb.NewMaintenanceClient(client).Status(ctx, &etcdserverpb.StatusRequest{})
		if err != nil || status.Leader == 0 || status.Leader == status.Header.MemberId {
			return err
		}
		members, err = etcdserverpb.NewClusterClient(client).MemberList(ctx, &etcdserverpb.MemberListRequest{Linearizable: false})
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("ask etcd at %s for its leader: %w", session.Node, err)
	}
	switch status.Leader {
	case 0:
		return "", status.RaftTerm, nil
	case status.Header.MemberId:
		return session.Node, status.RaftTerm, nil
	}
	for _, member := range members.Members {
		if member.ID == status.Leader && member.Name != "" {
			return member.Name, status.RaftTerm, nil
		}
	}
	return "", 0, fmt.Errorf("ask etcd at %s for its leader: it says member %x in term %d, but does not know that member's name",
		session.Node, status.Leader, status.RaftTerm)
}

// ask makes requests on a connection of their own.
func ask(ctx context.Context, session link.Session, requests func(*grpc.ClientConn) error) error {
	conn, err := connect(session)
	if err != nil {
		return err
	}
	err = conn.call(ctx, requests)
	return errors.Join(err, conn.close())
}
