/** Reasons for which a packet ends on links: each made once. */
import { parseAddress } from "../../src/lib/ip.ts";
import { RULE } from "../support/walks.ts";
import { type Case, endsAsSaid } from "./trace-walk-cases.ts";

const CASES: readonly Case[] = [
  {
    name: "nobody has the address",
    code: "no-neighbour",
    text: /nobody on eth0 of db answers for 172\.17\.0\.9$/,
    to: "172.17.0.9",
  },
  {
    name: "whoever has it may not answer the asker",
    code: "no-neighbour",
    text: /the ARP question or its answer is lost, since web refuses packets from 172\.17\.0\.3 by eth0: it has no route back/,
    breaks({ web }) {
      web.routes.splice(0, web.routes.length, ...web.routes.filter(({ type }) => type === 2));
      web.sysctls.set("net.ipv4.conf.all.rp_filter", "1");
    },
  },
  {
    name: "whoever has it does not say so on this link",
    code: "no-neighbour",
    text: /since eth0 of web has the address, and does not answer for it \(arp_ignore is 8\)/,
    breaks: ({ web }) => web.change("eth0", { settings: { arpIgnore: 8 } }),
  },
  {
    name: "ARP is dropped by a rule",
    code: "no-neighbour",
    text: /nobody on eth0 of db answers for 172\.17\.0\.2: the ARP question or its answer is lost, since a rule .* drops it/,
    rules: ({ host }) => [
      {
        of: host,
        at: "bridge prerouting",
        run: ({ etherType }) => (etherType === 0x0806 ? { verdict: { do: "drop", by: RULE } } : undefined),
      },
    ],
  },
  {
    name: "the sender's own link is too narrow",
    code: "too-big",
    text: /1600 bytes are too many for eth0 of db, where 1500 fit: the sender is told "Message too long" \(EMSGSIZE\)/,
    flow: { size: 1600, dontFragment: true },
  },
  {
    name: "a router's link is too narrow",
    code: "too-big",
    text: /1500 bytes are too many for eth0 of host, where 1400 fit, and the packet may not be cut/,
    breaks: ({ host }) => host.change("eth0", { mtu: 1400 }),
    to: "192.0.2.77",
    flow: { size: 1500, dontFragment: true },
  },
  {
    name: "a pair's other end is too narrow, and nobody is told",
    code: "too-big",
    text: /1500 bytes are too many for eth0 of web, whose MTU is 1400: veth-web of host lets them through, and nobody is told/,
    breaks: ({ web }) => web.change("eth0", { mtu: 1400 }),
    flow: { size: 1500, dontFragment: true },
  },
  {
    name: "the other end is down",
    code: "link-down",
    text: /eth0 of web, the other end of veth-web of host, is down/,
    breaks({ host, web, db }) {
      web.change("eth0", { up: false });
      db.neighbour("eth0", "172.17.0.2", "02:42:ac:11:00:02");
      host.entry("docker0", "02:42:ac:11:00:02", "veth-web");
    },
  },
  {
    name: "the sender's own link has no carrier",
    code: "no-carrier",
    text: /eth0 of db has no carrier: its other end is down or gone/,
    breaks({ db }) {
      db.change("eth0", { carrier: false });
      db.neighbour("eth0", "172.17.0.2", "02:42:ac:11:00:02");
    },
  },
  {
    name: "a bridge's port is blocked",
    code: "port-state",
    text: /veth-db, a port of the bridge docker0 of host, is blocking: it takes nothing in/,
    breaks({ host, db }) {
      host.enslave("veth-db", "docker0", { state: 4 });
      db.neighbour("eth0", "172.17.0.2", "02:42:ac:11:00:02");
    },
  },
  {
    name: "both ports are isolated",
    code: "isolated-port",
    text: /veth-db and veth-web are isolated ports of the bridge docker0 of host: nothing goes between them/,
    breaks({ host, db }) {
      host.enslave("veth-db", "docker0", { isolated: true });
      host.enslave("veth-web", "docker0", { isolated: true });
      db.neighbour("eth0", "172.17.0.2", "02:42:ac:11:00:02");
      host.entry("docker0", "02:42:ac:11:00:02", "veth-web");
    },
  },
  {
    name: "a neighbour entry is out of date, and nobody has that MAC address",
    code: "wrong-mac",
    text: /docker0 of host knows no port for the MAC address 02:42:ac:11:00:99, and nobody behind any port has it/,
    breaks: ({ db }) => db.neighbour("eth0", "172.17.0.2", "02:42:ac:11:00:99", 0x80),
  },
  {
    name: "a neighbour entry is wrong, over a pair",
    code: "wrong-mac",
    text: /the frame is for the MAC address 02:42:ac:11:00:99, but arrives at far of peer.*: the neighbour entry of db for 10\.9\.0\.2 is wrong or out of date/,
    breaks({ machine, db }) {
      const peer = machine.namespace("peer");
      machine.pair(db, "near", peer, "far");
      db.address("near", "10.9.0.1/30");
      peer.address("far", "10.9.0.2/30");
      db.neighbour("near", "10.9.0.2", "02:42:ac:11:00:99", 0x04);
    },
    to: "10.9.0.2",
  },
  {
    name: "IPv6 is off at the receiver",
    code: "ipv6-off",
    text: /IPv6 is off on eth0 of web \(net\.ipv6\.conf\.eth0\.disable_ipv6 is 1\)/,
    breaks({ db, web }) {
      web.change("eth0", { settings: { disableIpv6: true } });
      db.neighbour("eth0", "fd00::2", "02:42:ac:11:00:02");
    },
    to: "fd00::2",
  },
  {
    name: "IPv6 is off at the sender",
    code: "ipv6-off",
    text: /IPv6 is off in db/,
    breaks({ db }) {
      db.change("eth0", { settings: { disableIpv6: true } });
      db.routes.splice(0, db.routes.length, ...db.routes.filter(({ family }) => family === 4));
    },
    to: "fd00::2",
  },
  {
    name: "an IPv6 address is a duplicate",
    code: "duplicate-address",
    text: /fd00::5 on eth0 of web is not in use: somebody else on the link has it too/,
    breaks({ db, web }) {
      web.address("eth0", "fd00::5/128", { duplicate: true });
      web.routes.splice(
        0,
        web.routes.length,
        ...web.routes.filter(({ to }) => to.address.bits !== parseAddress("fd00::5").bits),
      );
      db.neighbour("eth0", "fd00::5", "02:42:ac:11:00:02");
    },
    to: "fd00::5",
  },
];

endsAsSaid("on links, a packet ends where", CASES);
