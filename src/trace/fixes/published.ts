/** Published ports that are refused by the host itself: nobody translated them. Pure. */
import { type Address, formatAddress, sameAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { EngineContainer, EnginePort } from "../../observe/engines/types.ts";
import { isRefusal } from "../refusal.ts";
import type { Case, Explain } from "./types.ts";
import { fix, portText, programOf } from "./words.ts";

interface Publication {
  readonly of: EngineContainer;
  readonly port: EnginePort;
  /** Where it is bound; absent for all addresses. */
  readonly address?: Address;
}

/** Who publishes the port that was asked for, by what the engines say. */
function publicationsOf({ topology, flow }: Case): readonly Publication[] {
  return topology.engines
    .flatMap(({ containers }) => containers)
    .filter(({ state }) => state === "running")
    .flatMap((of) =>
      of.ports
        .filter(({ protocol, host }) => protocol === flow.protocol && host?.port === flow.port)
        .map((port) => ({ of, port, ...(port.host?.address && { address: port.host.address }) })),
    );
}

/** `127.0.0.1:8080:80` leads nobody in who asks at another address. */
export const publishedElsewhere: Explain = (one) => {
  const found = refusedByHost(one);
  const [first] = found;
  const { destination } = one.flow;
  if (!first?.address || found.some(({ address }) => !address || sameAddress(address, destination)))
    return undefined;
  const { of, port, address } = first;
  const shown = formatAddress(address);
  return {
    at: `port ${portText(one)} of the host`,
    why: `${of.name} publishes it at ${shown} alone, and this is for ${formatAddress(destination)}`,
    fixes:
      of.engine === "drawbridge"
        ? [
            fix(
              shell`drawbridge port rm ${of.name} ${shown}:${one.flow.port ?? 0}:${port.containerPort} && drawbridge port add ${of.name} ${one.flow.port ?? 0}:${port.containerPort}`,
              "publishes it at all of the host's addresses",
            ),
          ]
        : [],
  };
};

/** It is published, and the packet came to the host's own sockets for all that. */
export const publishedInVain: Explain = (one) => {
  const [first] = refusedByHost(one).filter(
    ({ address }) => !address || sameAddress(address, one.flow.destination),
  );
  if (!first) return undefined;
  const program = programOf(first.of);
  return {
    at: `published port ${portText(one)}`,
    why: `${first.of.name} publishes it, and no rule of the host translates it: ${program}'s rules are gone, or something keeps it from them`,
    fixes: [fix(shell`systemctl restart ${program}`, `has ${program} set its rules again`)],
  };
};

const refusedByHost = (one: Case): readonly Publication[] =>
  isRefusal(one.reason) && one.namespace?.host && one.packet?.destinationPort === one.flow.port
    ? publicationsOf(one)
    : [];
