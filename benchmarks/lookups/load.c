/* The client of the comparison: asks socketmap questions as Postfix does.
 *
 * Each connection has one request under way and asks the next when the answer is complete. Keys are
 * drawn at random from the data set (user I is u%07d of domain I modulo the number of domains).
 * Usage: load HOST PORT CONNECTIONS SECONDS USERS DOMAINS SEED
 * Prints one line of JSON: answers, seconds, p50_us, p99_us, max_us, wrong (answers not "OK ...").
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1024, SLOTS = 1000000 };

struct peer {
	int fd;
	uint64_t asked_ns;
	char reply[512];
	size_t have;
};

static struct peer peers[MAX_CONNECTIONS];
static uint32_t latency[SLOTS + 1]; /* answers by whole microseconds; the last slot: a second and up */
static uint64_t random_state;
static unsigned users, domains;
static uint64_t answers, wrong;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t draw(void) /* xorshift64*, Vigna 2016 */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717u;
}

static void ask(struct peer *peer)
{
	char payload[128], request[160];
	unsigned user = (unsigned)(draw() >> 11) % users;
	int length = snprintf(payload, sizeof payload, "mailboxes u%07u@d%06u.example", user,
			      user % domains);
	int octets = snprintf(request, sizeof request, "%d:%s,", length, payload);

	peer->have = 0;
	peer->asked_ns = now_ns();
	if (write(peer->fd, request, (size_t)octets) != octets)
		die("write");
}

static int complete(const struct peer *peer)
{
	char *colon;
	unsigned long length = strtoul(peer->reply, &colon, 10);

	return *colon == ':' && peer->have >= (size_t)(colon - peer->reply) + length + 2;
}

static void take(struct peer *peer)
{
	ssize_t got = read(peer->fd, peer->reply + peer->have, sizeof peer->reply - 1 - peer->have);
	uint64_t us;

	if (got <= 0)
		die("the server closed the connection");
	peer->have += (size_t)got;
	peer->reply[peer->have] = 0;
	if (!complete(peer))
		return;
	us = (now_ns() - peer->asked_ns) / 1000;
	latency[us < SLOTS ? us : SLOTS]++;
	answers++;
	wrong += strstr(peer->reply, ":OK ") == NULL;
	ask(peer);
}

static unsigned percentile(double part)
{
	uint64_t seen = 0;

	for (unsigned us = 0; us <= SLOTS; us++) {
		seen += latency[us];
		if ((double)seen >= part * (double)answers)
			return us;
	}
	return SLOTS;
}

static void connect_all(int epoll, int count, const char *host, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1;

	inet_pton(AF_INET, host, &address.sin_addr);
	for (int i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[i]};

		peers[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(peers[i].fd, (struct sockaddr *)&address, sizeof address) < 0)
			die("connect");
		setsockopt(peers[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		epoll_ctl(epoll, EPOLL_CTL_ADD, peers[i].fd, &event);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[MAX_CONNECTIONS];
	int epoll = epoll_create1(0), connections;
	uint64_t start, end;

	if (argc != 8)
		return 2;
	connections = atoi(argv[3]);
	users = (unsigned)atoi(argv[5]);
	domains = (unsigned)atoi(argv[6]);
	random_state = strtoull(argv[7], NULL, 10) * 2 + 1;
	connect_all(epoll, connections, argv[1], atoi(argv[2]));
	start = now_ns();
	end = start + (uint64_t)(atof(argv[4]) * 1e9);
	for (int i = 0; i < connections; i++)
		ask(&peers[i]);
	while (now_ns() < end) {
		int count = epoll_wait(epoll, events, MAX_CONNECTIONS, 1000);

		for (int i = 0; i < count; i++)
			take(events[i].data.ptr);
	}
	printf("{\"answers\": %lu, \"seconds\": %.3f, \"p50_us\": %u, \"p99_us\": %u, "
	       "\"max_us\": %u, \"wrong\": %lu}\n",
	       answers, (double)(now_ns() - start) / 1e9, percentile(0.5), percentile(0.99),
	       percentile(1.0), wrong);
	return 0;
}
