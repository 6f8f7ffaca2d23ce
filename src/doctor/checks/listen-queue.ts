/** Servers that take connections more slowly than they come: the kernel lets the rest wait, and then drops them. */
import type { ListeningSocket, Namespace } from "../../observe/types.ts";
import { countersOf, procNet } from "../facts/counters.ts";
import { called, inside } from "../facts/namespace.ts";
import { shownSocket } from "../facts/ports.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "listen-queue";
/** Since the namespace is there: fewer are what any burst leaves behind. */
const MANY = 100;

export const listenQueue: Check = {
  name: NAME,
  title: "servers accept connections as fast as they come",
  reports: [
    { title: "Set an explicit listen backlog", url: "https://github.com/agentmail-to/agentmail-mcp/pull/46" },
    { title: "detect overflow of TCP LISTEN queue", url: "https://github.com/netdata/netdata/issues/2855" },
    {
      title: "listener TCP backlog queue length isn't equal to Linux defined net.core.somaxconn",
      url: "https://github.com/envoyproxy/envoy/issues/9659",
    },
  ],
  looksAt: "both",
  look: (patient) =>
    [...new Set([patient.host, ...patient.containers.map(({ namespace }) => namespace)])].flatMap(
      (namespace) => look(patient, namespace),
    ),
};

/** sk_acceptq_is_full, net/sock.h: one more than there is room for may wait. */
const isFull = ({ queue }: ListeningSocket): boolean =>
  queue !== undefined && queue.room > 0 && queue.waiting > queue.room;

function look({ tools }: Patient, namespace: Namespace): readonly Finding[] {
  const servers = namespace.sockets.filter(({ protocol }) => protocol === "tcp");
  if (servers.length === 0) return [];
  const full = servers.filter(isFull);
  const at = countersOf(procNet(namespace, "netstat", tools), "TcpExt");
  const overflows = at("ListenOverflows");
  if (full.length === 0 && overflows < MANY) return [];
  const counted = `TcpExt: ListenOverflows ${overflows}, ListenDrops ${at("ListenDrops")} (/proc/net/netstat)`;
  const about = {
    namespace: namespace.id,
    ...(namespace.container && { container: namespace.container.name }),
  };
  if (full.length === 0)
    return [
      {
        check: NAME,
        severity: "note",
        title: `${called(namespace)} has dropped ${overflows} connections that nobody accepted in time`,
        evidence: [counted],
        cause:
          "They came faster than a server took them. Clients try again after a second or more: they see connections that now and then take long. It may be long ago: the number counts from the start.",
        fixes: [
          {
            command: inside(namespace, "nstat -az TcpExtListenOverflows TcpExtListenDrops"),
            does: "shows whether it still grows",
            safe: false,
          },
        ],
        about,
      },
    ];
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${called(namespace)} takes no more connections at ${full.map(shownSocket).join(", ")}: its queue is full`,
      evidence: [
        ...full.map((one) => `ss -ltn: LISTEN ${one.queue?.waiting} ${one.queue?.room} ${shownSocket(one)}`),
        counted,
      ],
      cause:
        "Connections that are set up wait until the server accepts them. It hangs, or has too little time for so many; what comes beyond its backlog is dropped without an answer, and clients time out.",
      fixes: [
        {
          command: inside(namespace, "ss -ltnp"),
          does: "shows the server. A larger backlog is asked for by the server itself, up to net.core.somaxconn, which containers have each for themselves (docker run --sysctl)",
          safe: false,
        },
      ],
      about,
    },
  ];
}
