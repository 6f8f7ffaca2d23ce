/**
 * The proof: a real probe, sent, and all that happens to it, seen. What can't be watched is said (`blind`), and the rest
 * goes on. Nothing on the way is changed but by the probe itself, of which conntrack and neighbours learn as of any packet.
 */
import { setTimeout as after } from "node:timers/promises";
import { codeOf, messageOf } from "../lib/errors.ts";
import { isLinkLocal } from "../lib/ip-kinds.ts";
import { NotSent } from "../linux/raw-socket.ts";
import { stampFrames } from "../linux/stamping.ts";
import type { Topology } from "../observe/types.ts";
import { conclude } from "./prove/conclude.ts";
import { sendInto } from "./prove/inject.ts";
import { wordsOfSending } from "./prove/reasons.ts";
import { type Sender, sendFrom } from "./prove/sender.ts";
import { Watch } from "./prove/watch.ts";
import type { DropReason, Flow, Prediction, Proof, ProofOptions, Seen } from "./types.ts";

const WAIT = 1000;
/** Milliseconds of silence that end it after a drop, or after the arrival of what need not be answered. */
const QUIET = 50;
/** Milliseconds between two looks, first and later: the kernel stamps what happens, so looking late loses no time of it. */
const [OFTEN, SELDOM] = [1, 5];
const OFTEN_FOR = 20;

/**
 * Send one probe and see what becomes of it. It ends with the answer, or once nothing more is to be expected, or after
 * `wait`; nothing of it is left then.
 */
export async function prove(
  topology: Topology,
  flow: Flow,
  prediction: Prediction,
  options: ProofOptions = {},
): Promise<Proof> {
  let sender: Sender;
  try {
    sender = senderOf(topology, flow, prediction);
  } catch (thrown) {
    return { flow, seen: [], took: 0, ...unsent(thrown, prediction) };
  }
  const stamped = stampFrames();
  const watch = new Watch(topology, flow, prediction, sender);
  try {
    await stamped;
    const refused = watch.send();
    await follow(watch, options.wait ?? WAIT, refused !== undefined);
    const seen = watch.seen();
    const conclusion = conclude({ topology, watch, seen, predicted: reasonsOf(prediction) });
    const proof = { flow, seen, took: tookOf(seen) };
    if (refused === undefined || conclusion.outcome !== "silent")
      return { ...proof, ...conclusion, blind: watch.blind };
    const told = unsent(refused, prediction);
    return { ...proof, ...told, blind: [...watch.blind, ...told.blind] };
  } finally {
    sender.close();
    await watch.close();
  }
}

function senderOf(topology: Topology, flow: Flow, prediction: Prediction): Sender {
  if (flow.enters) return sendInto(topology, flow, flow.enters);
  const { namespace: id, label } = flow.from;
  const namespace = id === undefined ? undefined : topology.namespaces.get(id);
  if (!namespace) throw new Error(`${label} is not on this machine, and nothing can be sent from there`);
  return sendFrom(namespace, flow, scopeOf(flow, prediction));
}

/** A link-local address means nothing without its link: the one that was predicted. */
function scopeOf({ destination }: Flow, { paths }: Prediction): number | undefined {
  if (!isLinkLocal(destination)) return undefined;
  const first = paths[0]?.hops.find(({ event }) => event.kind === "out")?.event;
  return first?.kind === "out" ? first.link.ifindex : undefined;
}

async function follow(watch: Watch, wait: number, refused: boolean): Promise<void> {
  const started = performance.now();
  let changed = started;
  for (let look = 0; ; look += 1) {
    if (watch.look()) changed = performance.now();
    const now = performance.now();
    if (watch.answer || refused || now - started >= wait) break;
    if (watch.settled() && now - changed >= QUIET) break;
    await after(look < OFTEN_FOR ? OFTEN : SELDOM);
  }
  // Whoever refuses it says so before he drops it.
  if (watch.answer && watch.answer.what !== "reached") await after(SELDOM);
  watch.look(); // what was told while the answer was on its way up
}

const reasonsOf = ({ paths }: Prediction): DropReason[] =>
  paths.flatMap(({ reason }) => (reason ? [reason] : []));

/** It did not leave the socket: what the kernel says of that. */
function unsent(thrown: unknown, prediction: Prediction): Pick<Proof, "outcome" | "reason" | "blind"> {
  const reason = thrown instanceof NotSent ? wordsOfSending(thrown.code, reasonsOf(prediction)) : undefined;
  if (reason) return { outcome: "dropped", reason, blind: [] };
  const forbidden = ["EPERM", "EACCES"].includes(codeOf(thrown) ?? "");
  const who = forbidden ? "; root may, or who has CAP_NET_RAW and CAP_SYS_ADMIN" : "";
  return { outcome: "silent", blind: [`no probe was sent: ${messageOf(thrown)}${who}`] };
}

function tookOf(seen: readonly Seen[]): number {
  const [first, last] = [seen[0], seen.at(-1)];
  return first && last ? Number(last.at - first.at) / 1e6 : 0;
}
