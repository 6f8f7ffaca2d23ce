/** Packets that arrived and that nobody took. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import { shell } from "../../lib/shell.ts";
import type { EngineContainer, ListeningSocket, Namespace } from "../../observe/types.ts";
import { isRefusal } from "../refusal.ts";
import type { Case, Explain, Fix, Party } from "./types.ts";
import { fix, inside, portText, programOf, senderWord } from "./words.ts";

/** The port that was asked for in the end: a published one leads to another. */
const portOf = ({ packet, flow, direction }: Case): number | undefined =>
  (direction === "there" ? packet?.destinationPort : packet?.sourcePort) ?? flow.port;

/** Where it ended: the one whom it was for, or the host. */
const target = ({ namespace, to }: Case): Namespace | undefined => namespace ?? to.namespace;

function listenersOf(namespace: Namespace | undefined, one: Case, port?: number): readonly ListeningSocket[] {
  const all = namespace?.sockets.filter(({ protocol }) => protocol === one.flow.protocol) ?? [];
  return port === undefined ? all : all.filter((socket) => socket.port === port);
}

const nameOf = (namespace: Namespace | undefined, { label }: Party): string =>
  namespace?.container?.name ?? namespace?.name ?? label;

/** `127.0.0.1:80`, `*:53`. */
const place = ({ address, port }: ListeningSocket): string => {
  if (!address) return `*:${port}`;
  return address.family === 6 ? `[${formatAddress(address)}]:${port}` : `${formatAddress(address)}:${port}`;
};

/** A server that is only there for its own container. */
export const boundToLoopback: Explain = (one) => {
  if (!isRefusal(one.reason)) return undefined;
  const where = target(one);
  const listeners = listenersOf(where, one, portOf(one));
  const [first] = listeners;
  if (!first || !listeners.every(({ address }) => address && isLoopback(address))) return undefined;
  const name = nameOf(where, one.to);
  return {
    at: `port ${portOf(one)}/${one.flow.protocol} of ${name}`,
    why: `the server listens at ${place(first)} alone, and so only for ${name} itself`,
    fixes: [
      fix(
        inside(where, `ss -ltnup 'sport = :${portOf(one)}'`),
        "shows the server: have it listen at 0.0.0.0 or [::], by its own setting",
      ),
    ],
  };
};

/** A server at another address than the one that was asked for, or by another link. */
export const boundElsewhere: Explain = (one) => {
  if (!isRefusal(one.reason)) return undefined;
  const where = target(one);
  const listeners = listenersOf(where, one, portOf(one));
  if (listeners.length === 0) return undefined;
  const name = nameOf(where, one.to);
  return {
    at: `port ${portOf(one)}/${one.flow.protocol} of ${name}`,
    why: `the server listens at ${listeners.map(place).join(", ")}, and not where this comes to`,
    fixes: [fix(inside(where, `ss -ltnup 'sport = :${portOf(one)}'`), "shows the server and its address")],
  };
};

/** At the host's address, a port that nothing publishes, while containers listen on it inside. */
export const unpublishedPort: Explain = (one) => {
  const where = target(one);
  if (!isRefusal(one.reason) || !where?.host || one.flow.port === undefined) return undefined;
  const those = [...one.topology.namespaces.values()].flatMap((namespace) => {
    const { host, container } = namespace;
    return !host && container && listenersOf(namespace, one, one.flow.port).length > 0 ? [container] : [];
  });
  const [first, ...more] = those;
  if (!first) return undefined;
  const port = portText(one);
  const others = more.length > 0 ? ` and ${more.length} more` : "";
  return {
    at: `port ${port} of the host`,
    why: `nothing listens there: ${first.name}${others} listens on ${port} inside, and does not publish it here`,
    fixes: those.slice(0, 3).map((container) => published(one, container) ?? publish(one, container)),
  };
};

/** It publishes the port, by another number. */
function published(one: Case, { name, ports }: EngineContainer): Fix | undefined {
  const { flow } = one;
  const found = ports.find(
    ({ protocol, containerPort, host }) => host && protocol === flow.protocol && containerPort === flow.port,
  )?.host;
  return (
    found &&
    fix(
      shell`drawbridge trace ${senderWord(one)} host:${found.port}/${flow.protocol}`,
      `goes by port ${found.port}, as which ${name} publishes it`,
    )
  );
}

function publish(one: Case, { engine, name, image }: EngineContainer): Fix {
  const port = portText(one);
  return engine === "drawbridge"
    ? fix(shell`drawbridge port add ${name} ${one.flow.port ?? ""}:${port}`, `publishes ${port} of ${name}`)
    : fix(
        shell`${engine} run -p ${one.flow.port ?? ""}:${port} ... ${image}`,
        `publishes the port; ${engine} can do that only when a container is made`,
      );
}

/** The container answers: it has nobody for that port. */
export const notListening: Explain = (one) => {
  if (!isRefusal(one.reason)) return undefined;
  const where = target(one);
  const name = nameOf(where, one.to);
  const port = portOf(one);
  const open = listenersOf(where, one).filter(({ address }) => !address || !isLoopback(address));
  const others = [...new Set(open.map(place))].slice(0, 4);
  const instead = others.length > 0 ? `; ${one.flow.protocol} listens at ${others.join(", ")}` : "";
  const published = one.flow.port !== port ? `, and there the published port ${one.flow.port} leads` : "";
  const { container } = where ?? {};
  return {
    at: `port ${port}/${one.flow.protocol} of ${name}`,
    why: `nobody listens on it${published}${instead}`,
    fixes: container ? [logs(container.name, programOf(container))] : [],
  };
};

const logs = (name: string, program: string): Fix =>
  fix(shell`${program} logs ${name}`, "shows what the container's program says, which should listen there");

export const backlogFull: Explain = (one) => {
  if (one.reason.code !== "backlog-full") return undefined;
  const where = target(one);
  return {
    at: `port ${portOf(one)}/${one.flow.protocol} of ${nameOf(where, one.to)}`,
    why: "the server does not accept connections as fast as they come: its queue is full",
    fixes: [fix(inside(where, `ss -ltn 'sport = :${portOf(one)}'`), "shows how many wait, and how many may")],
  };
};
