/*
 * Load for the network benchmarks, bounded in count: servers for a container, and clients that time them.
 *
 *   udp-echo PORT                       answers each datagram with itself
 *   tcp-accept PORT                     accepts, and closes once the client has
 *   udp ADDRESS PORT COUNT              one datagram after another: prints round trips a second
 *   tcp ADDRESS PORT COUNT              one connection after another: prints connections a second
 *   dns ADDRESS NAME COUNT              one question after another: prints p50 and p99 in microseconds, and rate
 *   flood ADDRESS NAME COUNT            all questions at once: prints how many answers came
 *
 * socket(7), udp(7), tcp(7), RFC 1035.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const int on = 1;

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static struct sockaddr_in to(const char *address, int port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
		die(address);
	return name;
}

static int opened(int type)
{
	int fd = socket(AF_INET, type, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return fd;
}

static int bound(int type, int port)
{
	struct sockaddr_in name = to("0.0.0.0", port);
	int fd = opened(type);
	if (bind(fd, (struct sockaddr *)&name, sizeof name) < 0)
		die("bind");
	return fd;
}

static void udp_echo(int port)
{
	int fd = bound(SOCK_DGRAM, port);
	char data[2048];
	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t got = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);
		if (got < 0 || sendto(fd, data, got, 0, (struct sockaddr *)&from, size) < 0)
			die("echo");
	}
}

static void tcp_accept(int port)
{
	int fd = bound(SOCK_STREAM, port);
	char data[16];
	if (listen(fd, 1024) < 0)
		die("listen");
	for (;;) {
		int client = accept(fd, NULL, NULL);
		if (client < 0)
			continue; /* it went away while it waited */
		while (read(client, data, sizeof data) > 0)
			;
		close(client);
	}
}

static int connected(int type, const char *address, int port)
{
	struct sockaddr_in name = to(address, port);
	struct timeval patience = { .tv_sec = 5 };
	int fd = opened(type);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0)
		die("connect");
	return fd;
}

static void udp(const char *address, int port, int count)
{
	int fd = connected(SOCK_DGRAM, address, port);
	char data[64] = "drawbridge";
	double start = now();
	for (int i = 0; i < count; i++)
		if (send(fd, data, sizeof data, 0) < 0 || recv(fd, data, sizeof data, 0) < 0)
			die("round trip");
	printf("%.0f\n", count / (now() - start));
}

static void tcp(const char *address, int port, int count)
{
	struct linger none = { .l_onoff = 1 }; /* a reset leaves no TIME_WAIT, so no port runs out */
	double start = now();
	for (int i = 0; i < count; i++) {
		int fd = connected(SOCK_STREAM, address, port);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
		close(fd);
	}
	printf("%.0f\n", count / (now() - start));
}

/* A question for the A record of NAME. */
static size_t question(unsigned char *to, unsigned short id, const char *name)
{
	unsigned char *at = to;
	const unsigned char head[] = { id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	memcpy(at, head, sizeof head);
	at += sizeof head;
	while (*name) {
		size_t length = strcspn(name, ".");
		*at++ = length;
		memcpy(at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	memcpy(at, "\0\0\1\0\1", 5);
	return at + 5 - to;
}

static void answered(const unsigned char *answer, ssize_t size)
{
	if (size < 12 || (answer[3] & 15) != 0 || answer[7] == 0) {
		fprintf(stderr, "load: no answer to the question: rcode %d\n", size < 4 ? -1 : answer[3] & 15);
		exit(1);
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void dns(const char *address, const char *name, int count)
{
	int fd = connected(SOCK_DGRAM, address, 53);
	double *took = calloc(count, sizeof *took);
	unsigned char data[1500];
	double start = now();
	for (int i = 0; i < count; i++) {
		double asked = now();
		size_t size = question(data, i, name);
		if (send(fd, data, size, 0) < 0)
			die("send");
		ssize_t got = recv(fd, data, sizeof data, 0);
		if (got < 0)
			die("recv");
		answered(data, got);
		took[i] = (now() - asked) * 1e6;
	}
	double rate = count / (now() - start);
	qsort(took, count, sizeof *took, ascending);
	printf("%.1f %.1f %.0f\n", took[count / 2], took[count * 99 / 100], rate);
}

static void flood(const char *address, const char *name, int count)
{
	int fd = connected(SOCK_DGRAM, address, 53);
	int big = 8 << 20, got = 0;
	unsigned char data[1500];
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
	for (int i = 0; i < count; i++)
		if (send(fd, data, question(data, i, name), 0) < 0)
			die("send");
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	while (got < count && poll(&ready, 1, 1000) == 1 && recv(fd, data, sizeof data, 0) > 0)
		got++;
	printf("%d\n", got);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "udp-echo"))
		udp_echo(atoi(argv[2]));
	else if (!strcmp(what, "tcp-accept"))
		tcp_accept(atoi(argv[2]));
	else if (argc == 5 && !strcmp(what, "udp"))
		udp(argv[2], atoi(argv[3]), atoi(argv[4]));
	else if (argc == 5 && !strcmp(what, "tcp"))
		tcp(argv[2], atoi(argv[3]), atoi(argv[4]));
	else if (argc == 5 && !strcmp(what, "dns"))
		dns(argv[2], argv[3], atoi(argv[4]));
	else if (argc == 5 && !strcmp(what, "flood"))
		flood(argv[2], argv[3], atoi(argv[4]));
	else {
		fprintf(stderr, "load: see load.c\n");
		return 2;
	}
	return 0;
}
