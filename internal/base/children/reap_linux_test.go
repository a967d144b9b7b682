package children_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/base/children"
)

// roleVariable makes the test binary the first process of a namespace, or a subreaper.
const roleVariable = "TENSORWIRE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "subreaper":
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// adopt runs commands, whose exit codes must arrive, and which leave children behind, which must
// be reaped.
func adopt() error {
	defer children.ReapOrphans()()
	const commands = 40
	codes := make(chan error, commands)
	var group sync.WaitGroup
	for i := range commands {
		group.Go(func() {
			// The first child of the shell ends before the shell, the others after it.
			cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("true & sleep 0.05 & (sleep 0.1; exit 7) & setsid sleep 0.1 & exit %d", i))
			if err := children.Start(cmd); err != nil {
				codes <- err
				return
			}
			var exit *exec.ExitError
			if err := children.Wait(cmd); i > 0 && (!errors.As(err, &exit) || exit.ExitCode() != i) || i == 0 && err != nil {
				codes <- fmt.Errorf("command %d ended with %w", i, err)
			}
		})
	}
	group.Wait()
	select {
	case err := <-codes:
		return err
	default:
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("children are left: %w", err)
		}
	}
}

func start(t *testing.T, role string, attributes *syscall.SysProcAttr) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdout, os.Stderr, attributes
	return cmd
}

// A subreaper gets the children of processes that have ended, and keeps the exit codes of its own.
func TestSubreaperReapsOrphans(t *testing.T) {
	if err := start(t, "subreaper", nil).Run(); err != nil {
		t.Error(err)
	}
}

// So does the first process of a container.
func TestFirstProcessReapsOrphans(t *testing.T) {
	cmd := start(t, "first", &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID})
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		t.Skip("namespaces need root")
	} else if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Other processes have no children but their own, and the signals stay the program's.
func TestOthersReapNothing(t *testing.T) {
	stop := children.ReapOrphans()
	defer stop()
	cmd := exec.Command("/bin/sh", "-c", "exit 3") // not by Start
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Error(err)
	}
}
