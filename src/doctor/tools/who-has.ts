/** Who answers for an address on a link. */
import type { Address, Mac } from "../../lib/ip.ts";
import { inNamespace } from "../../linux/netns.ts";
import { openPacketSocket } from "../../linux/packet-socket.ts";
import type { NetnsPath } from "../../linux/plan.ts";
import { answerOf, protocolOf, question } from "./frames.ts";
import { until } from "./until.ts";

/** Milliseconds. One who has the address answers within one; two who have it, both. */
const PATIENCE = 250;
/** After the first answer, for the second. */
const GRACE = 40;

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
  const socket = inNamespace(path, () => openPacketSocket({ ifindex, protocol: protocolOf(address) }));
  const owners = new Set<Mac>();
  const heard = (atLeast: number) => () => {
    socket.receiveMany(({ bytes, way }) => {
      const mac = way === "in" ? answerOf(bytes, address) : undefined;
      if (mac !== undefined) owners.add(mac);
    });
    return owners.size >= atLeast || undefined;
  };
  try {
    socket.send(question(address, own), ifindex);
    if (await until(heard(1), PATIENCE)) await until(heard(2), GRACE);
    return [...owners];
  } finally {
    socket.close();
  }
}
