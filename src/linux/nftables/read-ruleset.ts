/**
 * The rule set of a namespace, by dumps of linux/netfilter/nf_tables.h: tables, chains, rules and sets of all families at
 * once, then the elements of each set. What names a table by NFTA_*_TABLE does so by attribute 1.
 * ```c
 * enum nft_table_attributes { NFTA_TABLE_UNSPEC, NFTA_TABLE_NAME, NFTA_TABLE_FLAGS, NFTA_TABLE_USE,
 *                             NFTA_TABLE_HANDLE };
 * enum nft_gen_attributes   { NFTA_GEN_UNSPEC, NFTA_GEN_ID };
 * ```
 */
import { constants } from "node:os";
import { isDeepStrictEqual } from "node:util";
import type { Writer } from "../bytes.ts";
import { KernelError } from "../ffi.ts";
import { attributeOf, attributesOf, putString } from "../netlink/attribute.ts";
import { NFGENMSG_SIZE, putNetfilter } from "../netlink/netfilter.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import {
  NFT_MSG_GETSETELEM,
  NFT_TABLE_F_OWNER,
  NFTA_CHAIN_NAME,
  NFTA_RULE_CHAIN,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_NAME,
  NFTA_TABLE_FLAGS,
} from "./attributes.ts";
import type { NftChain, NftFamily, NftRule, NftRuleset, NftSet, NftTable } from "./program.ts";
import { readChain } from "./read-chain.ts";
import { be32Or0, nameOr, readBe64 } from "./read-numbers.ts";
import { readRule } from "./read-rule.ts";
import { readSet } from "./read-set.ts";
import { NFPROTO, nftMessage } from "./transaction.ts";

const { ENOENT, EINTR } = constants.errno;

const NFT_MSG_GETTABLE = nftMessage(1);
const NFT_MSG_GETCHAIN = nftMessage(4);
const NFT_MSG_GETRULE = nftMessage(7);
const NFT_MSG_GETSET = nftMessage(10);
const NFT_MSG_GETGEN = nftMessage(16);

const NFTA_GEN_ID = 1;
const NFTA_TABLE = 1;
const NFTA_TABLE_HANDLE = 4;

const NFT_TABLE_F_DORMANT = 1;

const NFPROTO_UNSPEC = 0;
const FAMILIES = new Map<number, NftFamily>(
  Object.entries(NFPROTO).map(([name, number]) => [number, name as NftFamily]),
);

const ATTEMPTS = 16;
const WHAT = "read nftables";

/** A message of a dump, copied: the socket's buffer is used again. */
interface Told {
  readonly family: NftFamily;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

/**
 * Of the namespace that the socket (NETLINK_NETFILTER) is bound to: one generation, whole. Expressions and elements are
 * decoded when somebody looks.
 * @throws KernelError EPERM without CAP_NET_ADMIN there; EINTR where the rules don't hold still
 */
export function readRuleset(socket: NetlinkSocket): NftRuleset {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const generation = readGeneration(socket);
    const tables = readTables(socket);
    if (tables && readGeneration(socket) === generation) return { generation, tables };
  }
  throw new KernelError(WHAT, EINTR, `the rules changed ${ATTEMPTS} times while they were read`);
}

/** NFTA_GEN_ID: it grows with each transaction; from 1. @throws KernelError */
export function readGeneration(socket: NetlinkSocket): number {
  let generation = 0;
  socket.request({
    what: WHAT,
    type: NFT_MSG_GETGEN,
    body: (to) => putNetfilter(to, NFPROTO_UNSPEC),
    answer: ({ payload }) => {
      generation = be32Or0(attributeOf(payload.subarray(NFGENMSG_SIZE), NFTA_GEN_ID));
    },
  });
  return generation;
}

/**
 * A transaction counts the generation up a moment before what it changed is seen (nf_tables_commit), and a dump in that moment may
 * see a table that goes, and the one in its place, both or neither. So tables are looked at again in the end.
 * @returns undefined where something went while it was being read
 */
function readTables(socket: NetlinkSocket): NftTable[] | undefined {
  const tables = dump(socket, NFT_MSG_GETTABLE);
  try {
    const within = (type: number) => (tables.length > 0 ? dump(socket, type) : []);
    const [chains, rules] = [within(NFT_MSG_GETCHAIN), within(NFT_MSG_GETRULE)];
    const sets = setsOf(socket, within(NFT_MSG_GETSET));
    const again = dump(socket, NFT_MSG_GETTABLE);
    if (!isDeepStrictEqual(tables.map(handleOf), again.map(handleOf))) return undefined;
    const programs = chainsOf(chains, rules);
    return tables.map((table) => readTable(table, programs, sets));
  } catch (thrown) {
    if (thrown instanceof KernelError && thrown.errno === ENOENT) return undefined;
    throw thrown;
  }
}

function readTable(
  table: Told,
  chains: ReadonlyMap<string, ReadonlyMap<string, NftChain>>,
  sets: ReadonlyMap<string, ReadonlyMap<string, NftSet>>,
): NftTable {
  const flags = be32Or0(table.attributes.get(NFTA_TABLE_FLAGS));
  return {
    family: table.family,
    name: nameOf(table, NFTA_TABLE),
    handle: handleOf(table),
    dormant: (flags & NFT_TABLE_F_DORMANT) !== 0,
    owned: (flags & NFT_TABLE_F_OWNER) !== 0,
    chains: chains.get(tableOf(table)) ?? new Map(),
    sets: sets.get(tableOf(table)) ?? new Map(),
  };
}

const handleOf = (table: Told): number => Number(readBe64(table.attributes.get(NFTA_TABLE_HANDLE)) ?? 0n);

/** By table and name. */
function chainsOf(chains: readonly Told[], rules: readonly Told[]): Map<string, Map<string, NftChain>> {
  const programs = new Map<string, NftRule[]>();
  for (const rule of rules) {
    const chain = `${tableOf(rule)} ${nameOf(rule, NFTA_RULE_CHAIN)}`;
    const before = programs.get(chain);
    if (before) before.push(readRule(rule.attributes));
    else programs.set(chain, [readRule(rule.attributes)]);
  }
  return byTable(chains, NFTA_CHAIN_NAME, (chain, name) =>
    readChain(chain.family, chain.attributes, programs.get(`${tableOf(chain)} ${name}`) ?? []),
  );
}

const setsOf = (socket: NetlinkSocket, sets: readonly Told[]): Map<string, Map<string, NftSet>> =>
  byTable(sets, NFTA_SET_NAME, (set, name) => readSet(set.attributes, elementsOf(socket, set, name)));

function byTable<T>(told: readonly Told[], name: number, read: (one: Told, name: string) => T) {
  const tables = new Map<string, Map<string, T>>();
  for (const one of told) {
    const table = tableOf(one);
    const found = tables.get(table) ?? new Map<string, T>();
    tables.set(table, found.set(nameOf(one, name), read(one, nameOf(one, name))));
  }
  return tables;
}

/** The lists of elements as they came. */
function elementsOf(socket: NetlinkSocket, set: Told, name: string): Uint8Array[] {
  const told = dump(socket, NFT_MSG_GETSETELEM, NFPROTO[set.family], (to) => {
    putString(to, NFTA_TABLE, nameOf(set, NFTA_TABLE));
    putString(to, NFTA_SET_ELEM_LIST_SET, name);
  });
  return told.flatMap(({ attributes }) => attributes.get(NFTA_SET_ELEM_LIST_ELEMENTS) ?? []);
}

/** Of all families where none is named; those that are not known here are left out. */
const dump = (
  socket: NetlinkSocket,
  type: number,
  family: number = NFPROTO_UNSPEC,
  attributes?: (to: Writer) => void,
): Told[] =>
  socket.dump(
    {
      what: WHAT,
      type,
      body: (to) => {
        putNetfilter(to, family);
        attributes?.(to);
      },
    },
    ({ payload }) => {
      const known = FAMILIES.get(payload[0] ?? NFPROTO_UNSPEC);
      return known && { family: known, attributes: attributesOf(payload.slice(NFGENMSG_SIZE)) };
    },
  );

const tableOf = (told: Told): string => `${told.family} ${nameOf(told, NFTA_TABLE)}`;
const nameOf = ({ attributes }: Told, type: number): string => nameOr(attributes.get(type), "");
