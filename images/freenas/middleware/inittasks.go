package middleware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"innkeeper/images/freenas/ddp"
)

// executeInitTasks is initshutdownscript.execute_init_tasks: the enabled tasks
// of one moment, one after the other, each given its time.
func (s *Server) executeInitTasks(ctx context.Context, params []any) (any, error) {
	when, ok := params[0].(string)
	if !ok {
		return nil, schemaError{"when", "Not a string"}
	}
	records, err := s.store.records(ctx, taskTable)
	if err != nil {
		return nil, err
	}
	id := s.jobs.begin("initshutdownscript.execute_init_tasks", params)
	go func() { // the job's owner is the daemon: it outlives the call and its connection
		for _, record := range records {
			enabled, _ := record.Get("enabled")
			if enabled == true && get(record, "when") == when {
				s.executeTask(record)
			}
		}
		s.jobs.end(id, nil, nil)
	}()
	return id, nil
}

// executeTask runs a task with its output in a pipe and waits for the end of
// the pipe, not only of the process: what a task left in the background holds
// it up if it kept the pipe. After the time is over the middleware goes on,
// and the task goes on, too.
func (s *Server) executeTask(task ddp.Record) {
	name, line := get(task, "command"), get(task, "command")
	temporary := ""
	if get(task, "type") == "SCRIPT" {
		if body := get(task, "script_text"); body != "" {
			name = get(task, "comment")
			path, err := temporaryScript(body)
			if err != nil {
				s.options.Log.Debug("init task", "task", name, "error", err)
				return
			}
			temporary, line = path, "exec "+path
		} else {
			name, line = get(task, "script"), "exec "+get(task, "script")
			if info, err := os.Stat(name); err != nil || info.Mode()&0o111 == 0 {
				return
			}
		}
	}
	timeout, _ := task.Get("timeout")
	seconds, _ := timeout.(int)
	log := s.options.Log.With("task", name)
	done := make(chan error, 1)
	go func() {
		done <- communicate(line)
		if temporary != "" {
			_ = os.Remove(temporary)
		}
	}()
	timer := time.NewTimer(time.Duration(seconds) * time.Second)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			log.Debug("init task failed", "error", err)
		}
	case <-timer.C:
		log.Debug("init task timed out")
	}
}

// outputLimit bounds what is kept of a task's output.
const outputLimit = 64 << 10

// communicate runs a shell command until it has ended and its output, too.
func communicate(line string) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		return err
	}
	output, err := io.ReadAll(io.LimitReader(reader, outputLimit))
	_, errRest := io.Copy(io.Discard, reader)
	if err := errors.Join(err, errRest); err != nil {
		return errors.Join(err, cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
}

func temporaryScript(body string) (string, error) {
	file, err := os.CreateTemp("", "init-task-*")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(body)
	if err = errors.Join(err, file.Chmod(0o700), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return filepath.Clean(file.Name()), nil
}
