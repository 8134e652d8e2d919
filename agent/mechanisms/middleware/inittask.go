package middleware

import (
	"context"
	"fmt"
)

// InitTask is a command that the middleware runs at a moment of the machine's
// start. It is kept in the configuration database, so that it survives
// updates. Tasks run one after the other with a time limit in seconds, which
// what does not detach itself uses up.
type InitTask struct {
	ID      int    `json:"id,omitempty"`
	Type    string `json:"type"`
	Command string `json:"command"`
	When    string `json:"when"`
	Enabled bool   `json:"enabled"`
	Timeout int    `json:"timeout"`
	Comment string `json:"comment"`
}

// longestCommand is the width of the database's column.
const longestCommand = 300

// InitTasks returns the tasks with that comment.
func (c *Client) InitTasks(ctx context.Context, comment string) ([]InitTask, error) {
	var tasks []InitTask
	err := c.Call(ctx, &tasks, "initshutdownscript.query", []any{[]any{"comment", "=", comment}})
	return tasks, err
}

// PutInitTask makes t the only task with its comment. It says whether it had
// to change anything.
func (c *Client) PutInitTask(ctx context.Context, t InitTask) (bool, error) {
	if len(t.Command) > longestCommand {
		return false, fmt.Errorf("the command of the init task is %d characters long; the middleware keeps %d", len(t.Command), longestCommand)
	}
	have, err := c.InitTasks(ctx, t.Comment)
	if err != nil {
		return false, err
	}
	changed := false
	for i, old := range have {
		if i > 0 {
			changed = true
			if err := c.Call(ctx, nil, "initshutdownscript.delete", old.ID); err != nil {
				return changed, err
			}
			continue
		}
		id := old.ID
		old.ID = 0
		if old == t {
			continue
		}
		changed = true
		if err := c.Call(ctx, nil, "initshutdownscript.update", id, t); err != nil {
			return changed, err
		}
	}
	if len(have) > 0 {
		return changed, nil
	}
	return true, c.Call(ctx, nil, "initshutdownscript.create", t)
}

// RemoveInitTasks deletes every task with that comment.
func (c *Client) RemoveInitTasks(ctx context.Context, comment string) error {
	have, err := c.InitTasks(ctx, comment)
	if err != nil {
		return err
	}
	for _, t := range have {
		if err := c.Call(ctx, nil, "initshutdownscript.delete", t.ID); err != nil {
			return err
		}
	}
	return nil
}
