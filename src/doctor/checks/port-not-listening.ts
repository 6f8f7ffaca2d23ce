/** A port leads into the container, and nobody is there. */
import { shell } from "../../lib/shell.ts";
import { blindTo } from "../facts/namespace.ts";
import { publishedPorts, shownPort, shownSocket, socketsAt } from "../facts/ports.ts";
import type { Check } from "../types.ts";

const NAME = "port-not-listening";

export const portNotListening: Check = {
  name: NAME,
  title: "somebody listens in the container at each published port",
  reports: [
    { title: "Connection Reset By Peer", url: "https://github.com/gliderlabs/logspout/issues/136" },
    {
      title: "Connection reset by peer when connecting to published port",
      url: "https://github.com/podman-container-tools/podman/issues/19602",
    },
  ],
  looksAt: "containers",
  look: (patient) =>
    publishedPorts(patient).flatMap((published) => {
      const { resident, port, host } = published;
      const { namespace, of } = resident;
      if (port.protocol === "sctp" || blindTo(namespace, /socket/)) return [];
      if (socketsAt(namespace, port.protocol, port.containerPort).length > 0) return [];
      const there = namespace.sockets.filter(({ protocol }) => protocol === port.protocol).map(shownSocket);
      return [
        {
          check: NAME,
          severity: "broken",
          title: `port ${host.port}/${port.protocol} of ${of.name} leads to nobody: nothing listens at ${port.containerPort} in the container`,
          evidence: [
            `published: ${shownPort(published)}`,
            `${port.protocol} sockets in the container: ${there.length > 0 ? there.join(", ") : "none"}`,
          ],
          cause:
            "The port is led to the container's address, where the kernel answers that nobody is there: connection refused, or reset. The program has not begun to listen, has ended, or listens at another port than the one published.",
          fixes: [
            {
              command: shell`${of.engine} logs --tail 20 ${of.name}`,
              does: "shows what the program says; publish the port that it listens at (-p HOST:CONTAINER)",
              safe: false,
            },
          ],
          about: { namespace: namespace.id, container: of.name },
        },
      ];
    }),
};
