package history

// Kind is what the step does.
func (s Step) Kind() Kind { return s.kind }

// Key is the key that the step is on.
func (s Step) Key() string { return s.key }

// Value is what a step that writes was given, and what a read was told: [None]
// where it was told nothing.
func (s Step) Value() Value { return s.value }

// Elements is what a read of a list was told; told is false where it was told
// nothing, which is not the same as an empty list.
func (s Step) Elements() (elements []Value, told bool) { return s.elements, s.listed }
