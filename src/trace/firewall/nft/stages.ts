/** nftables' base chains at a hook, as stages. */
import { ETHERTYPE } from "../../../lib/protocols.ts";
import type { NftChain, NftFamily, NftTable } from "../../../linux/nftables/program.ts";
import { linkAt } from "../../../observe/place.ts";
import type { Namespace } from "../../../observe/types.ts";
import type { Packet } from "../../packet/types.ts";
import type { HookName, Layer, Outcome, Stage, Surroundings } from "../types.ts";
import type { Extensions } from "./extensions.ts";
import { runChain } from "./run.ts";

/** Families of tables that a layer asks; of inet at ingress, its chains there alone. */
const FAMILIES: Readonly<Record<Layer, readonly NftFamily[]>> = {
  netdev: ["netdev", "inet"],
  bridge: ["bridge"],
  arp: ["arp"],
  ip: ["ip", "inet"],
  ip6: ["ip6", "inet"],
};

/**
 * In the order in which the kernel asks them. Dormant tables are left out. Of chains that are bound to links, the stage
 * itself lets pass what comes by others.
 */
export function nftStages(
  namespace: Namespace,
  layer: Layer,
  hook: HookName,
  extensions: Extensions,
): readonly Stage[] {
  return namespace.nft.tables
    .filter(({ family, dormant }) => !dormant && FAMILIES[layer].includes(family))
    .flatMap((table) =>
      [...table.chains.values()].flatMap((chain) =>
        chain.base?.hook === hook ? { table, chain, base: chain.base } : [],
      ),
    )
    .sort(inOrderOfHooks)
    .map((one) => stageOf(one, extensions));
}

interface BaseChain {
  readonly table: NftTable;
  readonly chain: NftChain;
  readonly base: NonNullable<NftChain["base"]>;
}

/**
 * By priority; of equal ones the kernel puts the later registered first (nf_hook_entries_grow). When that was, nobody is
 * told: handles grow with each table, and in a table with each chain.
 */
const inOrderOfHooks = (a: BaseChain, b: BaseChain): number =>
  a.base.priority - b.base.priority || b.table.handle - a.table.handle || b.chain.handle - a.chain.handle;

function stageOf({ table, chain, base }: BaseChain, extensions: Extensions): Stage {
  const { type, priority, devices } = base;
  return {
    priority,
    type,
    label: `${table.family} ${table.name} ${chain.name}`,
    registered: {
      table: `${table.family} ${table.name}`,
      from: table.handle,
      until: cameWith(table, chain) ? table.handle : Number.POSITIVE_INFINITY,
    },
    run: (packet, around) =>
      concerns(table, devices, packet, around)
        ? runChain(table, chain, packet, around, extensions)
        : [passed(packet)],
  };
}

/**
 * A table counts the handles of all that is in it, and programs write chains before all else: one with something older beside
 * it that is no chain, or with what is gone since, may have been made at any time after its table. iptables-nft makes them
 * one by one, as rules need them.
 */
function cameWith({ chains }: NftTable, { handle }: NftChain): boolean {
  const older = [...chains.values()].filter((chain) => chain.handle < handle).length;
  return older === handle - 1;
}

const passed = (packet: Packet): Outcome => ({ verdict: { do: "accept" }, met: [], packet, assumptions: [] });

function concerns(
  { family }: NftTable,
  devices: readonly string[],
  { etherType }: Packet,
  { layer, hook, namespace, in: from, out }: Surroundings,
): boolean {
  if (layer !== "netdev") return true;
  // nft_do_chain_inet_ingress: IP alone.
  if (family === "inet" && etherType !== ETHERTYPE.ip && etherType !== ETHERTYPE.ip6) return false;
  const name = linkAt(namespace, hook === "egress" ? out : from)?.name;
  return name !== undefined && devices.some((device) => fits(device, name));
}

/** `eth*`: since Linux 6.16 a chain may be bound to all links that begin so. */
const fits = (device: string, name: string): boolean =>
  device.endsWith("*") ? name.startsWith(device.slice(0, -1)) : device === name;
