/**
 * A prover in a process of its own: an echo from the process's own namespace to an address, waited for so many milliseconds.
 * `node prover.ts ADDRESS WAIT [UID]` prints the proof's outcome and what it was blind to; with UID, as that user.
 */
import { parseAddress } from "../../src/lib/ip.ts";
import { readNamespace } from "../../src/observe/read.ts";
import type { Topology } from "../../src/observe/types.ts";
import { prove } from "../../src/trace/prove.ts";
import type { Flow, Prediction } from "../../src/trace/types.ts";

const [address = "", wait = "", uid] = process.argv.slice(2);
const here = readNamespace("/proc/self/ns/net");
if (uid !== undefined) process.setuid?.(Number(uid));
const topology: Topology = {
  readAt: Date.now(),
  namespaces: new Map([[here.id, here]]),
  host: here.id,
  engines: [],
  unread: [],
};
const flow: Flow = {
  from: { label: "here", namespace: here.id },
  to: { label: address },
  destination: parseAddress(address),
  protocol: "icmp",
};
const prediction: Prediction = { flow, paths: [], outcome: "unsure", unsure: [] };
const { outcome, blind, seen } = await prove(topology, flow, prediction, { wait: Number(wait) });
process.stdout.write(`${JSON.stringify({ outcome, blind, kinds: seen.map(({ kind }) => kind) })}\n`);
