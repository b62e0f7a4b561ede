package pod

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// evidenceLimit bounds the fetching of one node's log or data.
const evidenceLimit = 5 * time.Minute

// Logs implements [cluster.Cluster]: standard output and standard error, of which
// the engine keeps the last 128 MB. It reads the two separately and a little
// later: lines of both that were printed together may be in either order, and the
// last words of a node that runs may be missing. Of one that ended all are there.
func (c *running) Logs(ctx context.Context, node string, to io.Writer) error {
	p, err := c.pod(node)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceLimit)
	defer cancel()
	if err := c.copyLog(ctx, p.nodeID, "all", to); err != nil {
		return fmt.Errorf("read the log of node %s: %w", node, err)
	}
	return nil
}

func (c *running) copyLog(ctx context.Context, id, lines string, to io.Writer) error {
	log, err := c.docker.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: lines})
	if err != nil {
		return err
	}
	defer log.Close()
	_, err = stdcopy.StdCopy(to, to, log)
	return err
}

// ended is the error for a container that does not run, with its last words.
func (c *running) ended(ctx context.Context, id, why string) error {
	var last bytes.Buffer
	if err := c.copyLog(ctx, id, "5", &last); err != nil || last.Len() == 0 {
		return errors.New(why)
	}
	return fmt.Errorf("%s; its last words: %s", why, strings.TrimSpace(last.String()))
}

// Data implements [cluster.Cluster]. Names in the archive are relative to the
// data directory.
func (c *running) Data(ctx context.Context, node string, to io.Writer) error {
	p, err := c.pod(node)
	if err != nil {
		return fmt.Errorf("copy the data: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceLimit)
	defer cancel()
	archive, err := c.docker.CopyFromContainer(ctx, p.nodeID, client.CopyFromContainerOptions{SourcePath: c.dataPath()})
	if err != nil {
		return fmt.Errorf("copy the data of node %s: %w", node, err)
	}
	defer archive.Content.Close()
	if err := relative(archive.Content, to); err != nil {
		return fmt.Errorf("copy the data of node %s: %w", node, err)
	}
	return nil
}

// relative copies an archive without the first component of its names.
func relative(from io.Reader, to io.Writer) error {
	in, out := tar.NewReader(from), tar.NewWriter(to)
	for {
		header, err := in.Next()
		if err == io.EOF {
			return out.Close()
		}
		if err != nil {
			return err
		}
		_, header.Name, _ = strings.Cut(header.Name, "/")
		if header.Name == "" {
			continue // the folder itself
		}
		if header.Typeflag == tar.TypeLink { // names a file of the archive, a symbolic link does not
			_, header.Linkname, _ = strings.Cut(header.Linkname, "/")
		}
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}
