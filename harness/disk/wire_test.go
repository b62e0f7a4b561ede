package disk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/disk"
)

func TestALossSaysWhatItTook(t *testing.T) {
	for want, loss := range map[string]disk.Loss{
		"nothing":             {},
		"13 changes of names": {Names: 13},
		"1 change of names, 2 files, 1 page, 8192 bytes": {Names: 1, Files: 2, Pages: 1, Bytes: 8192},
		"1 file, 1 byte": {Files: 1, Bytes: 1},
	} {
		require.Equal(t, want, loss.String())
	}
}
