/** Ends that an engine means: networks kept apart, `icc=false`, internal networks, guards. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { EngineContainer, EngineNetwork } from "../../observe/types.ts";
import { networksOf } from "./case.ts";
import { isPolicy, ownerOfRule } from "./owner.ts";
import type { Case, Explain, Fix } from "./types.ts";
import { fix, portText, programOf, senderWord } from "./words.ts";

const ENGINES: ReadonlySet<string> = new Set(["drawbridge", "docker", "podman"]);

/** Whether a rule of an engine's ended it. */
function byEngine({ reason, namespace }: Case): boolean {
  return reason.rule !== undefined && ENGINES.has(ownerOfRule(reason.rule, namespace));
}

const chainOf = ({ reason }: Case): string => reason.rule?.chain ?? "";
const tableOf = ({ reason }: Case): string => reason.rule?.table ?? "";

/** Published ports of the one that was asked for: the other way to it. */
function throughHost(one: Case): readonly Fix[] {
  const { from, to, flow } = one;
  const port = to.container?.ports.find(
    ({ containerPort, protocol, host }) => host && containerPort === flow.port && protocol === flow.protocol,
  );
  // Podman's isolated networks are closed to what is translated as well.
  if (!port?.host || (from.network && to.container?.engine === "podman")) return [];
  const at = port.host.address ? formatAddress(port.host.address) : "host";
  return [
    fix(
      shell`drawbridge trace ${senderWord(one)} ${at}:${port.host.port}/${flow.protocol}`,
      `goes by the port that ${to.label} publishes`,
    ),
  ];
}

/** A name that could be taken for a thing is said to be a name. */
const networkWord = ({ name }: EngineNetwork): string =>
  /^(bridge|default|podman)$/.test(name) ? `network ${name}` : name;

/** Two bridge networks: neither engine lets a packet from one into the other. */
export const isolation: Explain = (one) => {
  const { from, to } = one;
  if (!from.network || !to.network || from.network.id === to.network.id || !byEngine(one)) return undefined;
  const connect = connectTo(one, to.network);
  return {
    at: "bridge isolation",
    why: `${networkWord(from.network)} may not reach ${networkWord(to.network)}`,
    fixes: [...connect, ...throughHost(one)],
  };
};

/** Puts the sender into a network; only the engine that has both can. */
function connectTo({ from, to }: Case, network: EngineNetwork): readonly Fix[] {
  if (!from.container || (to.container && to.container.engine !== from.container.engine)) return [];
  return [
    fix(
      shell`${programOf(from.container)} network connect ${network.name} ${from.container.name}`,
      `gives ${from.container.name} an interface on ${network.name}, where ${to.label} is`,
    ),
  ];
}

/** `com.docker.network.bridge.enable_icc=false`: neighbours on one bridge that may not speak. */
export const iccOff: Explain = (one) => {
  const { from, to } = one;
  const { network } = to;
  if (!network || network.icc || from.network?.id !== network.id || one.reason.code !== "rule")
    return undefined;
  const program = programOf(to.container);
  const names = [from.container?.name, to.container?.name].filter((name) => name !== undefined);
  const together = [
    `${program} network create together`,
    ...names.map((name) => shell`${program} network connect together ${name}`),
    // A name would lead to either address, and by this network to none.
    ...(from.container ? [shell`${program} network disconnect ${network.name} ${from.container.name}`] : []),
  ];
  return {
    at: `icc=false of network ${network.name}`,
    why: `containers on ${network.name} may not speak with each other`,
    fixes: [
      fix(
        together.join(" && "),
        "puts both on a network of their own, where they may, and the asker on that alone",
      ),
    ],
  };
};

/** A network without a way out. */
export const internalNetwork: Explain = (one) => {
  const { from, to, topology } = one;
  const inner = [from, to].find(({ network }) => network?.internal);
  const other = inner === from ? to : from;
  if (!inner?.network || other.network?.id === inner.network.id) return undefined;
  const noWay = one.reason.code === "no-route" || one.reason.code === "unreachable-route";
  // Podman's way: nothing that comes in by the network's bridge is forwarded.
  const sealed = one.reason.code === "not-forwarding" && one.link === inner.network.bridge;
  if (!noWay && !sealed && !byEngine(one)) return undefined;
  // It may be on another network as well, which then is the way out.
  if (inner.namespace && networksOf(topology, inner.namespace).some(({ internal }) => !internal) && noWay)
    return undefined;
  const open = topology.engines
    .find(({ kind }) => kind === inner.container?.engine)
    ?.networks.find(({ internal, driver }) => !internal && driver === "bridge");
  const joined = other.network ?? open;
  const { container } = inner;
  return {
    at: `internal network ${inner.network.name}`,
    why:
      inner === from
        ? `${inner.network.name} has no way out, and ${from.label} is on no other network`
        : `nobody from elsewhere may enter ${inner.network.name}`,
    fixes:
      container && joined
        ? [
            fix(
              shell`${programOf(container)} network connect ${joined.name} ${container.name}`,
              `gives ${container.name} an interface on ${joined.name}, which is not internal`,
            ),
          ]
        : [],
  };
};

/** From elsewhere to a container's own address: only what is published may come in. */
export const notPublished: Explain = (one) => {
  const { from, to } = one;
  if (from.network || !to.container || !to.network || !byEngine(one)) return undefined;
  // Another engine's rules know nothing of what this one publishes.
  if (one.reason.rule && ownerOfRule(one.reason.rule, one.namespace) !== to.container.engine)
    return undefined;
  if (from.namespace?.host || one.direction === "back") return undefined;
  const [published] = throughHost(one);
  return {
    at: "unpublished ports",
    why: published
      ? "a container's own address is closed to those outside, whatever it publishes"
      : `${portText(one)} of ${to.label} is not published`,
    fixes: published ? [published] : publish(one, to.container),
  };
};

/** A neighbour of the host that knows no way to containers, as it should be: they are there at the host's own address. */
export const outsideTheHost: Explain = (one) => {
  const { from, to, reason } = one;
  if (reason.code !== "no-route" || !to.container || from.network || from.namespace?.host) return undefined;
  if (one.namespace !== from.namespace) return undefined;
  const [published] = throughHost(one);
  return {
    at: "routing",
    why: `${reason.text}; ${to.label} is there for others at ports of the host alone`,
    fixes: published ? [published] : publish(one, to.container),
  };
};

function publish(one: Case, { engine, name }: EngineContainer): readonly Fix[] {
  const { port } = one.flow;
  if (port === undefined) return [];
  const text = portText(one);
  return [
    engine === "drawbridge"
      ? fix(shell`drawbridge port add ${name} ${port}:${text}`, `publishes ${text} of ${name} at the host`)
      : fix(
          `${engine} run -p ${port}:${text} ...`,
          `publishes ${text} at the host; ${engine} can do that only when a container is made`,
        ),
  ];
}

/** `drawbridge.host-guard=true`. */
export const hostGuard: Explain = (one) => {
  const { from, to } = one;
  if (tableOf(one) !== "drawbridge" || chainOf(one) !== "guarded") return undefined;
  const name = from.network?.name ?? "the network";
  return {
    at: `host guard of network ${name}`,
    why: `of the host itself, containers on ${name} reach DNS and nothing else`,
    fixes: from.container
      ? [
          fix(
            shell`drawbridge network connect bridge ${from.container.name}`,
            `gives ${from.container.name} an interface on a network without host guard; ${to.label} answers there`,
          ),
        ]
      : [],
  };
};

/** A container's packet with another's MAC or IP address. */
export const spoofGuard: Explain = (one) => {
  if (tableOf(one) !== "drawbridge-guard" || !/^(port|from_)/.test(chainOf(one))) return undefined;
  const { from, packet } = one;
  const sent = packet
    ? ` from ${formatAddress(packet.source)}${packet.sourceMac ? ` at ${packet.sourceMac}` : ""}`
    : "";
  return {
    at: "spoof guard",
    why: `${from.label} sends${sent}, which is not its own address`,
    fixes: [
      fix(
        "drawbridge network create --opt drawbridge.spoof-guard=false unguarded",
        "makes a network whose containers may send from any address",
      ),
    ],
  };
};

/** What belongs to a host's loopback, on a wire. */
export const loopbackGuard: Explain = (one) => {
  if (tableOf(one) !== "drawbridge" || chainOf(one) !== "martians") return undefined;
  return {
    at: "loopback guard",
    why: "127.0.0.0/8 is the host's own, and nothing from or to it comes in from elsewhere",
    fixes: [],
  };
};

/** Last of an engine's rules: whatever it closes that is not one of the above. */
export const engineRule: Explain = (one) => {
  const { reason, namespace } = one;
  if (!reason.rule || isPolicy(reason.rule) || !byEngine(one)) return undefined;
  const owner = ownerOfRule(reason.rule, namespace);
  return {
    at: `${owner}'s rules`,
    why: `${owner} does not let ${one.from.label} reach ${one.to.label} this way`,
    fixes: throughHost(one),
  };
};
