/** A program that listens for itself alone: what is led to its container's address does not reach it. */
import { sameAddress } from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import { shell } from "../../lib/shell.ts";
import type { ListeningSocket } from "../../observe/types.ts";
import { type Published, publishedPorts, shownPort, shownSocket, socketsAt } from "../facts/ports.ts";
import type { Check, Finding } from "../types.ts";

const NAME = "port-loopback";

export const portLoopback: Check = {
  name: NAME,
  title: "programs listen at an address of their container that a published port leads to",
  reports: [
    {
      title: "Adding info to faq per customer problem: bound to localhost",
      url: "https://github.com/moby/moby/pull/10900",
    },
    {
      title: "python:3 Recv failure: Connection reset by peer",
      url: "https://github.com/docker-library/python/issues/95",
    },
  ],
  looksAt: "containers",
  look: (patient) => publishedPorts(patient).flatMap(findingOf),
};

function findingOf(published: Published): readonly Finding[] {
  const { resident, port, host } = published;
  const { namespace, of } = resident;
  const sockets = socketsAt(namespace, port.protocol, port.containerPort);
  const addresses = of.endpoints.flatMap((endpoint) => endpoint.addresses.map(({ address }) => address));
  if (sockets.length === 0 || addresses.length === 0) return [];
  const reached = addresses.some((address) =>
    sockets.some((socket) =>
      socket.address ? sameAddress(socket.address, address) : takes(socket, address.family),
    ),
  );
  if (reached) return [];
  const alone = sockets.every(({ address }) => address !== undefined && isLoopback(address));
  const where = sockets.map(shownSocket).join(", ");
  return [
    {
      check: NAME,
      severity: "broken",
      title: alone
        ? `port ${host.port}/${port.protocol} of ${of.name} is not reached: its program listens on the container's loopback alone`
        : `port ${host.port}/${port.protocol} of ${of.name} is not reached: its program listens at ${where}, which the port does not lead to`,
      evidence: [`published: ${shownPort(published)}`, `listening in the container: ${where}`],
      cause:
        "A container's 127.0.0.1 is its own. A published port is led to the address of its eth0, where this program does not listen: connections are refused or reset.",
      fixes: [
        {
          command: shell`${of.engine} restart ${of.name}`,
          does: "once the program is told to listen at 0.0.0.0 (or ::) in its configuration, environment or arguments",
          safe: false,
        },
      ],
      about: { namespace: namespace.id, container: of.name },
    },
  ];
}

/** One bound to no address. */
const takes = ({ family, dual }: ListeningSocket, of: 4 | 6): boolean => family === of || (of === 4 && dual);
