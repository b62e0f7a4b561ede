package main

import (
	"errors"
	"fmt"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/seatrial/seatrial/harness/link"
)

// question is a message that asks one thing.
type question struct {
	dnsmessage.Question
	header dnsmessage.Header
	edns   bool // it carries an OPT record, so the answer must; see RFC 6891
	size   int
}

// parseQuestion reads a message; false means that it is not an ordinary question
// for one thing, which is all that effects fall on.
func parseQuestion(message []byte) (q question, ok bool) {
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil || header.Response || header.OpCode != 0 {
		return q, false
	}
	asked, err := p.AllQuestions()
	if err != nil || len(asked) != 1 {
		return q, false
	}
	q = question{Question: asked[0], header: header, size: len(message)}
	if err := errors.Join(p.SkipAllAnswers(), p.SkipAllAuthorities()); err != nil {
		return q, false
	}
	for {
		h, err := p.AdditionalHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return q, true
		}
		if err != nil || p.SkipAdditional() != nil {
			return q, false
		}
		q.edns = q.edns || h.Type == dnsmessage.TypeOPT
	}
}

func (q question) name() string { return q.Name.String() }

// forAddress reports whether an address is asked for, of either version.
func (q question) forAddress() bool {
	return q.Class == dnsmessage.ClassINET && (q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA)
}

// forZone reports whether a whole zone is asked for, which is many messages: AXFR
// (RFC 5936) and IXFR (RFC 1995).
func (q question) forZone() bool { return q.Type == dnsmessage.TypeAXFR || q.Type == 251 }

// answer is what the effect answers. Nothing in it may be kept by its reader: the
// addresses live for 0 seconds, and a failure without an SOA record is not cached
// (RFC 2308).
func (q question) answer(e *nameEffect) ([]byte, error) {
	header := dnsmessage.Header{
		ID: q.header.ID, Response: true, RecursionDesired: q.header.RecursionDesired, RecursionAvailable: true,
		CheckingDisabled: q.header.CheckingDisabled,
	}
	switch e.Action {
	case link.NoSuchName:
		header.RCode = dnsmessage.RCodeNameError
	case link.ServerFailure:
		header.RCode = dnsmessage.RCodeServerFailure
	case link.QueryRefused:
		header.RCode = dnsmessage.RCodeRefused
	}
	m := dnsmessage.Message{Header: header, Questions: []dnsmessage.Question{q.Question}}
	for _, a := range e.answer {
		own := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: own, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: own, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	if q.edns {
		const payload = 1232 // what never needs fragments
		var opt dnsmessage.ResourceHeader
		if err := opt.SetEDNS0(payload, dnsmessage.RCodeSuccess, false); err != nil {
			return nil, fmt.Errorf("answer a question for %s: %w", q.name(), err)
		}
		m.Additionals = []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("answer a question for %s: %w", q.name(), err)
	}
	return packed, nil
}
