package ember

import "syscall"

// endWithParent has the system end a child process when this one dies.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
