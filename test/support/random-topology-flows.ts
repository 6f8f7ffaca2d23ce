/** Packets over a random topology: sent, predicted, seen. */
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import type { Topology } from "../../src/observe/types.ts";
import { predict } from "../../src/trace/predict.ts";
import { prove } from "../../src/trace/prove.ts";
import type { Flow, Prediction, Proof } from "../../src/trace/types.ts";
import type { FlowSpec, TopologySpec } from "./random-topology.ts";
import { disagreement } from "./random-topology-compare.ts";
import { allSteps, RandomLab, textOf } from "./random-topology-lab.ts";
import type { World } from "./random-topology-world.ts";

const PORTS = [80, 8080, 80, 81, 9, 8081];
/** Milliseconds: neighbours are given up long before. */
const WAIT = 500;

export interface Case {
  readonly spec: FlowSpec;
  readonly prediction: Prediction;
  readonly proof: Proof;
  readonly topology: Topology;
  /** Empty where both tell the same. */
  readonly differs: readonly string[];
}

/**
 * Make it, send each packet, take it away.
 * @param again how often a packet is sent again that went another way than predicted: on a machine with much to do, a server
 * may sleep for longer than a proof waits
 */
export async function run(spec: TopologySpec, again = 1): Promise<readonly Case[]> {
  const lab = await RandomLab.make(spec);
  try {
    const cases: Case[] = [];
    for (const one of spec.flows) cases.push(await tryOne(lab, one, again));
    return cases;
  } finally {
    lab.close();
  }
}

async function tryOne(lab: RandomLab, spec: FlowSpec, again: number): Promise<Case> {
  const topology = await lab.read();
  const flow = flowOf(topology, lab.world, spec);
  const prediction = predict(topology, flow);
  const proof = await prove(topology, flow, prediction, { wait: WAIT });
  const differs = disagreement(topology, prediction, proof);
  if (differs.length > 0 && again > 0) return tryOne(lab, spec, again - 1);
  return { spec, topology, prediction, proof, differs };
}

function flowOf(topology: Topology, world: World, spec: FlowSpec): Flow {
  const { protocol, family, size } = spec;
  const from = world.places[spec.from % world.places.length] ?? "hub";
  const addresses = [
    ...world.addresses.filter(({ address }) => address.includes(":") === (family === 6)),
    { place: from, address: family === 4 ? "127.0.0.1" : "::1" },
    { place: "nobody", address: family === 4 ? "10.1.0.99" : "fd00:1::99" },
  ];
  const to = addresses[spec.to % addresses.length] ?? { place: "nobody", address: "10.1.0.99" };
  const idOf = (name: string) => [...topology.namespaces.values()].find((one) => one.name === name)?.id;
  const [sender, receiver] = [idOf(from), idOf(to.place)];
  return {
    from: { label: from, ...(sender !== undefined && { namespace: sender }) },
    to: { label: to.place, ...(receiver !== undefined && { namespace: receiver }) },
    destination: parseAddress(to.address),
    protocol,
    ...(protocol !== "icmp" && { port: PORTS[spec.port % PORTS.length] ?? 80 }),
    ...(size !== undefined && { size, dontFragment: true }),
  };
}

/** How to see it oneself. */
export function retold(spec: TopologySpec, { prediction: { flow }, differs }: Case): string {
  const lab = textOf(allSteps(spec));
  return [`${lab}\n`, `# ${toldFlow(flow)}`, ...differs.map((line) => line.replaceAll(/^/gm, "# "))].join(
    "\n",
  );
}

/** `a1 to out at 198.51.100.2: tcp port 80, 1300 bytes`. */
export function toldFlow({ from, to, destination, protocol, port, size }: Flow): string {
  const more = [protocol, ...(port === undefined ? [] : [`port ${port}`])].join(" ");
  return `${from.label} to ${to.label} at ${formatAddress(destination)}: ${more}${size ? `, ${size} bytes` : ""}`;
}
