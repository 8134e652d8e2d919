package middleware

import (
	"context"
	"sync"

	"innkeeper/images/freenas/ddp"
)

// jobs are the methods that run on after their call was answered with an id.
type jobs struct {
	mu       sync.Mutex
	all      []ddp.Record
	watchers map[chan ddp.Record]struct{}
}

func newJobs() *jobs { return &jobs{watchers: map[chan ddp.Record]struct{}{}} }

// backlog is how many changes a watcher may lag behind.
const backlog = 256

// watch delivers every later change of any job.
func (j *jobs) watch() (<-chan ddp.Record, func()) {
	channel := make(chan ddp.Record, backlog)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.watchers[channel] = struct{}{}
	return channel, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.watchers, channel)
	}
}

// begin registers a job and returns its id.
func (j *jobs) begin(method string, arguments []any) int {
	j.mu.Lock()
	id := len(j.all) + 1
	j.all = append(j.all, ddp.Record{
		{Key: "id", Value: id},
		{Key: "method", Value: method},
		{Key: "arguments", Value: arguments},
		{Key: "progress", Value: ddp.Record{{Key: "percent", Value: 0}, {Key: "description", Value: ""}}},
		{Key: "result", Value: nil},
		{Key: "error", Value: nil},
		{Key: "exception", Value: nil},
		{Key: "state", Value: "RUNNING"},
	})
	j.mu.Unlock()
	j.tell(id)
	return id
}

// end records how a job ended.
func (j *jobs) end(id int, result any, err error) {
	j.mu.Lock()
	record := j.all[id-1].With("state", "SUCCESS").With("result", result)
	if err != nil {
		record = record.With("state", "FAILED").With("error", err.Error()).With("exception", err.Error())
	}
	j.all[id-1] = record
	j.mu.Unlock()
	j.tell(id)
}

// tell sends a job's state to the watchers; one that lags too far loses it.
func (j *jobs) tell(id int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for watcher := range j.watchers {
		select {
		case watcher <- j.all[id-1]:
		default:
		}
	}
}

func (s *Server) getJobs(_ context.Context, params []any) (any, error) {
	filters, options, err := queryParams(params)
	if err != nil {
		return nil, err
	}
	s.jobs.mu.Lock()
	all := append([]ddp.Record(nil), s.jobs.all...)
	s.jobs.mu.Unlock()
	return filterList(all, filters, options)
}
