package process

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// jobList is PROC_THREAD_ATTRIBUTE_JOB_LIST of winbase.h: the jobs that a
// process is a member of from its first moment (UpdateProcThreadAttribute in
// the Windows API reference).
const jobList = 0x0002000D

// spawn starts cmd inside a job, which os/exec cannot: a process that is put
// into its job after it was created is nobody's to end if its parent is killed
// in between. The caller closes the handle that it returns.
func spawn(cmd *exec.Cmd, job windows.Handle, p *pipes) (windows.Handle, error) {
	if cmd.Err != nil {
		return 0, cmd.Err
	}
	path, err := exec.LookPath(cmd.Path) // completes one without .exe
	if err != nil {
		return 0, err
	}
	program, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, fmt.Errorf("path: %w", err)
	}
	line, err := windows.UTF16PtrFromString(windows.ComposeCommandLine(cmd.Args))
	if err != nil {
		return 0, fmt.Errorf("arguments: %w", err)
	}
	var dir *uint16
	if cmd.Dir != "" {
		if dir, err = windows.UTF16PtrFromString(cmd.Dir); err != nil {
			return 0, fmt.Errorf("folder: %w", err)
		}
	}
	ends, err := p.inheritable()
	defer closeAll(ends)
	if err != nil {
		return 0, err
	}
	attributes, err := windows.NewProcThreadAttributeList(2)
	if err != nil {
		return 0, fmt.Errorf("list its attributes: %w", err)
	}
	defer attributes.Delete()
	if err := attributes.Update(jobList, unsafe.Pointer(&job), unsafe.Sizeof(job)); err != nil {
		return 0, fmt.Errorf("name its job: %w", err)
	}
	err = attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&ends[0]), uintptr(len(ends))*unsafe.Sizeof(ends[0]))
	if err != nil {
		return 0, fmt.Errorf("name its handles: %w", err)
	}
	start := windows.StartupInfoEx{
		StartupInfo: windows.StartupInfo{
			Flags: windows.STARTF_USESTDHANDLES | windows.STARTF_USESHOWWINDOW, ShowWindow: windows.SW_HIDE,
			StdInput: ends[0], StdOutput: ends[1], StdErr: ends[2],
		},
		ProcThreadAttributeList: attributes.List(),
	}
	start.Cb = uint32(unsafe.Sizeof(start))
	const flags = windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT
	var made windows.ProcessInformation
	err = windows.CreateProcess(program, line, nil, nil, true, flags, environment(cmd.Environ()), dir, &start.StartupInfo, &made)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", path, err)
	}
	_ = windows.CloseHandle(made.Thread)
	// It cannot be forgotten while its handle is open, so the id is its own.
	if cmd.Process, err = os.FindProcess(int(made.ProcessId)); err != nil {
		_ = windows.TerminateProcess(made.Process, killedCode)
		_ = windows.CloseHandle(made.Process)
		return 0, fmt.Errorf("find the new process: %w", err)
	}
	return made.Process, nil
}

// environment is a block of strings that each end in a zero, and one zero
// more (CreateProcessW in the Windows API reference).
func environment(variables []string) *uint16 {
	var block []uint16
	for _, v := range variables {
		if strings.IndexByte(v, 0) < 0 {
			block = append(append(block, utf16.Encode([]rune(v))...), 0)
		}
	}
	if len(block) == 0 {
		block = append(block, 0)
	}
	return &append(block, 0)[0]
}

func closeAll(handles []windows.Handle) {
	for _, h := range handles {
		_ = windows.CloseHandle(h)
	}
}
