// SPDX-License-Identifier: MIT

package nfbind_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

const (
	port    = 9000
	number  = 5
	skipped = 77
	// For what must come: against hangs, for machines under load are slow.
	patience = 20 * time.Second
)

// TestMain runs everything again in a network namespace of its own, with one rule.
func TestMain(m *testing.M) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if os.Getenv("NFBIND_GO_INSIDE") == "" {
		os.Exit(runInside())
	}
	os.Setenv("XTABLES_LOCKFILE", fmt.Sprintf("/tmp/nfbind-go-%d.lock", os.Getpid()))
	setUp := [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"iptables", "-A", "OUTPUT", "-p", "udp", "--dport", fmt.Sprint(port), "-j", "NFQUEUE", "--queue-num", fmt.Sprint(number)},
	}
	for _, words := range setUp {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			fmt.Printf("no rule can be made here: %v %s\n", err, out)
			os.Exit(skipped)
		}
	}
	os.Exit(m.Run())
}

func runInside() int {
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Env = append(os.Environ(), "NFBIND_GO_INSIDE=1")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	}
	fmt.Println("no namespace can be made here:", err)
	return skipped
}

// Traffic is a pair of sockets whose packets meet the rule.
type traffic struct {
	t    *testing.T
	from net.Conn
	to   net.PacketConn
}

func newTraffic(t *testing.T) *traffic {
	t.Helper()
	to, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	from, err := net.Dial("udp4", to.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { from.Close(); to.Close() })
	return &traffic{t, from, to}
}

func (traffic *traffic) send(texts ...string) {
	traffic.t.Helper()
	for _, text := range texts {
		if _, err := traffic.from.Write([]byte(text)); err != nil {
			traffic.t.Fatal(err)
		}
	}
}

// received is the next text, or "" when none comes within the time.
func (traffic *traffic) received(within time.Duration) string {
	room := make([]byte, 65536)
	traffic.to.SetReadDeadline(time.Now().Add(within))
	n, _, err := traffic.to.ReadFrom(room)
	if err != nil {
		return ""
	}
	return string(room[:n])
}

func (traffic *traffic) expect(texts ...string) {
	traffic.t.Helper()
	for _, text := range texts {
		if got := traffic.received(patience); got != text {
			traffic.t.Fatalf("received %q, not %q", got, text)
		}
	}
}

func (traffic *traffic) expectNothing() {
	traffic.t.Helper()
	if got := traffic.received(100 * time.Millisecond); got != "" {
		traffic.t.Fatalf("received %q", got)
	}
}

func open(t *testing.T, options ...nfbind.Option) *nfbind.Queue {
	t.Helper()
	queue, err := nfbind.Open(t.Context(), number, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { queue.Close() })
	return queue
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err error, errno syscall.Errno) {
	t.Helper()
	if !errors.Is(err, errno) {
		t.Fatalf("%v, expected %v", err, errno)
	}
}

func receive(t *testing.T, queue *nfbind.Queue) []*nfbind.Packet {
	t.Helper()
	batch, err := queue.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var packets []*nfbind.Packet
	for packet := range batch.Packets() {
		packets = append(packets, packet)
	}
	return packets
}
