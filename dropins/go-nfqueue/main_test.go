// SPDX-License-Identifier: MIT

package nfqueue_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	nfqueue "github.com/nfbind/nfbind/dropins/go-nfqueue"
)

const (
	port    = 9000
	number  = 5
	other   = 6 // a queue that only verdicts lead to
	skipped = 77
	patient = 20 * time.Second // for what has to come
	repeats = 7                // a packet with this mark passes the rule
	ends    = 9                // one with that mark does not leave
)

func rules() [][]string {
	udp := []string{"-p", "udp", "--dport", fmt.Sprint(port)}
	return [][]string{
		{"ip", "link", "set", "lo", "up"},
		append([]string{"iptables", "-A", "OUTPUT"}, append(udp, "-m", "mark", "--mark", fmt.Sprint(repeats), "-j", "ACCEPT")...),
		append([]string{"iptables", "-A", "OUTPUT"}, append(udp, "-j", "NFQUEUE", "--queue-num", fmt.Sprint(number))...),
		append([]string{"iptables", "-t", "mangle", "-A", "POSTROUTING"}, append(udp, "-m", "mark", "--mark", fmt.Sprint(ends), "-j", "DROP")...),
	}
}

// TestMain runs everything again in a network namespace of its own.
func TestMain(m *testing.M) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if os.Getenv("NFBIND_GO_INSIDE") == "" {
		os.Exit(runInside())
	}
	os.Setenv("XTABLES_LOCKFILE", fmt.Sprintf("/tmp/nfbind-go-nfqueue-%d.lock", os.Getpid()))
	if err := setUp(rules()); err != nil {
		fmt.Println("no rule can be made here:", err)
		os.Exit(skipped)
	}
	os.Exit(m.Run())
}

func setUp(commands [][]string) error {
	for _, words := range commands {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", words, err, out)
		}
	}
	return nil
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
	must(t, err)
	from, err := net.Dial("udp4", to.LocalAddr().String())
	must(t, err)
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

// expect waits for exactly these texts, in any order: nothing else comes before them.
func (traffic *traffic) expect(texts ...string) {
	traffic.t.Helper()
	var got []string
	room := make([]byte, 65536)
	for range texts {
		traffic.to.SetReadDeadline(time.Now().Add(patient))
		n, _, err := traffic.to.ReadFrom(room)
		if err != nil {
			traffic.t.Fatalf("received %q, not %q: %v", got, texts, err)
		}
		got = append(got, string(room[:n]))
	}
	slices.Sort(got)
	if wanted := slices.Sorted(slices.Values(texts)); !slices.Equal(got, wanted) {
		traffic.t.Fatalf("received %q, not %q", got, wanted)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%v, expected %v", err, target)
	}
}

// A log that tests read.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (log *log) Debugf(string, ...any) {}

func (log *log) Errorf(format string, args ...any) {
	log.mu.Lock()
	defer log.mu.Unlock()
	log.lines = append(log.lines, fmt.Sprintf(format, args...))
}

// expect waits for a line with a text in it.
func (log *log) expect(t *testing.T, text string) {
	t.Helper()
	until(t, "a line with "+text, func() bool {
		log.mu.Lock()
		defer log.mu.Unlock()
		return slices.ContainsFunc(log.lines, func(line string) bool { return strings.Contains(line, text) })
	})
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
	}
}

// whole is the configuration that most tests have.
func whole() *nfqueue.Config {
	return &nfqueue.Config{NfQueue: number, MaxPacketLen: 0xffff, MaxQueueLen: 4096, Copymode: nfqueue.NfQnlCopyPacket}
}

func open(t *testing.T, config *nfqueue.Config) *nfqueue.Nfqueue {
	t.Helper()
	queue, err := nfqueue.Open(config)
	must(t, err)
	t.Cleanup(func() { queue.Close() })
	return queue
}

// register lets the hook run until the test ends.
func register(t *testing.T, queue *nfqueue.Nfqueue, hook nfqueue.HookFunc) {
	t.Helper()
	must(t, queue.RegisterWithErrorFunc(t.Context(), hook, func(err error) int {
		t.Error("the error function got", err)
		return 1
	}))
}

// text is what a UDP packet carries.
func text(a nfqueue.Attribute) string { return string((*a.Payload)[28:]) }

// judged sends the texts through a hook that only gives verdicts.
func judged(t *testing.T, judge func(queue *nfqueue.Nfqueue, a nfqueue.Attribute) error, texts ...string) *traffic {
	t.Helper()
	traffic, queue := newTraffic(t), open(t, whole())
	register(t, queue, func(a nfqueue.Attribute) int {
		if err := judge(queue, a); err != nil {
			t.Error(text(a), err)
		}
		return 0
	})
	traffic.send(texts...)
	return traffic
}

// collector is a hook that gives packets to the test, which judges them.
func collector(t *testing.T, queue *nfqueue.Nfqueue) (next func() nfqueue.Attribute) {
	t.Helper()
	packets := make(chan nfqueue.Attribute, 5000)
	register(t, queue, func(a nfqueue.Attribute) int {
		packets <- a
		return 0
	})
	return func() nfqueue.Attribute {
		t.Helper()
		select {
		case a := <-packets:
			return a
		case <-time.After(patient):
			t.Fatal("no packet came")
			return nfqueue.Attribute{}
		}
	}
}

// unbound waits until a hook has ended and let its queue go.
func unbound(t *testing.T, queue *nfqueue.Nfqueue) {
	t.Helper()
	until(t, "the end of the hook", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		return queue.RegisterWithErrorFunc(ctx, func(nfqueue.Attribute) int { return 1 }, func(error) int { return 1 }) == nil
	})
}
