// Package link names the network between nodes and clients, and is how clients
// reach a system.
//
// A flow A→B is all bytes and packets from A to B, whoever dialled. An end of a
// flow is a node ("n1") or a client group ("clients"). A link is the pair of
// flows between two ends.
//
// Clients are on the network too: an adapter never dials by itself, it asks its
// [Session], so every (group, node, port) is a link that can be cut, and any
// address that a system hands out works.
package link
