package checkers

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

func TestPictureShowsTheProofAndNeedsNoNetwork(t *testing.T) {
	h := load{operations: 20_000, keys: 2, clients: 10, unknown: 0.05, swaps: 0.2}.history(rand.New(rand.NewPCG(1, 1)))
	read, _, _ := synthetic.PlantStaleRead(h, 9_000)
	var page bytes.Buffer
	require.NoError(t, Picture(h, h.Ops[read].Key, &page))
	require.LessOrEqual(t, page.Len(), pictureBytes)
	html := page.String()
	result := judgeLinearizable(t, h)
	for _, op := range result.Proof.Operations {
		require.Contains(t, html, op.Text)
	}
	require.NotRegexp(t, regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//`), html, "a page that loads something")
	boxes := strings.Count(html, `"OriginalStart"`)
	require.Positive(t, boxes)
	require.LessOrEqual(t, boxes, pictureOperations)
}

func TestPictureEscapesWhatItPutsIntoThePage(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "register"})
	evil := b.String("<img src=x onerror=alert(1)>")
	h := b.Write(1, "<b>k</b>", evil, 0, 10).Read(2, "<b>k</b>", history.Nil, 20, 30).History()
	var page bytes.Buffer
	require.NoError(t, Picture(h, 0, &page))
	// encoding/json writes < as \u003c everywhere; what the page then puts into
	// innerHTML must still be escaped after that is undone.
	data := strings.ReplaceAll(page.String(), `\u003c`, "<")
	for _, field := range []string{"StateDescription", "Metadata"} {
		for _, m := range regexp.MustCompile(`"`+field+`":"([^"]*)"`).FindAllStringSubmatch(data, -1) {
			require.NotContains(t, m[1], "<", field)
		}
		require.Contains(t, data, `"`+field+`":`)
	}
}

func TestPictureOfWhatOnlyASearchDecides(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "cas-register"})
	h := b.Write(1, "x", 1, 0, 10).Write(1, "x", 1, 20, 30).Read(2, "x", 2, 40, 50).Write(3, "x", 2, 60, 70).
		Refuse(4, "x", 2, 9, history.None, 80, 90).History()
	var page bytes.Buffer
	require.NoError(t, Picture(h, 0, &page))
	require.Contains(t, page.String(), "cas x 2→9 refused")
}

func TestPictureSaysWhatItCanNotDraw(t *testing.T) {
	h := history.NewBuilder(history.Header{}).Read(1, "x", 1, 0, 10).History()
	require.ErrorContains(t, Picture(h, 5, &bytes.Buffer{}), "no operation on it")
	require.ErrorIs(t, Picture(h, 0, failingWriter{}), errFull)
	h.Ops[0].Return = -5
	require.ErrorContains(t, Picture(h, 0, &bytes.Buffer{}), "malformed")
}

var errFull = errors.New("disk full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

func TestLoadFloor(t *testing.T) {
	unknown := func(b *history.Builder, kind history.Kind) {
		b.Op(9, kind, "x", 5, 6, history.None, history.Info, 100, 0)
	}
	cases := []struct {
		name    string
		floor   LoadFloor
		make    func(b *history.Builder)
		verdict Verdict
		says    string
	}{
		{"empty", LoadFloor{}, func(*history.Builder) {}, Inconclusive, "no operation was tried"},
		{"enough", LoadFloor{}, func(b *history.Builder) { b.Write(1, "x", 1, 0, 10).Read(2, "x", 1, 0, 10) }, Pass, "read 1 of 1 ok, write 1 of 1 ok"},
		{"a kind that never succeeded", LoadFloor{}, func(b *history.Builder) {
			b.Read(2, "x", 1, 0, 10)
			unknown(b, history.Write)
		}, Inconclusive, "write never succeeded: 0 of 1 ok"},
		{"failed only", LoadFloor{}, func(b *history.Builder) {
			b.Op(1, history.Read, "x", history.None, history.None, history.None, history.Fail, 0, 10)
		}, Inconclusive, "read never succeeded: 0 of 1 ok"},
		{"too few", LoadFloor{AtLeast: 3}, func(b *history.Builder) { b.Read(1, "x", 1, 0, 10).Read(1, "x", 1, 10, 20) }, Inconclusive, "2 of 2 ok, asked for were 3"},
		{"refused only", LoadFloor{}, func(b *history.Builder) { b.Refuse(1, "x", 1, 2, 3, 0, 10).Refuse(1, "x", 1, 2, 3, 10, 20) }, Inconclusive, "cas never swapped: all of the 2"},
		{"swapped once", LoadFloor{AtLeast: 2}, func(b *history.Builder) { b.Refuse(1, "x", 1, 2, 3, 0, 10).Swap(1, "x", 1, 2, 10, 20) }, Pass, "cas 2 of 2 ok"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{})
			c.make(b)
			result := c.floor.Check(context.Background(), Evidence{History: b.History()}, Budget{})
			require.Equal(t, c.verdict, result.Verdict)
			require.Contains(t, result.Summary, c.says)
		})
	}
	b := history.NewBuilder(history.Header{}).Refuse(1, "x", 1, 2, 3, 0, 10).Swap(1, "x", 1, 2, 10, 20)
	unknown(b, history.CAS)
	result := LoadFloor{}.Check(context.Background(), Evidence{History: b.History()}, Budget{})
	require.Equal(t, map[string]float64{"cas_ok": 2, "cas_fail": 0, "cas_info": 1, "cas_swapped": 1}, result.Figures)
}

func TestRecoversWithin(t *testing.T) {
	second := time.Second.Nanoseconds()
	cases := []struct {
		name    string
		check   RecoversWithin
		marks   []history.Mark
		verdict Verdict
		says    string
	}{
		{"in time", RecoversWithin{Limit: 5 * time.Second}, []history.Mark{{Time: second, Name: "healed"}, {Time: 3 * second, Name: "recovered"}}, Pass, "2.000 s after"},
		{"at the limit", RecoversWithin{Limit: 2 * time.Second}, []history.Mark{{Time: second, Name: "healed"}, {Time: 3 * second, Name: "recovered"}}, Pass, "limit 2s"},
		{"too late", RecoversWithin{Limit: 5 * time.Second}, []history.Mark{{Time: second, Name: "healed"}, {Time: 7 * second, Name: "recovered"}}, Violation, "only 6.000 s after"},
		{"default limit", RecoversWithin{}, []history.Mark{{Time: 0, Name: "healed"}, {Time: 29 * second, Name: "recovered"}}, Pass, "limit 30s"},
		{"past the default limit", RecoversWithin{}, []history.Mark{{Time: 0, Name: "healed"}, {Time: 31 * second, Name: "recovered"}}, Violation, "limit is 30s"},
		{"never", RecoversWithin{}, []history.Mark{{Time: 0, Name: "healed"}, {Time: 30 * second, Name: "not-recovered", Detail: "n2 refuses"}}, Violation, "n2 refuses"},
		{"not healed", RecoversWithin{}, []history.Mark{{Time: 0, Name: "recovered"}}, Inconclusive, `no mark "healed"`},
		{"an earlier recovery does not count", RecoversWithin{}, []history.Mark{{Time: 0, Name: "recovered"}, {Time: 5, Name: "healed"}}, Inconclusive, "without saying"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := c.check.Check(context.Background(), Evidence{History: &history.History{Marks: c.marks}}, Budget{})
			require.Equal(t, c.verdict, result.Verdict, result.Summary)
			require.Contains(t, result.Summary, c.says)
			require.Equal(t, result.Verdict == Violation, result.Proof != nil)
		})
	}
	result := RecoversWithin{}.Check(context.Background(), Evidence{History: &history.History{Marks: cases[0].marks}}, Budget{})
	require.InDelta(t, 2.0, result.Figures["recovery_seconds"], 1e-9)
}

// Times in a story are cut, never rounded up past a later one, and get as many
// decimals as tell them apart.
func TestStoryTellsTimesApart(t *testing.T) {
	h := history.NewBuilder(history.Header{Model: "register"}).
		Write(1, "x", 1, 1_000_000_000, 1_500_000_000).
		Write(2, "x", 2, 2_000_000_000, 2_999_999_999).
		Read(3, "x", 1, 3_100_000_000, 3_200_000_000).History()
	story := strings.Join(judgeLinearizable(t, h).Proof.Story, "\n")
	require.Contains(t, story, "acknowledged at 2.999 s.")
	h.Ops[2].Call = 3_000_000_100
	h.Ops[1].Return = 3_000_000_000
	story = strings.Join(judgeLinearizable(t, h).Proof.Story, "\n")
	require.Contains(t, story, "acknowledged at 3.000000000 s.")
	require.Contains(t, story, "p3 called read x at 3.000000100 s, after that,")
}

func TestProofNamesTheNode(t *testing.T) {
	h := history.NewBuilder(history.Header{Model: "register"}).Read(3, "x", 9, 0, 10).
		Session(history.Session{Process: 3, Node: "n2"}).History()
	require.Equal(t, "n2", judgeLinearizable(t, h).Proof.Operations[0].Node)
}
