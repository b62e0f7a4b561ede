// Package build builds Go programs into a cache: seatrial's own, from whatever
// module uses it, and servers from their modules by a template.
//
//	builder := build.Builder{GOARCH: daemonArchitecture, TempDir: owner.Scratch, Log: log}
//	agent, err := builder.GoPackage(ctx, "github.com/seatrial/seatrial/docker/agent")
//	etcd, err := builder.GoTemplate(ctx, "etcd-3.5.35", files)
//
// Programs are static and for linux. Each content is built once: under a file lock
// that other processes respect (go test runs packages in parallel), into a new
// file that is renamed when it is whole. The cache is SEATRIAL_CACHE, or "seatrial"
// in the user's cache folder. A program that was not asked for in 30 days is removed.
//
// # Why a package is built inside seatrial's own module
//
// From a user's module, go build of seatrial's agent fails with "missing go.sum
// entry" unless the user's own packages reach everything that the agent imports.
// Inside seatrial's module its own go.mod and go.sum hold, which are complete. The
// folder may be the module cache, which is read-only: nothing is written there.
//
// # What a content is
//
// A module of the module cache never changes: its version and checksum stand for
// it. Of a module that is being worked on (the main module, a workspace's, or a
// replacement by folder), it is the files that the package's build reads, embedded
// ones too, with go.mod and go.sum. The go version and GOARCH are part of it, and
// of a template the names and texts of its files.
package build
