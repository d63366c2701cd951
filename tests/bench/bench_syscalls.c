/*
 * SPDX-License-Identifier: MIT
 *
 * Counts system calls without a tracer: the program's own definitions of the
 * socket calls win over libc's, also for the shared libraries it links, and
 * each counts and goes straight to the kernel. So raw loop, peers and nfbind
 * are counted in the same way, at about a nanosecond a call.
 */
/* With _GNU_SOURCE glibc's sockaddr arguments are unions that C cannot define portably. */
#undef _GNU_SOURCE
#define _DEFAULT_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define COUNTED __attribute__((visibility("default")))

/* Known to the headers only with _GNU_SOURCE; the layout is not needed here. */
struct mmsghdr;
int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
	     struct timespec *timeout);
int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	  const sigset_t *mask);

extern _Thread_local uint64_t bench_syscalls;
_Thread_local uint64_t bench_syscalls;

static long counted(long number, long a, long b, long c, long d, long e, long f)
{
	bench_syscalls++;
	return syscall(number, a, b, c, d, e, f);
}

COUNTED ssize_t recvfrom(int fd, void *data, size_t len, int flags,
			 struct sockaddr *from, socklen_t *from_len)
{
	return counted(SYS_recvfrom, fd, (long)data, (long)len, flags, (long)from,
		       (long)from_len);
}

COUNTED ssize_t recv(int fd, void *data, size_t len, int flags)
{
	return recvfrom(fd, data, len, flags, NULL, NULL);
}

COUNTED ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	return counted(SYS_recvmsg, fd, (long)message, flags, 0, 0, 0);
}

COUNTED int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
		     struct timespec *timeout)
{
	return (int)counted(SYS_recvmmsg, fd, (long)messages, count, flags, (long)timeout, 0);
}

COUNTED ssize_t sendto(int fd, const void *data, size_t len, int flags,
		       const struct sockaddr *to, socklen_t to_len)
{
	return counted(SYS_sendto, fd, (long)data, (long)len, flags, (long)to, to_len);
}

COUNTED ssize_t send(int fd, const void *data, size_t len, int flags)
{
	return sendto(fd, data, len, flags, NULL, 0);
}

COUNTED ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return counted(SYS_sendmsg, fd, (long)message, flags, 0, 0, 0);
}

COUNTED int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	return (int)counted(SYS_sendmmsg, fd, (long)messages, count, flags, 0, 0);
}

COUNTED int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		  const sigset_t *mask)
{
	struct timespec left = timeout ? *timeout : (struct timespec){ 0 };

	return (int)counted(SYS_ppoll, (long)fds, (long)count, (long)(timeout ? &left : NULL),
			    (long)mask, 8 /* the kernel's sigset size */, 0);
}

COUNTED int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}
