/** Local ports for outgoing connections: each that was closed here is kept a minute more. */
import type { Namespace } from "../../observe/types.ts";
import { called, inside } from "../facts/namespace.ts";
import type { Check, Tools } from "../types.ts";

const NAME = "ports-exhausted";
const RANGE = "net.ipv4.ip_local_port_range";
const SHARE = 0.8;

export const portsExhausted: Check = {
  name: NAME,
  title: "local ports are left for outgoing connections",
  reports: [
    {
      title:
        "Too many `Cannot assign requested address` error messages from the latest Citrine and Azure runs",
      url: "https://github.com/TechEmpower/FrameworkBenchmarks/issues/4092",
    },
    {
      title: "{backend-connect}: Cannot assign requested address",
      url: "https://github.com/varnish/hitch/issues/213",
    },
  ],
  looksAt: "both",
  look: ({ host, containers, tools }) =>
    [...new Set([host, ...containers.map(({ namespace }) => namespace)])].flatMap((namespace) => {
      const waiting = timeWaitOf(namespace, tools);
      const [low = 0, high = 0] = (namespace.sysctls.get(RANGE) ?? "").trim().split(/\s+/).map(Number);
      const room = high - low + 1;
      if (waiting === undefined || high === 0 || waiting < room * SHARE) return [];
      return [
        {
          check: NAME,
          severity: "risk",
          title: `${called(namespace)} is running out of local ports: ${waiting} connections are in TIME-WAIT, of ${room} ports`,
          evidence: [`${RANGE} = ${low} ${high}`, `TCP: tw ${waiting} (/proc/net/sockstat)`],
          cause:
            "Who closes a connection first keeps its port for a minute. Many short ones to one address and port use all ports up: connecting fails with EADDRNOTAVAIL, cannot assign requested address.",
          fixes: [
            {
              command: inside(namespace, `sysctl -w ${RANGE}="1024 65535"`),
              does: "takes more ports; keeping connections open takes fewer",
              safe: false,
            },
          ],
          about: {
            namespace: namespace.id,
            ...(namespace.container && { container: namespace.container.name }),
          },
        },
      ];
    }),
};

/** `TCP: inuse 5 orphan 0 tw 12 alloc 9 mem 1`: of the namespace of the process. */
function timeWaitOf({ host, pids }: Namespace, tools: Tools): number | undefined {
  const pid = host ? "self" : pids[0];
  if (pid === undefined) return undefined;
  const [, count] = /^TCP:.* tw (\d+)/m.exec(tools.readText(`/proc/${pid}/net/sockstat`) ?? "") ?? [];
  return count === undefined ? undefined : Number(count);
}
