// Package admin lets commands speak with the platform that runs on the same
// folder: HTTP over a socket that only the folder's owner can open.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform"
)

// Guest is what the platform knows of a guest.
type Guest struct {
	Guest string `json:"guest"`
	// Desired is nil if nothing was set yet, Reported if it never reported.
	Desired  *state.Desired  `json:"desired"`
	Reported *state.Reported `json:"reported"`
}

// set is the answer to a new document.
type set struct {
	Revision uint64 `json:"revision"`
}

// failure is the answer to what could not be done.
type failure struct {
	Error string `json:"error"`
}

// longestPath is what fits into sun_path of unix(7) with its final zero.
const longestPath = 107

// Socket is the socket in the platform's folder.
func Socket(dir string) string { return filepath.Join(dir, "admin.sock") }

// Server answers commands.
type Server struct {
	http    http.Server
	serving sync.WaitGroup
}

// Serve answers commands until Close. The caller has the folder to itself
// (platform.Start saw to that), so a socket that is there is a dead one's.
func Serve(p *platform.Platform, dir string, log *slog.Logger) (*Server, error) {
	path := Socket(dir)
	if len(path) > longestPath {
		return nil, fmt.Errorf("open the admin socket: %s has %d bytes, and a socket's path at most %d; choose a shorter folder", path, len(path), longestPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	// The folder is open to its owner alone, also before this.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open the admin socket: %w", err), l.Close())
	}
	s := &Server{http: http.Server{
		Handler: handler(p, log), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	s.serving.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin socket", "error", err)
		}
	})
	return s, nil
}

// Close lets what is being answered end, for as long as ctx does.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.serving.Wait()
	return err
}

func handler(p *platform.Platform, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/guests/{guest}/enrolment", func(w http.ResponseWriter, r *http.Request) {
		join, err := p.Enrol(r.PathValue("guest"))
		answer(w, log, json.RawMessage(join), err)
	})
	mux.HandleFunc("PUT /v1/guests/{guest}/desired", func(w http.ResponseWriter, r *http.Request) {
		sections, err := readSections(http.MaxBytesReader(w, r.Body, state.MaxDocument))
		if err != nil {
			answer(w, log, nil, err)
			return
		}
		revision, err := p.SetDesired(r.Context(), r.PathValue("guest"), sections)
		answer(w, log, set{Revision: revision}, err)
	})
	mux.HandleFunc("POST /v1/guests/{guest}/plan", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel, err := waiting(r)
		if err != nil {
			answer(w, log, nil, err)
			return
		}
		defer cancel()
		sections, err := readSections(http.MaxBytesReader(w, r.Body, state.MaxDocument))
		if err != nil {
			answer(w, log, nil, err)
			return
		}
		plan, err := p.Plan(ctx, r.PathValue("guest"), sections)
		answer(w, log, plan, err)
	})
	mux.HandleFunc("POST /v1/guests/{guest}/update", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel, err := waiting(r)
		if err != nil {
			answer(w, log, nil, err)
			return
		}
		defer cancel()
		u, err := readUpdate(r, http.MaxBytesReader(w, r.Body, wire.MaxBinary))
		if err != nil {
			answer(w, log, nil, err)
			return
		}
		done, err := p.Update(ctx, r.PathValue("guest"), u)
		answer(w, log, done, err)
	})
	mux.HandleFunc("POST /v1/key/rotation", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, log, struct{}{}, p.RotateKey())
	})
	mux.HandleFunc("GET /v1/guests/{guest}", func(w http.ResponseWriter, r *http.Request) {
		g, err := look(r.Context(), p, r.PathValue("guest"))
		answer(w, log, g, err)
	})
	return mux
}

// waiting bounds a question to a guest by what the command is ready to wait.
func waiting(r *http.Request) (context.Context, context.CancelFunc, error) {
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil || wait <= 0 {
		return nil, nil, errors.New("wait: needs a time such as 2m")
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), wait, fmt.Errorf("not within %s", wait))
	return ctx, cancel, nil
}

// readUpdate reads a new guestd; what it is is told in the query.
func readUpdate(r *http.Request, body io.Reader) (platform.Update, error) {
	q := r.URL.Query()
	window, err := time.ParseDuration(q.Get("window"))
	if err != nil || window < 0 {
		return platform.Update{}, errors.New("window: needs a time such as 5m")
	}
	executable, err := io.ReadAll(body)
	if err != nil {
		return platform.Update{}, fmt.Errorf("read the new guestd: %w", err)
	}
	return platform.Update{Version: q.Get("version"), Target: q.Get("target"), Window: window, Executable: executable}, nil
}

// readSections reads an object of sections; what is in them is the guest's to judge.
func readSections(r io.Reader) (map[string]json.RawMessage, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the sections: %w", err)
	}
	return ParseSections(raw)
}

// ParseSections reads an object whose fields are sections.
func ParseSections(raw []byte) (map[string]json.RawMessage, error) {
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(raw, &sections); err != nil {
		return nil, fmt.Errorf(`not an object of sections such as {"hostname": {"name": "web-1"}}: %w`, err)
	}
	if sections == nil {
		return nil, errors.New(`not an object of sections such as {"hostname": {"name": "web-1"}}: null`)
	}
	return sections, nil
}

func look(ctx context.Context, p *platform.Platform, name string) (Guest, error) {
	if !p.Enrolled(name) {
		return Guest{}, platform.ErrNotEnrolled
	}
	g := Guest{Guest: name}
	d, ok, err := p.Desired(ctx, name)
	if err != nil {
		return Guest{}, err
	}
	if ok {
		g.Desired = &d
	}
	if r, ok := p.Reported(name); ok {
		g.Reported = &r
	}
	return g, nil
}

func answer(w http.ResponseWriter, log *slog.Logger, body any, err error) {
	status := http.StatusOK
	switch {
	case errors.Is(err, platform.ErrNotEnrolled):
		status = http.StatusNotFound
	case err != nil:
		status = http.StatusBadRequest
	}
	if err != nil {
		body = failure{Error: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Warn("a command was not answered", "error", err)
	}
}
