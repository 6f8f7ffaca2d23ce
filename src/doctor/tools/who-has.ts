/** Who answers for an address on a link. */
import { type Address, formatAddress, type Mac } from "../../lib/ip.ts";
import { closeApart } from "../../linux/close-apart.ts";
import { inNamespace } from "../../linux/netns.ts";
import { openPacketSocket, type PacketSocket } from "../../linux/packet-socket.ts";
import type { NetnsPath } from "../../linux/plan.ts";
import { answerIn, protocolOf, question } from "./frames.ts";
import { until } from "./until.ts";

/** Milliseconds. One who has the address answers within one; two who have it, both. */
const PATIENCE = 250;
/** After the first answer, for the second. */
const GRACE = 40;

/**
 * One socket for all questions that are asked by a link at a time, of one family: to open one for each, and to close it,
 * takes longer than the answers do, and each would hear the answers to all.
 */
interface Line {
  readonly socket: PacketSocket;
  /** By the address that is asked for. */
  readonly owners: Map<string, Set<Mac>>;
  asking: number;
}

const lines = new Map<string, Line>();

/**
 * @param path of the link's namespace
 * @param own the link's MAC
 * @throws KernelError ENETDOWN where the link is down
 */
export async function whoHas(
  path: NetnsPath,
  { ifindex, own }: { readonly ifindex: number; readonly own: Mac },
  address: Address,
): Promise<readonly Mac[]> {
  const key = `${path} ${ifindex} ${address.family}`;
  const line = lines.get(key) ?? open(path, ifindex, address);
  lines.set(key, line);
  line.asking += 1;
  const owners = new Set<Mac>();
  const heard = (atLeast: number) => () => {
    listen(line, address);
    for (const mac of line.owners.get(formatAddress(address)) ?? []) owners.add(mac);
    return owners.size >= atLeast || undefined;
  };
  try {
    line.socket.send(question(address, own), ifindex);
    if (await until(heard(1), PATIENCE)) await until(heard(2), GRACE);
    return [...owners];
  } finally {
    line.asking -= 1;
    if (line.asking === 0) {
      lines.delete(key);
      await closeApart([line.socket.fd]);
    }
  }
}

/** @throws KernelError */
const open = (path: NetnsPath, ifindex: number, address: Address): Line => ({
  socket: inNamespace(path, () => openPacketSocket({ ifindex, protocol: protocolOf(address) })),
  owners: new Map(),
  asking: 0,
});

function listen({ socket, owners }: Line, { family }: Address): void {
  socket.receiveMany(({ bytes, way }) => {
    const claim = way === "in" ? answerIn(bytes, family) : undefined;
    if (!claim) return;
    const key = formatAddress(claim.address);
    owners.set(key, (owners.get(key) ?? new Set()).add(claim.mac));
  });
}
