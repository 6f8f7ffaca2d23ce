/** Who is looked at: the host and its running containers, or one of them. */
import { notFound } from "../lib/errors.ts";
import { didYouMean } from "../lib/nearest.ts";
import type { EngineContainer, Namespace, Topology } from "../observe/types.ts";
import type { Patient, Resident, Tools } from "./types.ts";

/** @throws EngineError not-found for a container that isn't there, conflict-free names near it told; or doesn't run */
export function patientOf(topology: Topology, tools: Tools, container?: string): Patient {
  const host = topology.namespaces.get(topology.host);
  if (!host) throw new Error("a topology without the namespace that it was read from");
  const residents = residentsOf(topology, host);
  if (container === undefined) return { topology, host, containers: residents, tools };
  const one = find(topology, residents, container);
  return { topology, host, container: one, containers: [one], tools };
}

/** Those that run, and live in a namespace that was found. */
function residentsOf(topology: Topology, host: Namespace): readonly Resident[] {
  const byContainer = new Map<string, Namespace>();
  const byPid = new Map<number, Namespace>();
  for (const namespace of topology.namespaces.values()) {
    if (namespace.container) byContainer.set(namespace.container.id, namespace);
    for (const pid of namespace.pids) byPid.set(pid, namespace);
  }
  const all = topology.engines.flatMap(({ containers }) => containers);
  const byId = new Map(all.map((one) => [one.id, one]));
  const homeOf = (one: EngineContainer, asked = 0): Namespace | undefined => {
    if (one.networkMode === "host") return host;
    const [, owner] = /^container:(.+)$/.exec(one.networkMode) ?? [];
    const other = owner === undefined ? undefined : byId.get(owner);
    return (
      byContainer.get(one.id) ??
      (other && asked < 8 ? homeOf(other, asked + 1) : undefined) ??
      byPid.get(one.pid)
    );
  };
  return all
    .filter(({ state }) => state === "running" || state === "paused")
    .flatMap((of) => {
      const namespace = homeOf(of);
      return namespace ? [{ namespace, of }] : [];
    });
}

function find(topology: Topology, residents: readonly Resident[], asked: string): Resident {
  const means = ({ id, name }: EngineContainer) => name === asked || id.startsWith(asked);
  const exact = residents.find(({ of }) => of.name === asked) ?? residents.find(({ of }) => means(of));
  if (exact) return exact;
  const idle = topology.engines.flatMap(({ containers }) => containers).find(means);
  if (idle)
    throw notFound(`container ${idle.name} does not run (${idle.state}): it has no network to look at`);
  const names = residents.map(({ of }) => of.name);
  throw notFound(`No such container: ${asked}${didYouMean(asked, names)}`);
}
