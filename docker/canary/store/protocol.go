package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Op is what a request asks for.
type Op string

// The requests. CAS is compare-and-set.
const (
	OpRead   Op = "read"
	OpWrite  Op = "write"
	OpCAS    Op = "cas"
	OpAppend Op = "append"
	OpList   Op = "list"
	// OpListLocal reads a list from the table of the node that is asked.
	OpListLocal Op = "list-local"
	// OpSync waits until the table of the node that is asked holds all that was
	// acknowledged, by any node, before it was asked.
	OpSync   Op = "sync"
	OpStatus Op = "status"
)

// HasEffect reports whether the request may change what the store holds. One that
// may not was not done if it failed, whatever became of it on the way.
func (o Op) HasEffect() bool { return o == OpWrite || o == OpCAS || o == OpAppend }

// Status is how a request ended.
type Status string

// The ways in which a request ends.
const (
	// OK means that it was done.
	OK Status = "ok"
	// NotDone means that it was not done and never will be.
	NotDone Status = "not-done"
	// Unknown means that it may have been done, or may be done later, or never.
	Unknown Status = "unknown"
)

// Limits on a request and its answer. An append to a list that is full is not done.
const (
	MaxLineBytes    = 4096
	MaxKeyBytes     = 256
	MaxListElements = 1 << 16
	MaxAnswerBytes  = 2 << 20 // a full list, of numbers as long as they get
)

// Request is what a client asks. A nil value means "the key is absent".
type Request struct {
	Op  Op     `json:"op"`
	Key string `json:"key,omitempty"`
	// Value is what a write or a compare-and-set is to store, or an append to add.
	Value *int64 `json:"value,omitempty"`
	// Expect is what a compare-and-set requires the key to hold.
	Expect *int64 `json:"expect,omitempty"`
}

// Response is what the client is told.
type Response struct {
	Status Status `json:"status"`
	// Value is what a read saw, and what a refused compare-and-set saw.
	Value *int64 `json:"value,omitempty"`
	// List is what a read of a list saw, in the order of the appends.
	List []int64 `json:"list,omitempty"`
	// Swapped says that a compare-and-set took effect.
	Swapped bool `json:"swapped,omitempty"`
	// Error says why the status is not OK.
	Error string `json:"error,omitempty"`

	// The rest answers OpStatus, from the node's own view: its name, who it
	// believes leads ("" where it knows nobody), its term, and the index of the
	// last log entry it applied. OpSync answers with Applied alone: the table holds
	// that entry, and may hold more.
	Node    string `json:"node,omitempty"`
	Leader  string `json:"leader,omitempty"`
	Term    uint64 `json:"term,omitempty"`
	Applied uint64 `json:"applied,omitempty"`
}

// DecodeRequest reads a line of the client protocol and says what is wrong with it.
func DecodeRequest(line []byte) (Request, error) {
	var r Request
	if len(line) > MaxLineBytes {
		return r, fmt.Errorf("decode a request: a line of %d bytes, the limit is %d", len(line), MaxLineBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return Request{}, fmt.Errorf("decode a request: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Request{}, errors.New("decode a request: more than one JSON value on the line")
	}
	if err := r.validate(); err != nil {
		return Request{}, fmt.Errorf("decode a request: %w", err)
	}
	return r, nil
}

func (r Request) validate() error {
	switch r.Op {
	case OpStatus, OpSync:
		if r.Key != "" || r.Value != nil || r.Expect != nil {
			return fmt.Errorf("%s takes no key and no value", r.Op)
		}
		return nil
	case OpRead, OpList, OpListLocal:
		if r.Value != nil || r.Expect != nil {
			return fmt.Errorf("%s takes no value", r.Op)
		}
	case OpAppend:
		if r.Value == nil || r.Expect != nil {
			return errors.New("append takes a value, and no expected one")
		}
	case OpWrite:
		if r.Expect != nil {
			return errors.New("write takes no expected value; cas does")
		}
	case OpCAS:
	default:
		return fmt.Errorf("op %q: want read, write, cas, append, list, list-local, sync or status", r.Op)
	}
	if r.Key == "" || len(r.Key) > MaxKeyBytes {
		return fmt.Errorf("a key of %d bytes: want 1 to %d", len(r.Key), MaxKeyBytes)
	}
	return nil
}

func notDone(format string, args ...any) Response {
	return Response{Status: NotDone, Error: fmt.Sprintf(format, args...)}
}

// failed is the answer to a request that may have been carried out. A read has no
// effect, so a read that failed was certainly not done.
func failed(op Op, format string, args ...any) Response {
	r := notDone(format, args...)
	if op.HasEffect() {
		r.Status = Unknown
	}
	return r
}
