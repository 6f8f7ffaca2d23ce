/** What routes say, net/netfilter/nft_fib.c, nft_rt.c; and sockets, nft_socket.c, as far as they can be told. */
import { be32Or0 } from "../../../../linux/nftables/read-numbers.ts";
import { RTN } from "../../../../linux/rtnetlink/route-numbers.ts";
import { IFNAMSIZ } from "../../../../linux/socket-constants.ts";
import { linkAt } from "../../../../observe/place.ts";
import { addressBytesOf, familyOf } from "../../../packet/packet.ts";
import { type Machine, type Operation, registerAt } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

/** enum nft_fib_result, enum nft_fib_flags */
const RESULT_OIF = 1;
const RESULT_ADDRTYPE = 3;
const DADDR = 2;
const MARK = 4;
const IIF = 8;
const OIF = 16;
const PRESENT = 32;

/** enum nft_fib_attributes { …, NFTA_FIB_DREG, NFTA_FIB_RESULT, NFTA_FIB_FLAGS } */
export function fib(attributes: Attributes): Operation {
  const to = registerAt(attributes.get(1));
  const [result, flags] = [be32Or0(attributes.get(2)), be32Or0(attributes.get(3))];
  return (machine) => {
    const address = addressBytesOf(machine.packet, flags & DADDR ? "destination" : "source");
    if (!address || familyOf(machine.packet) === undefined) return "break";
    if (result === RESULT_ADDRTYPE) {
      const link = flags & IIF ? machine.around.in : flags & OIF ? machine.around.out : undefined;
      machine.store32(to, machine.around.routes.addressType(address, link));
      return "continue";
    }
    const found = outputLink(machine, address, flags) ?? 0;
    if (flags & PRESENT) machine.store32(to, found === 0 ? 0 : 1);
    else if (result === RESULT_OIF) machine.store32(to, found);
    else machine.storeName(to, linkAt(machine.around.namespace, found)?.name ?? "", IFNAMSIZ);
    return "continue";
  };
}

/** nft_fib_can_skip: of what comes round by the loopback nothing is looked up. Before Linux 6.16 at prerouting alone. */
const COMING_IN: ReadonlySet<string> = new Set(["ingress", "prerouting", "input"]);

/** As nft_fib4_eval and nft_fib6_eval: the link that would be used, if it is the one that is asked for. */
function outputLink({ around, packet }: Machine, address: Uint8Array, flags: number): number | undefined {
  const { routes } = around;
  const wanted = flags & OIF ? around.out : flags & IIF ? around.in : undefined;
  const from = linkAt(around.namespace, around.in);
  if (COMING_IN.has(around.hook) && from?.loopback) return around.in;
  if (routes.addressType(address) === RTN.local) return undefined;
  const other = addressBytesOf(packet, flags & DADDR ? "source" : "destination");
  const found = routes.outputLink(address, usable(other), flags & MARK ? packet.mark : 0, wanted);
  return wanted === undefined || found === wanted ? found : undefined;
}

/** An IPv4 address that a route can be looked up from: no group, no broadcast, not zero. */
const usable = (address: Uint8Array | undefined): Uint8Array | undefined =>
  address?.length === 4 && ((address[0] ?? 0) >= 224 || address[0] === 0) ? undefined : address;

/** enum nft_rt_keys: how many bytes, and what. */
const ROUTE_KEYS: Readonly<Record<number, readonly [number, string]>> = {
  0: [4, "the realm of the route"],
  1: [4, "the next hop"],
  2: [16, "the next hop"],
  3: [2, "the segment size of the path"],
  4: [1, "whether it leaves through IPsec"],
};

/** enum nft_rt_attributes { …, NFTA_RT_DREG, NFTA_RT_KEY } */
export function rt(attributes: Attributes): Operation {
  const to = registerAt(attributes.get(1));
  const [length, why] = ROUTE_KEYS[be32Or0(attributes.get(2))] ?? [16, "what is asked of the route"];
  return (machine) => {
    machine.storeUnknown(to, length, why);
    return "continue";
  };
}

/** enum nft_socket_attributes { …, NFTA_SOCKET_KEY, NFTA_SOCKET_DREG, … } */
export function socket(attributes: Attributes): Operation {
  const to = registerAt(attributes.get(2));
  return () => ({
    ways: [
      { assuming: "no socket here is waiting for the packet", go: () => "break" },
      {
        assuming: "a socket here is waiting for the packet",
        go: (machine) => {
          machine.storeUnknown(to, 8, "what is asked of the socket");
          return "continue";
        },
      },
    ],
  });
}
