import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, encode, type Packet, type Question } from "dns-packet";
import { labelOf, lineOf } from "../../src/capture/lines/form.ts";
import { describeEthernet, describeRaw } from "../../src/capture/lines/frame.ts";
import { type NameOf, numeric } from "../../src/capture/names.ts";
import { formatAddress } from "../../src/lib/ip.ts";
import { arp, ethernet, icmp, ip4, ip6, tcp, udp, vlan } from "../support/frames.ts";
import { capturedAs, tappedAs } from "../support/tapped.ts";

const [WEB, DB] = ["172.17.0.2", "172.17.0.3"];
const named: NameOf = (address) => ({ [WEB]: "web", [DB]: "db" })[formatAddress(address)];
const none = new Uint8Array(0);
const four = (payload: Uint8Array) => describeEthernet(ethernet(0x0800, payload), numeric);
const six = (payload: Uint8Array) => describeEthernet(ethernet(0x86dd, payload), numeric);

test("ARP: questions, answers, probes, announcements", () => {
  const told = (operation: number, sender: string, target: string) =>
    describeEthernet(
      ethernet(0x0806, arp(operation, ["02:42:ac:11:00:02", sender], ["00:00:00:00:00:00", target])),
      numeric,
    );
  assert.equal(told(1, WEB, DB), "ARP who-has 172.17.0.3 tell 172.17.0.2");
  assert.equal(told(2, WEB, DB), "ARP 172.17.0.2 is-at 02:42:ac:11:00:02");
  assert.equal(told(1, "0.0.0.0", DB), "ARP probe: who-has 172.17.0.3");
  assert.equal(told(1, WEB, WEB), "ARP 172.17.0.2 announced at 02:42:ac:11:00:02");
});

test("TCP: flags, numbers, options", () => {
  const options = Buffer.from("020405b40402080a00000001000000000103030700", "hex").subarray(0, 20);
  const ports = [34567, 80] as const;
  const of = (segment: Parameters<typeof tcp>[0]) => four(ip4(6, WEB, DB, tcp(segment)));
  assert.equal(
    of({ ports, sequence: 7, flags: 2, options }),
    "IP 172.17.0.2.34567 > 172.17.0.3.80: Flags [S], seq 7, win 64240, " +
      "options [mss 1460,sackOK,TS val 1 ecr 0,wscale 7], length 0",
  );
  const payload = Buffer.alloc(48);
  assert.equal(
    of({ ports, sequence: 2 ** 32 - 8, acknowledged: 5, flags: 24, payload }),
    "IP 172.17.0.2.34567 > 172.17.0.3.80: Flags [P.], seq 4294967288:40, ack 5, win 64240, length 48",
  );
  assert.match(of({ ports, sequence: 1, flags: 0 }), /Flags \[none\]/);
  assert.match(of({ ports, sequence: 1, flags: 20 }), /Flags \[R\.\], seq 1, ack 0/);
});

test("names stand in place of addresses, where they are wanted", () => {
  const frame = ethernet(0x0800, ip4(6, WEB, DB, tcp({ ports: [1, 80], sequence: 1, flags: 16 })));
  assert.match(describeEthernet(frame, named), /^IP web\.1 > db\.80: Flags \[\.\]/);
  assert.match(
    describeEthernet(frame, () => "a\u001b[31mb"),
    /^IP a\\u\{1b\}\[31mb\.1 > /,
  );
});

test("UDP, and other protocols by name or number", () => {
  assert.equal(
    four(ip4(17, WEB, DB, udp(5000, 9, Buffer.alloc(5)))),
    "IP 172.17.0.2.5000 > 172.17.0.3.9: UDP, length 5",
  );
  assert.equal(four(ip4(47, WEB, DB, Buffer.alloc(60))), "IP 172.17.0.2 > 172.17.0.3: GRE, length 60");
  assert.equal(four(ip4(200, WEB, DB, none)), "IP 172.17.0.2 > 172.17.0.3: protocol 200, length 0");
});

test("DNS: what is asked, and what is answered", () => {
  const question: Question = { type: "A", name: "db" };
  const ask = encode({ type: "query", id: 6699, questions: [question] });
  assert.equal(
    four(ip4(17, WEB, DB, udp(4000, 53, ask))),
    "IP 172.17.0.2.4000 > 172.17.0.3.53: DNS query 6699 A? db",
  );
  const told = (answer: Uint8Array) => four(ip4(17, DB, WEB, udp(53, 4000, answer))).replace(/^[^:]*: /, "");
  const answers: Answer[] = [
    { type: "CNAME", name: "db", data: "db.local" },
    { type: "A", name: "db.local", data: DB },
    { type: "AAAA", name: "db.local", data: "fd00::3" },
  ];
  const response: Packet = { type: "response", id: 6699, questions: [question] };
  assert.equal(
    told(encode({ ...response, answers })),
    "DNS answer 6699 A? db: CNAME db.local, A 172.17.0.3, AAAA fd00::3",
  );
  assert.equal(told(encode({ ...response, flags: 3 })), "DNS answer 6699 A? db: NXDOMAIN");
  assert.equal(
    told(encode({ ...response, flags: 0x200 })),
    "DNS answer 6699 A? db: nothing, the rest by TCP",
  );
  const many = Array.from({ length: 12 }, (_, i): Answer => ({ type: "A", name: "db", data: `10.0.0.${i}` }));
  assert.match(told(encode({ ...response, answers: many })), /A 10\.0\.0\.7, and 4 more$/);
});

test("a name in a question moves no cursor", () => {
  const ask = Buffer.concat([
    Buffer.from("000101000001000000000000", "hex"),
    Buffer.of(7, 0x1b, 0x5b, 0x32, 0x4a, 0x20, 0x5c, 0xff, 0, 0, 1, 0, 1),
  ]);
  assert.match(four(ip4(17, WEB, DB, udp(4000, 53, ask))), /A\? \\027\[2J\\032\\092\\255$/);
});

test("ICMP: echo, and what became of other packets", () => {
  const of = (type: number, code: number, rest: number, about: Uint8Array = none) =>
    four(ip4(1, DB, WEB, icmp(type, code, rest, about))).replace(/^IP 172.17.0.3 > 172.17.0.2: ICMP /, "");
  assert.equal(of(8, 0, 0x00070001, Buffer.alloc(56)), "echo request, id 7, seq 1, length 64");
  assert.equal(of(0, 0, 0x00070001, Buffer.alloc(56)), "echo reply, id 7, seq 1, length 64");
  const lost = ip4(17, WEB, "10.0.0.9", udp(5000, 80, none));
  assert.equal(of(3, 3, 0, lost), "10.0.0.9 udp port 80 unreachable, length 36");
  assert.equal(of(3, 1, 0, lost), "10.0.0.9 host unreachable, length 36");
  assert.equal(of(3, 4, 1400, lost), "10.0.0.9 unreachable: need to fragment, mtu 1400, length 36");
  assert.equal(of(3, 13, 0, lost), "10.0.0.9 administratively prohibited, length 36");
  assert.equal(of(11, 0, 0, lost), "10.0.0.9 time exceeded in transit, length 36");
  assert.equal(of(5, 1, 0xac110001, lost), "redirect 10.0.0.9 to 172.17.0.1, length 36");
});

test("ICMPv6: neighbours, routers, echo, too big", () => {
  const target = Buffer.from("fd000000000000000000000000000003", "hex");
  const of = (type: number, rest: number, body: Uint8Array = none) =>
    six(ip6(58, "fd00::2", "fd00::3", icmp(type, 0, rest, body))).replace(
      /^IP6 fd00::2 > fd00::3: ICMP6 /,
      "",
    );
  assert.equal(of(135, 0, target), "neighbor solicitation, who has fd00::3, length 24");
  const advertised = Buffer.concat([target, Buffer.from("02010242ac110003", "hex")]);
  assert.equal(of(136, 0, advertised), "neighbor advertisement, fd00::3 is-at 02:42:ac:11:00:03, length 32");
  assert.equal(of(133, 0), "router solicitation, length 8");
  assert.equal(of(128, 0x00070001), "echo request, id 7, seq 1, length 8");
  const lost = ip6(17, "fd00::2", "fd00::9", udp(1, 2, none));
  assert.equal(of(2, 1280, lost), "fd00::9 packet too big, mtu 1280, length 56");
});

test("fragments, tags, headers behind IPv6's, frames without a header", () => {
  assert.match(four(ip4(17, WEB, DB, Buffer.alloc(8), 0x2000 | 185)), /: UDP, fragment at 1480, length 8$/);
  assert.match(four(ip4(17, WEB, DB, Buffer.alloc(8), 185)), /: UDP, fragment at 1480, the last, length 8$/);
  assert.match(four(ip4(17, WEB, DB, udp(1, 2, none), 0x2000)), /: UDP, length 0, first fragment$/);
  const inner = ip4(17, WEB, DB, udp(1, 2, none));
  assert.equal(
    describeEthernet(ethernet(0x8100, vlan(5, 0x0800, inner)), numeric),
    "vlan 5, IP 172.17.0.2.1 > 172.17.0.3.2: UDP, length 0",
  );
  const hopByHop = Buffer.concat([Buffer.from("3a00050200000100", "hex"), icmp(143, 0, 0, none)]);
  assert.match(six(ip6(0, "fe80::1", "ff02::16", hopByHop)), /ICMP6 multicast listener report v2, length 8$/);
  const later = Buffer.concat([Buffer.from("110005a8000000010102030405060708", "hex")]);
  assert.match(six(ip6(44, "fd00::2", "fd00::3", later)), /: UDP, fragment at 1448, the last, length 8$/);
  assert.equal(describeRaw(inner, numeric), "IP 172.17.0.2.1 > 172.17.0.3.2: UDP, length 0");
  assert.equal(
    describeEthernet(ethernet(0x88cc, none), numeric),
    "02:42:ac:11:00:02 > 02:42:ac:11:00:03, ethertype 0x88cc",
  );
});

test("what was cut short, or never was a header, is said to be so", () => {
  assert.equal(describeEthernet(Buffer.alloc(9), numeric), "Ethernet [cut short]");
  assert.equal(four(Buffer.alloc(19, 0x45)), "IP [cut short]");
  assert.equal(four(ip4(6, WEB, DB, Buffer.alloc(12))), "IP 172.17.0.2 > 172.17.0.3: TCP [cut short]");
  assert.match(describeRaw(none, numeric), /^\[cut short\]$/);
  // Its length is what was sent, whatever was kept.
  const whole = ip4(6, WEB, DB, tcp({ ports: [1, 2], sequence: 1, flags: 24, payload: Buffer.alloc(1000) }));
  assert.match(four(whole.subarray(0, 54)), /seq 1:1001, ack 0, win 64240, length 1000$/);
});

test("a line has the time, the link, the way and the packet", () => {
  const tapped = tappedAs();
  const frame = ethernet(0x0800, ip4(17, WEB, DB, udp(1, 2, none)));
  const at = BigInt(new Date(2026, 0, 2, 3, 4, 5, 6).getTime()) * 1_000_000n + 789_000n;
  assert.equal(
    lineOf(capturedAs(tapped, frame, { at }), named, 10),
    "03:04:05.006789 web:eth0   in  IP web.1 > db.2: UDP, length 0",
  );
  const raw = tappedAs({ hardware: 65534, name: "tun0", place: "host" });
  assert.match(
    lineOf(capturedAs(raw, frame.subarray(14), { way: "out" }), named),
    / host:tun0 out IP web\.1 > db\.2/,
  );
  assert.equal(labelOf(tappedAs({ container: "web" })), "web:eth0");
  assert.equal(labelOf(tappedAs({ place: "host", name: "veth1", container: "web" })), "host:veth1(web)");
  assert.equal(labelOf(tappedAs({ place: "sh\u001b[2J (pid 4)" })), "sh\\u{1b}[2J (pid 4):eth0");
});
