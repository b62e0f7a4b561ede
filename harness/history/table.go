package history

// table numbers strings in the order in which they are first seen.
type table struct {
	names   []string
	numbers map[string]int32
	// recent holds, by a weak hash of its text, one more than a number that was
	// asked for: most keys are found here, at a third of the map's cost.
	recent [256]int32
}

func (t *table) number(text []byte) int32 {
	at := &t.recent[0]
	if n := len(text); n > 1 {
		at = &t.recent[(text[n-1]+text[n-2]*10+byte(n)*100)&255]
	}
	if *at > 0 && t.names[*at-1] == string(text) {
		return *at - 1
	}
	n, known := t.numbers[string(text)]
	if !known {
		n = t.add(string(text))
	}
	*at = n + 1
	return n
}

func (t *table) add(text string) int32 {
	if t.numbers == nil {
		t.numbers = map[string]int32{}
	}
	n := int32(len(t.names))
	t.names = append(t.names, text)
	t.numbers[text] = n
	return n
}
