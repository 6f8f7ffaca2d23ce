/** Namespaces made for a test of tracing, and what is asked of them. For files that are `isolated`. */
import { execFileSync } from "node:child_process";
import { parseAddress } from "../../src/lib/ip.ts";
import { readTopology } from "../../src/observe/read.ts";
import type { Namespace, Topology } from "../../src/observe/types.ts";
import type { Flow, Hop, Prediction, Seen } from "../../src/trace/types.ts";

/** Run lines of shell; `ip netns` works. @returns what they print */
export const sh = (script: string): string =>
  execFileSync("sh", ["-ec", script], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/**
 * Wait until links of these namespaces can carry something: a veth that is set up has its carrier, and a bridge its port,
 * up to a second later.
 * @throws Error after ten seconds
 */
export function linksUp(...names: readonly string[]): void {
  const down = () =>
    names.map((name) => sh(`ip -n ${name} -br link | grep -vw UP | grep -v '^lo ' || true`)).join("");
  for (let i = 0; down() !== ""; i += 1) {
    if (i === 200) throw new Error(`links that don't come up: ${down()}`);
    sh("sleep 0.05");
  }
}

/** Of all namespaces there are, by the names that `ip netns` gave them. */
export const labTopology = (): Promise<Topology> => readTopology({ engines: [] });

/** @throws Error where none is called that */
export function placeNamed(topology: Topology, name: string): Namespace {
  const found = [...topology.namespaces.values()].find((one) => one.name === name);
  if (!found) throw new Error(`no namespace ${name}`);
  return found;
}

type Asked = Partial<Omit<Flow, "from" | "to" | "destination">> & Pick<Flow, "protocol">;

/** From a namespace to an address; `to` is the namespace that has it, or a word for who is not here. */
export function flowOf(topology: Topology, from: string, to: string, address: string, asked: Asked): Flow {
  const end = [...topology.namespaces.values()].find(({ name }) => name === to);
  return {
    from: { label: from, namespace: placeNamed(topology, from).id },
    to: { label: to, ...(end && { namespace: end.id }) },
    destination: parseAddress(address),
    ...asked,
  };
}

/** A prediction that tells of nothing but which namespaces are on the way. */
export function wayThrough(topology: Topology, flow: Flow, ...names: readonly string[]): Prediction {
  const packet = {
    family: 4,
    protocol: 0,
    source: flow.destination,
    destination: flow.destination,
    ttl: 64,
    mark: 0,
  } as const;
  const hops = names.map(
    (name): Hop => ({
      namespace: placeNamed(topology, name).id,
      event: { kind: "local", to: "" },
      packet,
      direction: "there",
    }),
  );
  return { flow, paths: [{ hops, outcome: "reached", assumptions: [] }], outcome: "reached", unsure: [] };
}

/** What was seen, a word or two each: `a out e0`, `r forward fw 4 accept`, `b drop NO_SOCKET`. */
export function wordsOf(topology: Topology, seen: readonly Seen[]): string[] {
  return seen.map((one) => {
    const where = topology.namespaces.get(one.namespace)?.name ?? "?";
    if (one.kind === "tap") return `${where} ${one.way} ${one.name}`;
    if (one.kind === "drop") return `${where} drop ${one.reason}`;
    if (one.kind === "answer") return `${where} answer ${one.what}`;
    const { rule } = one;
    const handle = rule.in === "nft" && rule.handle !== undefined ? ` ${rule.handle}` : "";
    return `${where} ${one.hook} ${rule.chain}${handle} ${one.verdict}`;
  });
}
