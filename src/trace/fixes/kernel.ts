/** Ends in the kernel itself, one a reason: routing, neighbours, links, bridges. Pure. */
import { formatAddress, sameAddress } from "../../lib/ip.ts";
import { linkSysctl, shell } from "../../lib/shell.ts";
import type { Namespace, ObservedLink } from "../../observe/types.ts";
import { ownerOf, reachableAddresses } from "../ends/places.ts";
import { gatewayOf } from "../ends/uplink.ts";
import type { DropReason } from "../types.ts";
import type { Case, Explain, Explanation } from "./types.ts";
import { fix, inside } from "./words.ts";

type Told = (one: Case) => Explanation;

const familyOf = ({ packet, flow }: Case) => packet?.family ?? flow.destination.family;

/** Where the packet was going when it ended. */
const goal = ({ packet, flow }: Case): string => formatAddress(packet?.destination ?? flow.destination);

const told = (at: string, { reason }: Case, ...fixes: Explanation["fixes"]): Explanation => ({
  at,
  why: reason.text,
  fixes,
});

const forwarding: Told = (one) => {
  const { namespace, link } = one;
  const general = familyOf(one) === 4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
  // Of IPv4 each link has a setting of its own.
  const own = familyOf(one) === 4 && link !== undefined && namespace?.sysctls.get(general) === "1";
  const key = own ? linkSysctl("net.ipv4.conf", link, "forwarding") : general;
  return told(
    "forwarding",
    one,
    fix(
      inside(namespace, shell`sysctl -w ${key}=1`),
      own ? `forwards what comes in by ${link}` : "has the kernel pass on packets that are for others",
    ),
  );
};

const reversePath: Told = (one) => {
  const { namespace, link = "all" } = one;
  const keys = [...new Set([link, "all"])]
    .map((name) => shell`${linkSysctl("net.ipv4.conf", name, "rp_filter")}=2`)
    .join(" ");
  return told(
    `the reverse path filter of ${link}`,
    one,
    fix(
      inside(namespace, `sysctl -w ${keys}`),
      "takes packets whose sender can be reached by any link (loose)",
    ),
  );
};

const noRoute: Told = (one) => {
  const { namespace, topology } = one;
  // Routes go with the link that they lead by.
  const down = namespace?.links.find(({ up, loopback }) => !up && !loopback);
  if (namespace && down) return linkUp({ ...one, link: down.name });
  const family = familyOf(one);
  const gateway = namespace && !namespace.host ? gatewayToBe(one) : undefined;
  if (!namespace || !gateway || gatewayOf(namespace, family)) return told("routing", one);
  const named = topology.namespaces.get(topology.host)?.name ?? "host";
  if (reachableAddresses(namespace, family).length === 0) return { ...noAddress(one), at: "routing" };
  return told(
    "routing",
    one,
    fix(
      inside(namespace, `ip ${family === 6 ? "-6 " : ""}route add default via ${gateway}`),
      `sends what it knows no way for to ${named}, until the container is started again`,
    ),
  );
};

/** The gateway that the engine has for a network that it is on. */
function gatewayToBe(one: Case): string | undefined {
  const family = familyOf(one);
  const pools = (one.direction === "back" ? one.to : one.from).network?.subnets ?? [];
  const gateway = pools.find((pool) => pool.gateway?.family === family)?.gateway;
  return gateway && formatAddress(gateway);
}

const noNeighbour: Told = (one) => {
  const destination = one.nextHop ?? one.packet?.destination ?? one.flow.destination;
  const owner = ownerOf(one.topology, destination);
  const at = owner?.addresses.find(({ address }) => sameAddress(address.address, destination))?.ifindex;
  const link = owner?.links.find(({ ifindex }) => ifindex === at);
  if (owner && link && !link.up) {
    return told(
      "neighbours",
      one,
      fix(inside(owner, shell`ip link set ${link.name} up`), `sets ${link.name} of ${owner.name} up`),
    );
  }
  const silent = owner && link ? silentBy(owner, link) : [];
  return told(
    "neighbours",
    one,
    silent.length > 0
      ? fix(
          inside(owner, `sysctl -w ${silent.map((key) => shell`${key}=0`).join(" ")}`),
          "answers for the address as usual",
        )
      : fix(
          inside(one.namespace, `ip neigh show ${formatAddress(destination)}`),
          "shows what is known of that address: nobody may have it any more, or its owner is down",
        ),
  );
};

/** Settings by which a link answers for some of its addresses alone: ip-sysctl.rst, `arp_ignore`. */
function silentBy({ sysctls }: Namespace, { name, settings }: ObservedLink): readonly string[] {
  const general = "net.ipv4.conf.all.arp_ignore";
  const own = linkSysctl("net.ipv4.conf", name, "arp_ignore");
  return [
    ...(Number(sysctls.get(general) ?? 0) > 0 ? [general] : []),
    ...((settings?.arpIgnore ?? 0) > 0 ? [own] : []),
  ];
}

const linkUp: Told = (one) =>
  told(
    `link ${one.link ?? ""}`.trim(),
    one,
    ...(one.link === undefined
      ? []
      : [fix(inside(one.namespace, shell`ip link set ${one.link} up`), "sets the link up")]),
  );

const isolatedPort: Told = (one) =>
  told(
    "port isolation",
    one,
    ...(one.link === undefined
      ? []
      : [
          fix(
            inside(one.namespace, shell`bridge link set dev ${one.link} isolated off`),
            "lets the port speak with other isolated ones",
          ),
        ]),
  );

const portState: Told = (one) => {
  const { namespace, link } = one;
  const turn = turningPort(one);
  if (turn !== undefined) {
    const command = inside(namespace, shell`bridge link set dev ${turn} hairpin on`);
    const does = "lets packets leave by the port that they came in by, until the container is started again";
    return told(`hairpin mode of the bridge port ${turn}`, one, fix(command, does));
  }
  const command =
    link === undefined ? undefined : inside(namespace, shell`bridge link set dev ${link} state 3`);
  return told(
    "the bridge port's state",
    one,
    ...(command === undefined ? [] : [fix(command, "sets the port to forwarding")]),
  );
};

/** Of who was led back to himself: the port of the bridge that he is behind, if it does not let him. */
function turningPort({ namespace, from, to }: Case): string | undefined {
  if (!from.namespace || from.namespace !== to.namespace) return undefined;
  return namespace?.links.find(
    ({ other, port }) => port && !port.hairpin && other?.namespace === from.namespace?.id,
  )?.name;
}

/** A link on the way that carries less than the sender's: where the sender can't learn of it, it must be told. */
const tooBig: Told = (one) => {
  const { from, namespace } = one;
  const narrow = namespace?.links.filter(({ up, loopback }) => up && !loopback).map(({ mtu }) => mtu) ?? [];
  const own = from.namespace?.links.find(({ loopback, up }) => up && !loopback);
  const least = Math.min(...narrow);
  if (!own || namespace === from.namespace || !(least < own.mtu)) return told("the MTU", one);
  return told(
    "the MTU",
    one,
    fix(
      inside(from.namespace, shell`ip link set ${own.name} mtu ${least}`),
      "sends nothing larger than the narrowest link there carries",
    ),
  );
};

const ipv6Off: Told = (one) =>
  told(
    "IPv6",
    one,
    fix(
      inside(one.namespace, `sysctl -w net.ipv6.conf.all.disable_ipv6=0`),
      "turns IPv6 on; a container's network must have been made with --ipv6 for it to have an address",
    ),
  );

const duplicate: Told = (one) =>
  told(
    "duplicate address",
    one,
    fix(
      inside(one.namespace, `ip -6 addr show dadfailed`),
      "shows the address that somebody else has as well",
    ),
  );

const martian: Told = (one) => {
  const name = one.link ?? "all";
  const loopback = one.packet && one.packet.family === 4 && one.packet.destination.bits >> 24n === 127n;
  return told(
    "the source address",
    one,
    ...(loopback
      ? [
          fix(
            inside(one.namespace, shell`sysctl -w ${linkSysctl("net.ipv4.conf", name, "route_localnet")}=1`),
            "routes 127.0.0.0/8 by that link: it opens services on loopback to whoever is behind it",
          ),
        ]
      : []),
  );
};

/** A published port that is asked for at 127.0.0.1: its packets leave by the container's bridge with that for their sender. */
function loopbackOut(one: Case): Explanation | undefined {
  const { packet, flow, namespace, to } = one;
  const source = packet?.source ?? flow.source;
  const link = to.network?.bridge ?? one.link;
  if (source?.family !== 4 || source.bits >> 24n !== 127n || link === undefined || !namespace)
    return undefined;
  return told(
    `route_localnet of ${link}`,
    one,
    fix(
      inside(namespace, shell`sysctl -w ${linkSysctl("net.ipv4.conf", link, "route_localnet")}=1`),
      "lets loopback addresses leave by that link; the engine's rules have to keep them from coming in by it",
    ),
  );
}

const noAddress: Told = (one) => {
  const { namespace } = one;
  const loopback = loopbackOut(one);
  if (loopback) return loopback;
  return told(
    "the source address",
    one,
    fix(
      inside(namespace, `ip -${familyOf(one)} addr`),
      `shows that ${nameOf(namespace)} has none to send from`,
    ),
  );
};

/** An entry that nobody refutes, where it is known which. */
const wrongMac: Told = (one) => {
  const { namespace, from, topology } = one;
  const wanted = one.nextHop ?? one.packet?.destination ?? one.flow.destination;
  const asked = [namespace, from.namespace, topology.namespaces.get(topology.host)];
  const held = asked.flatMap((where) =>
    (where?.neighbours ?? [])
      .filter(({ address, mac }) => mac !== undefined && sameAddress(address, wanted))
      .map((entry) => ({ where, entry, dev: where?.links.find(({ ifindex }) => ifindex === entry.ifindex) })),
  );
  const [{ where, entry, dev } = {}] = held;
  return told(
    "the MAC address",
    one,
    entry && dev
      ? fix(
          inside(where, shell`ip neigh del ${formatAddress(entry.address)} dev ${dev.name}`),
          "forgets whose MAC address it is, to be asked for again",
        )
      : fix(
          inside(from.namespace, "ip neigh flush all"),
          "forgets MAC addresses, right and stale, to be asked for again",
        ),
  );
};

const nameOf = (namespace: Namespace | undefined): string => namespace?.name ?? "it";

const BY_CODE: Partial<Record<DropReason["code"], Told>> = {
  "not-forwarding": forwarding,
  "reverse-path": reversePath,
  "no-route": noRoute,
  "unreachable-route": (one) =>
    told(
      "routing",
      one,
      fix(inside(one.namespace, `ip route get ${goal(one)}`), "shows the route that refuses it"),
    ),
  "no-neighbour": noNeighbour,
  martian,
  ttl: (one) => told("the TTL", one),
  "too-big": tooBig,
  "link-down": linkUp,
  "no-carrier": (one) => told(`link ${one.link ?? ""}`.trim(), one),
  "port-state": portState,
  "isolated-port": isolatedPort,
  "wrong-mac": wrongMac,
  "ipv6-off": ipv6Off,
  "duplicate-address": duplicate,
  "no-address": noAddress,
  "reply-lost": (one) => told("the way back", one),
  kernel: (one) => told("the kernel", one),
};

/** Whatever the reason's own words say, and what can be done about it. */
export const kernelReason: Explain = (one) => BY_CODE[one.reason.code]?.(one);
