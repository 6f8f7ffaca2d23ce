/** Rules as operations: their attributes are read once, at their first packet. */
import { memoBy } from "../../../lib/memo.ts";
import type { NftExpression, NftRule } from "../../../linux/nftables/program.ts";
import { connlimit, hash, limit, numgen, quota } from "./expressions/chance.ts";
import { ct, notrack } from "./expressions/ct.ts";
import { bitwise, byteorder, cmp, immediate, range } from "./expressions/data.ts";
import { dup, fwd, log, nothing, queue, reject, synproxy, tproxy } from "./expressions/ends.ts";
import { match, target } from "./expressions/extension.ts";
import { type Compile, dynset, lookup, objref } from "./expressions/lookup.ts";
import { meta } from "./expressions/meta.ts";
import { masq, nat, redir } from "./expressions/nat.ts";
import { exthdr, payload } from "./expressions/payload.ts";
import { fib, rt, socket } from "./expressions/routes.ts";
import { either, type Operation, REGISTERS } from "./machine.ts";

type Compiler = (attributes: ReadonlyMap<number, Uint8Array>, compile: Compile) => Operation;

/** By the names that the kernel gives them, `struct nft_expr_type`. */
const EXPRESSIONS: Readonly<Record<string, Compiler>> = {
  bitwise,
  byteorder,
  cmp,
  connlimit,
  counter: nothing,
  ct,
  dup,
  dynset,
  exthdr,
  fib,
  flow_offload: nothing,
  fwd,
  hash,
  immediate,
  last: nothing,
  limit,
  log,
  lookup,
  masq,
  match,
  meta,
  nat,
  notrack,
  numgen,
  objref,
  payload,
  queue,
  quota,
  range,
  redir,
  reject,
  rt,
  socket,
  synproxy,
  target,
  tproxy,
};

const compile: Compile = ({ name, attributes }: NftExpression): Operation =>
  EXPRESSIONS[name]?.(attributes, compile) ??
  (() =>
    either(`the expression ${name} matches`, `the expression ${name} does not match`, (machine) => {
      // Whichever register it may have written.
      machine.storeUnknown(0, REGISTERS, `what the expression ${name} found`);
      return "continue";
    }));

export const operationsOf: (rule: NftRule) => readonly Operation[] = memoBy(({ expressions }: NftRule) =>
  expressions.map(compile),
);
