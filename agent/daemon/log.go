package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// logLimit is the size at which the log file makes room: it becomes the one
// old log, in place of the one before, and a new one begins.
const logLimit = 1 << 20

// OpenLog is a logger to stderr and to a file of bounded size. A file that
// cannot be opened is said and done without.
func OpenLog(path string, stderr io.Writer, level slog.Level) (*slog.Logger, io.Closer) {
	file := &logFile{path: path, limit: logLimit}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(quiet{stderr}, quiet{file}), &slog.HandlerOptions{Level: level}))
	if err := file.open(); err != nil {
		log.Warn("the log goes to standard error only", "error", err)
	}
	return log, file
}

// quiet swallows the errors of a writer, so that one that fails (a full disk,
// a closed stderr) takes nothing from the other.
type quiet struct{ w io.Writer }

// Write implements io.Writer.
func (q quiet) Write(p []byte) (int, error) {
	_, _ = q.w.Write(p)
	return len(p), nil
}

// logFile is a file that does not grow beyond limit.
type logFile struct {
	path  string
	limit int64

	mu   sync.Mutex
	file *os.File
	size int64
}

func (l *logFile) open() error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("open the log: %w", err)
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.size > 0 && l.size+int64(len(p)) > l.limit {
		_ = l.file.Close() // Windows renames no open file
		l.file = nil
		_ = os.Rename(l.path, l.path+".1")
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
		if l.size+int64(len(p)) > l.limit { // it could not be renamed
			if err := l.file.Truncate(0); err != nil {
				return 0, err
			}
			l.size = 0
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// Close implements io.Closer.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
