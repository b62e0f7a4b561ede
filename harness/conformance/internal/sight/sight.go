// Package sight is what the nodes of the conformance suite are asked, and what
// they tell.
package sight

import "time"

// The environment of a node.
const (
	EnvNode   = "SIGHT_NODE"   // its name
	EnvData   = "SIGHT_DATA"   // its data directory
	EnvClient = "SIGHT_CLIENT" // the address for clients
	EnvPeer   = "SIGHT_PEER"   // the address for peers, TCP and UDP
	EnvPeers  = "SIGHT_PEERS"  // name=address of each peer
)

// Question says what a node is to look at.
type Question struct {
	// Within bounds every single look.
	Within time.Duration
	// Datagrams is how many are sent to each peer, marked with Mark; 0 is none.
	Datagrams int
	Mark      string
	// Bulk is how many bytes are sent to each peer and back.
	Bulk int
	// Names are resolved.
	Names []string
	// Work has the node burn a processor for a while, write a file, start a child and
	// sync a file.
	Work bool
	// Heard asks for the datagrams that came with Mark, and for nothing else.
	Heard bool
}

// Sight is what a node saw.
type Sight struct {
	// Life is another at each start of the program.
	Life  int64
	Peers map[string]Peer   `json:",omitempty"`
	Names map[string]Name   `json:",omitempty"`
	Work  *Work             `json:",omitempty"`
	Heard map[string][]int  `json:",omitempty"` // the numbers of datagrams by sender, in their order
	Limit map[string]string `json:",omitempty"` // of the node's control group, by the kernel's word
}

// The ends of a look.
const (
	OK      = "ok"
	Refused = "refused"
	Reset   = "reset"
	Timeout = "timeout"
)

// Look is how one look ended: OK, Refused, Reset, Timeout, or an error's text.
type Look struct {
	End  string
	Took time.Duration
}

// Peer is what was seen of a peer.
type Peer struct {
	// Dial is a new connection that was answered on; Kept one that was there before,
	// where there was one; Bulk is bytes there and back on a new connection; Close is
	// from the end of the node's half of a connection to that of the peer's.
	Dial, Kept, Bulk, Close Look
}

// Name is how a name was resolved.
type Name struct {
	Look
	Addresses []string
}

// Work is what became of a piece of work.
type Work struct {
	// Wall is how long it took, and CPU how much of a processor's time it had.
	Wall, CPU time.Duration
	// Child is how starting a child ended.
	Child string
	// Fsync is of a file that was written before.
	Fsync Look
}
