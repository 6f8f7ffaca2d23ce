import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { hostsContent, ownLines, parseExtraHost, replaceLines } from "../../src/network/files/hosts.ts";
import {
  formatResolvConf,
  isStub,
  type Overrides,
  parseResolvConf,
  sandboxResolvConf,
} from "../../src/network/files/resolv-conf.ts";

describe("hosts", () => {
  const addresses = [parseAddress("172.17.0.2")];
  const request = {
    own: ownLines("0123456789ab", "", addresses),
    extraHosts: [],
    hostGateways: [parseAddress("172.17.0.1"), parseAddress("fd00::1")],
    ipv6: false,
  };

  test("localhost, then --add-host, then the own name", () => {
    const extraHosts = ["db:10.0.0.5", "host.docker.internal:host-gateway"].map(parseExtraHost);
    assert.equal(
      hostsContent({ ...request, extraHosts }),
      "127.0.0.1\tlocalhost\n10.0.0.5\tdb\n172.17.0.1\thost.docker.internal\n172.17.0.2\t0123456789ab\n",
    );
  });

  test("a full name has its bare one beside it, whichever way it was given", () => {
    const split = ownLines("web", "example.com", addresses);
    assert.deepEqual(split, ["172.17.0.2\tweb.example.com web"]);
    assert.deepEqual(ownLines("web.example.com", "", addresses), split);
  });

  test("lines that change leave those of others alone", () => {
    const text = "127.0.0.1\tlocalhost\n172.18.0.2\tweb\n10.9.9.9\tby-hand";
    assert.equal(
      replaceLines(text, ["172.18.0.2\tweb", "172.19.0.9\tgone"], ["172.20.0.2\tweb"]),
      "127.0.0.1\tlocalhost\n10.9.9.9\tby-hand\n172.20.0.2\tweb\n",
    );
  });

  test("IPv6 names stand only where there is IPv6", () => {
    const extraHosts = [parseExtraHost("six:2001:db8::1"), parseExtraHost("seven:[2001:db8::2]")];
    assert.ok(!hostsContent({ ...request, extraHosts }).includes("2001:db8"));
    const both = hostsContent({ ...request, extraHosts, ipv6: true });
    assert.match(both, /^::1\tlocalhost ip6-localhost ip6-loopback$/m);
    assert.match(both, /^2001:db8::1\tsix\n2001:db8::2\tseven$/m);
    const up = hostsContent({ ...request, extraHosts: [parseExtraHost("up:host-gateway")], ipv6: true });
    assert.match(up, /^172\.17\.0\.1\tup\nfd00::1\tup$/m);
  });

  test("--add-host is refused in Docker's words", () => {
    assert.throws(() => parseExtraHost("name"), { message: 'bad format for add-host: "name"' });
    assert.throws(() => parseExtraHost(":10.0.0.1"), { message: 'bad format for add-host: ":10.0.0.1"' });
    assert.throws(() => parseExtraHost("two names:10.0.0.1"), { kind: "invalid" });
    assert.throws(() => parseExtraHost("db:10.0.0"), {
      kind: "invalid",
      message: 'invalid IP address in add-host: "10.0.0"',
    });
  });
});

describe("resolv.conf", () => {
  const none: Overrides = { dns: [], dnsSearch: [], dnsOptions: [] };
  const own = { hostNamespace: false, ipv6: false };
  const view = (text: string, overrides = none, of = own) => {
    const { content, fallback } = sandboxResolvConf(parseResolvConf(text), overrides, of);
    return { text: formatResolvConf(content), fallback };
  };

  test("is read as resolv.conf(5) says: comments out, the last search counts, options add up", () => {
    assert.deepEqual(
      parseResolvConf(
        "# c\n; c\nnameserver 10.0.0.1 \n\tnameserver\t10.0.0.2\ndomain old\nsearch a b\noptions ndots:2\noptions edns0\nsortlist 10.0.0.0\n",
      ),
      {
        nameservers: ["10.0.0.1", "10.0.0.2"],
        search: ["a", "b"],
        options: ["ndots:2", "edns0"],
        other: ["sortlist 10.0.0.0"],
      },
    );
  });

  test("resolvers on the host's loopback, and IPv6 ones, can't be reached from a sandbox", () => {
    const host =
      "nameserver 127.0.0.1\nnameserver ::1\nnameserver 2001:db8::53\nnameserver fe80::1%eth0\nnameserver 10.0.0.1\nsearch lan\n";
    assert.deepEqual(view(host), { text: "nameserver 10.0.0.1\nsearch lan\n", fallback: false });
  });

  test("where none is left, public ones stand in, and it is told", () => {
    assert.deepEqual(view("nameserver 127.0.0.1\noptions edns0\n"), {
      text: "nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions edns0\n",
      fallback: true,
    });
  });

  test("--dns wins, a loopback one included; a search of a dot is none", () => {
    const overrides = { dns: ["127.0.0.1"], dnsSearch: ["."], dnsOptions: ["ndots:1"] };
    assert.deepEqual(view("nameserver 10.0.0.1\nsearch lan\noptions edns0\n", overrides), {
      text: "nameserver 127.0.0.1\noptions ndots:1\n",
      fallback: false,
    });
  });

  test("who shares the host's namespace shares its loopback", () => {
    const host = "nameserver 127.0.0.1\nnameserver 2001:db8::53\n";
    const shared = { hostNamespace: true, ipv6: false };
    assert.deepEqual(view(host, none, shared), { text: host, fallback: false });
    assert.deepEqual(view("", none, shared), { text: "", fallback: false });
  });

  test("systemd-resolved's stub is known by its address alone", () => {
    assert.ok(isStub(parseResolvConf("nameserver 127.0.0.53\noptions edns0 trust-ad\n")));
    assert.ok(!isStub(parseResolvConf("nameserver 127.0.0.53\nnameserver 10.0.0.1\n")));
  });
});
