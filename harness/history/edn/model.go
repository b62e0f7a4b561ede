package edn

import (
	"slices"
	"strings"
)

// action is what an operation's function means in a model.
type action uint8

const (
	read action = iota
	write
	swap
	add // an element, to a list or set
	list
	enqueue
	dequeue
	drain
	increase
	generate
	acquire
	release
	transact
	balances
	transfer
)

// function is a value of :f, and what it means.
type function struct {
	name string
	act  action
}

// model says how the histories of one kind of object are to be understood.
type model struct {
	name string
	// object is the key of operations that name none; it is empty for
	// transactions, and where each operation must name its key.
	object    string
	functions []function
	// wild says that nil is no answer to a read, unless an option says otherwise.
	wild bool
	// anything says that what a key holds at first is unknown then.
	anything bool
	// lists says that the reads of transactions are of lists.
	lists bool
	// fenced says that an acquisition is answered with a token.
	fenced bool
	// keyed says that every operation names its key.
	keyed bool
}

var (
	setFunctions   = []function{{"add", add}, {"read", list}}
	queueFunctions = []function{{"enqueue", enqueue}, {"dequeue", dequeue}, {"drain", drain}}
	lockFunctions  = []function{{"acquire", acquire}, {"release", release}}
	countFunctions = []function{{"add", increase}, {"read", read}}
	txnFunctions   = []function{{"txn", transact}, {"read", transact}, {"write", transact}}
)

var models = []model{
	{name: "register", object: "register", wild: true, anything: true, functions: []function{{"read", read}, {"write", write}, {"cas", swap}}},
	{name: "cas-register", object: "register", wild: true, anything: true, functions: []function{{"read", read}, {"write", write}, {"cas", swap}}},
	{name: "multi-register", wild: true, anything: true, functions: txnFunctions},
	{name: "kv", keyed: true, wild: true, anything: true, functions: []function{{"get", read}, {"put", write}, {"append", add}}},
	{name: "mutex", object: "mutex", functions: lockFunctions},
	{name: "fenced-mutex", object: "mutex", fenced: true, functions: lockFunctions},
	{name: "fifo-queue", object: "queue", functions: queueFunctions},
	{name: "queue", object: "queue", functions: queueFunctions},
	{name: "total-queue", object: "queue", functions: queueFunctions},
	{name: "set", object: "set", wild: true, functions: setFunctions},
	{name: "set-full", object: "set", functions: setFunctions},
	{name: "linearizable-set", object: "set", wild: true, functions: setFunctions},
	{name: "counter", object: "counter", wild: true, functions: countFunctions},
	{name: "linearizable-counter", object: "counter", wild: true, functions: countFunctions},
	{name: "unique-ids", object: "ids", functions: []function{{"generate", generate}}},
	{name: "bank", functions: []function{{"read", balances}, {"transfer", transfer}}},
	{name: "long-fork", functions: txnFunctions},
	{name: "causal-reverse", object: "list", functions: []function{{"write", add}, {"read", list}}},
	{name: "list-append", lists: true, functions: []function{{"txn", transact}}},
	{name: "rw-register", functions: []function{{"txn", transact}}},
}

// Models lists the names that [Options.Model] may have.
func Models() []string {
	names := make([]string, len(models))
	for i := range models {
		names[i] = models[i].name
	}
	return names
}

func modelOf(name string) (*model, bool) {
	i := slices.IndexFunc(models, func(m model) bool { return m.name == name })
	if i < 0 {
		return nil, false
	}
	return &models[i], true
}

// action is what a function means, false where the model has none of that name.
func (m *model) action(name []byte) (action, bool) {
	for i := range m.functions {
		if m.functions[i].name == string(name) {
			return m.functions[i].act, true
		}
	}
	return 0, false
}

// takes lists the functions that a model knows, for a person.
func (m *model) takes() string {
	names := make([]string, len(m.functions))
	for i, f := range m.functions {
		names[i] = ":" + f.name
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
