package model

import "slices"

// named are the models that a history's header can name.
var named = []struct {
	name string
	make func() Model
}{
	{"register", func() Model { return Register() }},
	{"cas-register", func() Model { return CASRegister() }},
	{"multi-register", func() Model { return MultiRegister() }},
	{"kv", func() Model { return KV() }},
	{"linearizable-set", func() Model { return Set() }},
	{"linearizable-counter", func() Model { return Counter() }},
	{"fifo-queue", func() Model { return FIFOQueue() }},
	{"queue", func() Model { return Queue() }},
	{"mutex", func() Model { return Mutex() }},
	{"fenced-mutex", func() Model { return FencedMutex() }},
}

// ByName returns the model that a history's header names. The list of
// [AppendList] is not among them: a header that says "append-list" asks for
// what lists promise in practice, which other checkers judge.
func ByName(name string) (Model, bool) {
	i := slices.IndexFunc(named, func(m struct {
		name string
		make func() Model
	}) bool {
		return m.name == name
	})
	if i < 0 {
		return nil, false
	}
	return named[i].make(), true
}

// Names lists the names that [ByName] knows.
func Names() []string {
	names := make([]string, len(named))
	for i := range named {
		names[i] = named[i].name
	}
	return names
}
