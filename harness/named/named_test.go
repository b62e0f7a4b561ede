package named_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/named"
)

type shape interface{ Area() int }

type Square struct {
	Side int
	Wait time.Duration
}

func (s Square) Area() int { return s.Side * s.Side }

type Group struct{ Members []shape }

func (g Group) Area() int { return len(g.Members) }

type Code struct{ Do func() }

func (Code) Area() int { return 0 }

func init() { named.Register(Square{}, Group{}) }

func TestValuesBehindInterfacesComeBack(t *testing.T) {
	want := Group{Members: []shape{Square{Side: 2, Wait: 3 * time.Second}, Group{Members: []shape{Square{Side: 1}}}}}
	text, err := named.Marshal(want)
	require.NoError(t, err)
	require.Contains(t, string(text), `"type": "named_test.Square"`)
	require.Contains(t, string(text), `"Wait": "3s"`)
	var got Group
	require.NoError(t, named.Unmarshal(text, &got))
	require.Equal(t, want, got)
}

func TestCodeIsShownAndCantBeReadBack(t *testing.T) {
	text, err := named.Marshal(Group{Members: []shape{Code{Do: func() {}}}})
	require.NoError(t, err)
	var got Group
	require.ErrorContains(t, named.Unmarshal(text, &got), "Members[0]: named_test.Code (code) is code")
}

func TestErrorsNameThePlaceAndTheRemedy(t *testing.T) {
	for text, says := range map[string]string{
		`{"Members":[{"type":"named_test.Circle"}]}`:                   `Members[0]: no type "named_test.Circle" is known here; known are`,
		`{"Members":[{"type":"named_test.Square","Corners":4}]}`:       `has no field "Corners"`,
		`{"Members":[{"type":"named_test.Square","Wait":"for ever"}]}`: `Members[0].Wait`,
		`{"Members":7}`: `Members: expected a list, found 7`,
		`{`:             `EOF`,
	} {
		var got Group
		require.ErrorContains(t, named.Unmarshal([]byte(text), &got), says, text)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"Members":[{"type":"named_test.Square","Side":2}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got Group
		if named.Unmarshal(text, &got) != nil {
			return
		}
		again, err := named.Marshal(got)
		require.NoError(t, err)
		var second Group
		require.NoError(t, named.Unmarshal(again, &second))
		require.Equal(t, got.Area(), second.Area())
	})
}
