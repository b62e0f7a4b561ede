package cluster

import (
	"context"
	"time"

	"github.com/seatrial/seatrial/harness/link"
)

// Versioned is a system that exists in several versions.
type Versioned interface {
	System
	// Versions lists those offered, the default first.
	Versions() []string
	// WithVersion returns the system in another version. Its Validate says
	// whether that is one of those offered.
	WithVersion(version string) System
}

// Defect is a fault in a system's own logic that can be switched on, to show
// that the harness notices it.
type Defect struct {
	Name string
	// About says what it breaks.
	About string
	// CaughtBy is the scenario made to catch it.
	CaughtBy string
}

// Defective is a system with defects to switch on.
type Defective interface {
	System
	Defects() []Defect
	// WithDefect returns the system with that defect. Its Validate says whether
	// there is one of that name.
	WithDefect(name string) System
}

// Leisurely is a system that takes long to start, and to serve again after faults.
type Leisurely interface {
	System
	// Beyond is about how long a run takes beyond its load, for a list of scenarios.
	Beyond() time.Duration
}

// Viewer is a system whose nodes can say how they see the cluster: who leads, who
// follows and how far behind. It is noted in the history before faults are undone.
type Viewer interface {
	System
	// Seen is what the session's node says, in a few words.
	Seen(ctx context.Context, session link.Session) (string, error)
}
