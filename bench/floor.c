/*
 * The kernel's floor for joining a network namespace to a bridge: the same rtnetlink requests as an engine
 * sends, one after another, each acknowledged, and nothing else. No firewall, no store, no process start.
 *
 * Reads commands from standard input and answers each with a line: microseconds, or `error: ...`.
 *
 *   attach BRIDGE PIN LINK MAC ADDRESS PREFIX GATEWAY   namespace pinned at PIN; its eth0 is LINK's peer
 *   detach PIN LINK
 *   netns PIN                                           only a namespace, with lo up
 *   unpin PIN
 *
 * rtnetlink(7), netlink(7), veth(4), network_namespaces(7).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *doing = "start";

struct request {
	struct nlmsghdr header;
	char body[1024];
};

static int fail(const char *what)
{
	doing = what;
	return -1;
}

static int open_route(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return fail("rtnetlink socket");
	return fd;
}

static void *begin(struct request *request, int type, int flags, const void *family, size_t size)
{
	memset(request, 0, sizeof *request);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	request->header.nlmsg_len = NLMSG_LENGTH(size);
	return memcpy(NLMSG_DATA(&request->header), family, size);
}

static struct rtattr *put(struct request *request, int type, const void *data, size_t size)
{
	struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attribute), data, size);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static void end(struct request *request, struct rtattr *nest)
{
	nest->rta_len = (char *)request + request->header.nlmsg_len - (char *)nest;
}

static int ask(int fd, struct request *request, const char *what)
{
	char answer[8192];
	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return fail(what);
	if (recv(fd, answer, sizeof answer, 0) < 0)
		return fail(what);
	struct nlmsghdr *header = (void *)answer;
	struct nlmsgerr *error = NLMSG_DATA(header);
	if (header->nlmsg_type != NLMSG_ERROR || error->error == 0)
		return 0;
	errno = -error->error;
	return fail(what);
}

static int raise_link(int fd, const char *name)
{
	struct request request;
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	begin(&request, RTM_NEWLINK, 0, &link, sizeof link);
	put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return ask(fd, &request, "set link up");
}

static int add_pair(int fd, const char *name, unsigned master, int netns, const unsigned char *mac)
{
	struct request request;
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP }, other = { 0 };
	begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
	put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	put(&request, IFLA_MASTER, &master, sizeof master);
	struct rtattr *info = put(&request, IFLA_LINKINFO, NULL, 0);
	put(&request, IFLA_INFO_KIND, "veth", 4);
	struct rtattr *data = put(&request, IFLA_INFO_DATA, NULL, 0);
	struct rtattr *peer = put(&request, VETH_INFO_PEER, &other, sizeof other);
	put(&request, IFLA_IFNAME, "eth0", 5);
	put(&request, IFLA_ADDRESS, mac, 6);
	put(&request, IFLA_NET_NS_FD, &netns, sizeof netns);
	end(&request, peer);
	end(&request, data);
	end(&request, info);
	return ask(fd, &request, "create veth");
}

static int add_address(int fd, const char *name, in_addr_t address, int length)
{
	struct request request;
	struct ifreq index;
	/* In the namespace of the socket: netdevice(7). */
	strncpy(index.ifr_name, name, IFNAMSIZ);
	if (ioctl(fd, SIOCGIFINDEX, &index) < 0)
		return fail("find link");
	struct ifaddrmsg message = { .ifa_family = AF_INET, .ifa_prefixlen = length, .ifa_index = index.ifr_ifindex };
	in_addr_t broadcast = address | htonl(0xffffffffu >> length);
	begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &message, sizeof message);
	put(&request, IFA_LOCAL, &address, sizeof address);
	put(&request, IFA_ADDRESS, &address, sizeof address);
	put(&request, IFA_BROADCAST, &broadcast, sizeof broadcast);
	return ask(fd, &request, "add address");
}

static int add_default_route(int fd, in_addr_t gateway)
{
	struct request request;
	struct rtmsg route = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
			       .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST };
	begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
	put(&request, RTA_GATEWAY, &gateway, sizeof gateway);
	return ask(fd, &request, "add default route");
}

static int home_netns, home_route;

/* A namespace pinned at `pin`; its descriptor, and in *route a socket inside. The caller is home again. */
static int make_netns(const char *pin, int *route)
{
	int file = open(pin, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0444);
	if (file < 0)
		return fail("create pin");
	close(file);
	if (unshare(CLONE_NEWNET) < 0)
		return fail("unshare");
	int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int failed = netns < 0 || mount("/proc/thread-self/ns/net", pin, NULL, MS_BIND, NULL) < 0;
	if (!failed)
		*route = open_route();
	if (setns(home_netns, CLONE_NEWNET) < 0) {
		perror("back to the own namespace");
		exit(1);
	}
	if (failed || *route < 0)
		return fail("pin namespace");
	return raise_link(*route, "lo") < 0 ? -1 : netns;
}

static int attach(const char *bridge, const char *pin, const char *link, const char *mac_text, const char *address,
		  int length, const char *gateway)
{
	unsigned char mac[6];
	int route = -1, netns, result = -1;
	sscanf(mac_text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5);
	if ((netns = make_netns(pin, &route)) < 0)
		return -1;
	if (add_pair(home_route, link, if_nametoindex(bridge), netns, mac) == 0 && raise_link(route, "eth0") == 0 &&
	    add_address(route, "eth0", inet_addr(address), length) == 0)
		result = add_default_route(route, inet_addr(gateway));
	close(route);
	close(netns);
	return result;
}

static int unpin(const char *pin)
{
	if (umount2(pin, MNT_DETACH) < 0 || unlink(pin) < 0)
		return fail("unpin namespace");
	return 0;
}

static int detach(const char *pin, const char *link)
{
	struct request request;
	struct ifinfomsg message = { 0 };
	begin(&request, RTM_DELLINK, 0, &message, sizeof message);
	put(&request, IFLA_IFNAME, link, strlen(link) + 1);
	return ask(home_route, &request, "delete veth") < 0 ? -1 : unpin(pin);
}

static int perform(char *line)
{
	char *words[8] = { 0 };
	int count = 0, route = -1, netns;
	for (char *word = strtok(line, " \n"); word && count < 8; word = strtok(NULL, " \n"))
		words[count++] = word;
	if (count == 8 && !strcmp(words[0], "attach"))
		return attach(words[1], words[2], words[3], words[4], words[5], atoi(words[6]), words[7]);
	if (count == 3 && !strcmp(words[0], "detach"))
		return detach(words[1], words[2]);
	if (count == 2 && !strcmp(words[0], "unpin"))
		return unpin(words[1]);
	if (count == 2 && !strcmp(words[0], "netns")) {
		if ((netns = make_netns(words[1], &route)) < 0)
			return -1;
		close(route);
		return close(netns);
	}
	errno = EINVAL;
	return fail("read command");
}

int main(void)
{
	char line[1024];
	home_netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	home_route = open_route();
	if (home_netns < 0 || home_route < 0) {
		perror(doing);
		return 1;
	}
	while (fgets(line, sizeof line, stdin)) {
		struct timespec before, after;
		clock_gettime(CLOCK_MONOTONIC, &before);
		int result = perform(line);
		clock_gettime(CLOCK_MONOTONIC, &after);
		if (result < 0)
			printf("error: %s: %s\n", doing, strerror(errno));
		else
			printf("%.1f\n", (after.tv_sec - before.tv_sec) * 1e6 + (after.tv_nsec - before.tv_nsec) / 1e3);
		fflush(stdout);
	}
	return 0;
}
