package store

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeRequest(t *testing.T) {
	for line, want := range map[string]Request{
		`{"op":"read","key":"k"}`:                           {Op: OpRead, Key: "k"},
		`{"op":"write","key":"k","value":-7}`:               {Op: OpWrite, Key: "k", Value: pointer(-7)},
		`{"op":"write","key":"k","value":null}`:             {Op: OpWrite, Key: "k"},
		` {"op":"cas","key":"k","expect":0,"value":1} `:     {Op: OpCAS, Key: "k", Expect: pointer(0), Value: pointer(1)},
		`{"op":"cas","key":"k"}`:                            {Op: OpCAS, Key: "k"},
		`{"op":"status"}`:                                   {Op: OpStatus},
		`{"op":"sync"}`:                                     {Op: OpSync},
		`{"op":"append","key":"l","value":0}`:               {Op: OpAppend, Key: "l", Value: pointer(0)},
		`{"op":"list","key":"l"}`:                           {Op: OpList, Key: "l"},
		`{"op":"list-local","key":"l"}`:                     {Op: OpListLocal, Key: "l"},
		`{"op":"write","key":"k","value":1152921504606847}`: {Op: OpWrite, Key: "k", Value: pointer(1152921504606847)},
	} {
		got, err := DecodeRequest([]byte(line))
		require.NoError(t, err, line)
		require.Equal(t, want, got, line)
	}
	for line, why := range map[string]string{
		``:                                     "EOF",
		`{`:                                    "EOF",
		`[]`:                                   "cannot unmarshal",
		`{}`:                                   "want read, write, cas, append, list, list-local, sync or status",
		`{"op":"delete","key":"k"}`:            `"delete"`,
		`{"op":"read"}`:                        "a key of 0 bytes",
		`{"op":"read","key":"k","value":1}`:    "takes no value",
		`{"op":"write","key":"k","expect":1}`:  "cas does",
		`{"op":"write","key":"k","value":1.5}`: "1.5",
		`{"op":"write","key":"k","value":"1"}`: "string",
		`{"op":"write","key":"k","ttl":1}`:     "ttl",
		`{"op":"write","key":"k","value":9223372036854775808}`:             "9223372036854775808",
		`{"op":"status","key":"k"}`:                                        "status takes no key",
		`{"op":"sync","key":"k"}`:                                          "sync takes no key",
		`{"op":"append","key":"l"}`:                                        "append takes a value",
		`{"op":"append","key":"l","value":1,"expect":1}`:                   "no expected one",
		`{"op":"list","key":"l","value":1}`:                                "list takes no value",
		`{"op":"list-local"}`:                                              "a key of 0 bytes",
		`{"op":"status"}{"op":"status"}`:                                   "more than one",
		`{"op":"read","key":"` + strings.Repeat("k", MaxKeyBytes+1) + `"}`: "a key of 257 bytes",
		strings.Repeat(" ", MaxLineBytes+1):                                "the limit is",
	} {
		_, err := DecodeRequest([]byte(line))
		require.ErrorContains(t, err, why, line)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(`{"op":"read","key":"k"}`))
	f.Add([]byte(`{"op":"cas","key":"k","expect":0,"value":1}`))
	f.Add([]byte(`{"op":"append","key":"l","value":3}`))
	f.Add([]byte(`{"op":"status"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		request, err := DecodeRequest(line)
		if err != nil {
			require.Zero(t, request.Value)
			return
		}
		text, err := json.Marshal(request)
		require.NoError(t, err)
		again, err := DecodeRequest(text)
		require.NoError(t, err)
		require.Equal(t, request, again)
	})
}
