/* The floor of the comparison: an epoll server that answers every read with one constant.
 *
 * It parses nothing and looks nothing up, so nothing that answers questions can be faster on the
 * same machine with the same client. One thread, level-triggered, 16 to 1,000 connections.
 * Usage: constant  -> prints the port it listens on, serves until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "4:OK 1,";

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_on_any_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		die("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void accept_one(int epoll, int listener)
{
	int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	watch(epoll, fd);
}

static void answer(int fd)
{
	char request[4096];

	if (read(fd, request, sizeof request) <= 0 ||
	    write(fd, ANSWER, sizeof ANSWER - 1) != sizeof ANSWER - 1)
		close(fd);
}

int main(void)
{
	struct epoll_event events[64];
	int listener = listen_on_any_port(), epoll = epoll_create1(0);

	watch(epoll, listener);
	for (;;) {
		int count = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener)
				accept_one(epoll, listener);
			else
				answer(events[i].data.fd);
		}
	}
}
