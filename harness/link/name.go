package link

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"
)

// NameAction is what becomes of a question for a name (DNS, RFC 1035).
type NameAction string

// The actions on names.
const (
	// NoSuchName answers that there is no such name (NXDOMAIN): the asker gives up at once.
	NoSuchName NameAction = "no-such-name"
	// ServerFailure answers that the server failed (SERVFAIL): many askers try again.
	ServerFailure NameAction = "server-failure"
	// QueryRefused answers that the server will not say (REFUSED).
	QueryRefused NameAction = "query-refused"
	// NoAnswer swallows the question: the asker's own timeout decides.
	NoAnswer NameAction = "no-answer"
	// LateAnswer passes the question on later than it came.
	LateAnswer NameAction = "late-answer"
	// WrongAnswer answers with another address than the name's.
	WrongAnswer NameAction = "wrong-answer"
)

// NameActions are all that there are.
var NameActions = []NameAction{NoSuchName, ServerFailure, QueryRefused, NoAnswer, LateAnswer, WrongAnswer}

// NameEffect is an action on the questions for names that a node asks, with its
// parameters. It belongs to the node that asks, not to a flow.
type NameEffect struct {
	Action NameAction `json:"action"`
	// Names are those that it falls on, as they are asked; case does not matter,
	// and * stands for any text ("*.example.com"; see [path.Match]). None is all.
	Names []string `json:"names,omitempty"`
	// Latency and Jitter are for LateAnswer: each question waits Latency ± a uniform
	// draw up to Jitter.
	Latency time.Duration `json:"latency,omitempty"`
	Jitter  time.Duration `json:"jitter,omitempty"`
	// Seed makes the draws of Jitter repeatable.
	Seed uint64 `json:"seed,omitempty"`
	// Answer is for WrongAnswer: the name of a node, or an IP address. Who asks for
	// addresses of the other version of IP is told that there are none, and
	// questions for anything but addresses pass.
	Answer string `json:"answer,omitempty"`
}

// Validate says what is wrong with an effect on names.
func (e NameEffect) Validate() error {
	if !slices.Contains(NameActions, e.Action) {
		return fmt.Errorf("unknown action on names %q: there are %v", e.Action, NameActions)
	}
	for _, pattern := range e.Names {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.ContainsAny(pattern, " \t\r\n/") {
			return fmt.Errorf("%s: %q is neither a name nor a pattern for names, such as *.example.com", e.Action, pattern)
		}
	}
	late := e.Action == LateAnswer
	switch {
	case !late && (e.Latency != 0 || e.Jitter != 0):
		return fmt.Errorf("%s has no latency and no jitter: they are parameters of %s", e.Action, LateAnswer)
	case e.Latency < 0 || e.Jitter < 0 || late && e.Latency+e.Jitter == 0:
		return fmt.Errorf("%s wants a latency or a jitter above zero, and neither below: %v ± %v", e.Action, e.Latency, e.Jitter)
	case e.Action == WrongAnswer && e.Answer == "":
		return fmt.Errorf("%s wants an answer: the name of a node, or an IP address", e.Action)
	case e.Action != WrongAnswer && e.Answer != "":
		return fmt.Errorf("%s has no answer: it is a parameter of %s", e.Action, WrongAnswer)
	}
	if a, err := netip.ParseAddr(e.Answer); err == nil && (a.Zone() != "" || a.Is4In6()) {
		return errors.New("an answer is a plain IPv4 or IPv6 address, and " + e.Answer + " is none")
	}
	return nil
}

// FallsOn says whether the effect is one on questions for the name.
func (e NameEffect) FallsOn(name string) bool {
	if len(e.Names) == 0 {
		return true
	}
	name = bareName(name)
	return slices.ContainsFunc(e.Names, func(pattern string) bool {
		matches, err := path.Match(bareName(pattern), name)
		return err == nil && matches
	})
}

// bareName is a name without what does not matter: its case, and the root's dot.
func bareName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Resolution is what a program was told about a name.
type Resolution struct {
	// Addresses are sorted; there are none where it failed.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	// Failure is the resolver's word on why there are none. NotFound says that it
	// was told that the name has no address, TimedOut that it was told nothing in time.
	Failure  string `json:"failure,omitempty"`
	NotFound bool   `json:"not_found,omitempty"`
	TimedOut bool   `json:"timed_out,omitempty"`
	// Took is how long it took.
	Took time.Duration `json:"took"`
}

// String is "10.0.0.2 after 1ms", or "no such host after 1ms".
func (r Resolution) String() string {
	what := r.Failure
	if what == "" {
		what = strings.Trim(fmt.Sprint(r.Addresses), "[]")
	}
	return fmt.Sprintf("%s after %v", what, r.Took.Round(time.Millisecond))
}
