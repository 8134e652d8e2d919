package process

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

var getProcessMemoryInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")

// tree is the child and all it started: the members of a job object, which
// nothing started in it can leave. Services are started by another process.
type tree struct {
	group   Group
	process windows.Handle
	pipes   *pipes
	left    int // members when the child had ended

	mu   sync.Mutex
	job  windows.Handle // 0 when closed
	peak int64
}

// start starts the child in its job, so that whatever becomes of it and of us
// nothing it starts can escape the job.
func (t *tree) start(cmd *exec.Cmd, o Options) error {
	job, err := newJob(o)
	if err != nil {
		return err
	}
	pipes, err := connect(o)
	if err != nil {
		_ = windows.CloseHandle(job)
		return err
	}
	process, err := spawn(cmd, job, pipes)
	pipes.release()
	if err != nil {
		pipes.abandon()
		pipes.copies.Wait()
		_ = windows.CloseHandle(job)
		return err
	}
	t.group, t.job, t.process, t.pipes = o.Group, job, process, pipes
	return nil
}

func newJob(o Options) (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("create a job object: %w", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	if o.Group != OwnGroup && o.EndWithParent {
		limits.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	}
	if o.MemoryLimit > 0 {
		limits.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		limits.JobMemoryLimit = uintptr(o.MemoryLimit)
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, fmt.Errorf("limit a job object: %w", err)
	}
	return job, nil
}

func (t *tree) peakResident() int64 { return t.peak }

func (t *tree) wait(cmd *exec.Cmd, g Group) error {
	_, _ = windows.WaitForSingleObject(t.process, windows.INFINITE)
	t.mu.Lock()
	if m, err := memoryOf(t.process); err == nil {
		t.peak = int64(m.peakWorkingSet)
	}
	if g != OwnGroup {
		t.left = len(jobMembers(t.job))
		_ = windows.TerminateJobObject(t.job, 1)
	}
	_ = windows.CloseHandle(t.job)
	_ = windows.CloseHandle(t.process)
	t.job, t.process = 0, 0
	t.mu.Unlock()
	read := t.pipes.finish()
	var err error
	if cmd.ProcessState, err = cmd.Process.Wait(); err != nil {
		return err
	}
	return read
}

func (t *tree) kill(*exec.Cmd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.job != 0 {
		_ = windows.TerminateJobObject(t.job, killedCode)
	}
}

// killedCode is the exit code of what Kill ends.
const killedCode = 137

// processMemoryCounters is PROCESS_MEMORY_COUNTERS of psapi.h.
type processMemoryCounters struct {
	size                       uint32
	pageFaults                 uint32
	peakWorkingSet             uintptr
	workingSet                 uintptr
	quotaPeakPagedPoolUsage    uintptr
	quotaPagedPoolUsage        uintptr
	quotaPeakNonPagedPoolUsage uintptr
	quotaNonPagedPoolUsage     uintptr
	pagefileUsage              uintptr
	peakPagefileUsage          uintptr
}

func memoryOf(h windows.Handle) (processMemoryCounters, error) {
	var m processMemoryCounters
	m.size = uint32(unsafe.Sizeof(m))
	ok, _, err := getProcessMemoryInfo.Call(uintptr(h), uintptr(unsafe.Pointer(&m)), uintptr(m.size))
	if ok == 0 {
		return m, fmt.Errorf("read the memory of a process: %w", err)
	}
	return m, nil
}

// resident sums the working sets of the job's members; where the job does not
// list them, the child's own.
func (t *tree) resident(*exec.Cmd) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.job == 0 {
		return 0, os.ErrProcessDone
	}
	own, err := memoryOf(t.process)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, pid := range jobMembers(t.job) {
		h, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, pid)
		if err != nil {
			continue
		}
		if m, err := memoryOf(h); err == nil {
			sum += int64(m.workingSet)
		}
		_ = windows.CloseHandle(h)
	}
	return max(sum, int64(own.workingSet)), nil
}

// jobMembers lists the ids of a job's first processes.
func jobMembers(job windows.Handle) []uint32 {
	var list struct { // JOBOBJECT_BASIC_PROCESS_ID_LIST of winnt.h
		assigned, listed uint32
		ids              [256]uintptr
	}
	err := windows.QueryInformationJobObject(job, windows.JobObjectBasicProcessIdList,
		uintptr(unsafe.Pointer(&list)), uint32(unsafe.Sizeof(list)), nil)
	if err != nil {
		return nil
	}
	ids := make([]uint32, 0, list.listed)
	for _, id := range list.ids[:min(int(list.listed), len(list.ids))] {
		ids = append(ids, uint32(id))
	}
	return ids
}

// describe tells an exit code that is an NTSTATUS of an error as the exception
// that ended the program ([MS-ERREF] 2.3: the two highest bits are set).
func describe(s *os.ProcessState) End {
	code := uint32(s.ExitCode())
	if code>>30 == 3 && code != 0xFFFFFFFF {
		return End{ExitCode: -1, Signal: fmt.Sprintf("exception 0x%08x", code)}
	}
	return End{ExitCode: s.ExitCode()}
}
