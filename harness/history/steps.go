package history

// Step is one step of a transaction, for [Recorder.InvokeTxn], [Recorder.CompleteTxn]
// and [Builder.Txn]; make it with [Reads], [Writes], [Appends], [Lists], [Asks] or
// [Adds]. In a history it is a [Micro].
type Step struct {
	kind     Kind
	key      string
	value    Value
	elements []Value
	listed   bool
}

// Reads is a read that was told a value, or [None] where it was not answered, as
// before its transaction is.
func Reads(key string, result Value) Step { return Step{kind: Read, key: key, value: result} }

// Writes is a write.
func Writes(key string, value Value) Step { return Step{kind: Write, key: key, value: value} }

// Appends is an append to a list.
func Appends(key string, element Value) Step { return Step{kind: Append, key: key, value: element} }

// Lists is a read of a list that was told these elements. It keeps the slice.
func Lists(key string, elements ...Value) Step {
	return Step{kind: ReadList, key: key, value: None, elements: elements, listed: true}
}

// Asks is a read of a list that was not answered, as before its transaction is.
func Asks(key string) Step { return Step{kind: ReadList, key: key, value: None} }

// Adds is an addition to a number.
func Adds(key string, amount Value) Step { return Step{kind: Add, key: key, value: amount} }

// carries reports whether a step of the kind is asked with a value.
func (m *Micro) carries() bool { return m.Kind == Write || m.Kind == Append || m.Kind == Add }

// repeats reports whether m, of an answer, is the step that was asked.
func (m *Micro) repeats(asked *Micro) bool {
	return m.Kind == asked.Kind && m.Key == asked.Key && (!m.carries() || m.Value == asked.Value)
}
