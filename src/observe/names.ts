/** What people call a namespace: the name of a container, of the file that pins it, or of a process in it. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Engine, EngineContainer } from "./engines/types.ts";
import { type FoundNamespace, namespaceOfProcess } from "./find-namespaces.ts";
import type { NamespaceId } from "./types.ts";

export interface Named {
  readonly name: string;
  readonly container?: EngineContainer;
}

/** Names for all of them, unique; and the container that each was made for, if any. */
export function nameNamespaces(
  namespaces: ReadonlyMap<NamespaceId, FoundNamespace>,
  host: NamespaceId,
  engines: readonly Engine[],
): ReadonlyMap<NamespaceId, Named> {
  const containers = containersByNamespace(namespaces, engines);
  containers.delete(host);
  const named = new Map<NamespaceId, Named>();
  const taken = new Set<string>();
  // Who comes first keeps a name that two have: the host, then containers, then the others.
  const order = [...namespaces.values()].sort((a, b) => rank(a) - rank(b) || a.id - b.id);
  function rank({ id }: FoundNamespace): number {
    return id === host ? 0 : containers.has(id) ? 1 : 2;
  }
  for (const found of order) {
    const container = containers.get(found.id);
    const wanted = found.id === host ? "host" : (container?.name ?? ownName(found));
    const name = taken.has(wanted) ? `${wanted} (${found.id})` : wanted;
    taken.add(name);
    named.set(found.id, { name, ...(container && { container }) });
  }
  return named;
}

/** Of several containers in one namespace, the one that it was made for: the others joined it. */
function containersByNamespace(
  namespaces: ReadonlyMap<NamespaceId, FoundNamespace>,
  engines: readonly Engine[],
): Map<NamespaceId, EngineContainer> {
  const byPin = new Map(
    [...namespaces.values()].flatMap(({ id, pins }) => pins.map((pin) => [pin, id] as const)),
  );
  const byPid = new Map(
    [...namespaces.values()].flatMap(({ id, pids }) => pids.map((pid) => [pid, id] as const)),
  );
  const found = new Map<NamespaceId, EngineContainer>();
  for (const container of engines.flatMap(({ containers }) => containers)) {
    const { sandboxKey, pid } = container;
    const id =
      (sandboxKey === undefined ? undefined : byPin.get(real(sandboxKey))) ??
      (pid > 0 ? (byPid.get(pid) ?? namespaceOfProcess(pid)) : undefined);
    if (id === undefined || !namespaces.has(id)) continue;
    const before = found.get(id);
    if (!before || (joined(before) && !joined(container))) found.set(id, container);
  }
  return found;
}

/** Docker says `/var/run`, and mountinfo `/run`, which it is a link to. */
const real = (path: string): string => path.replace(/^\/var\/run\//, "/run/");

const joined = ({ networkMode }: EngineContainer): boolean => networkMode.startsWith("container:");

function ownName({ id, pids, pins }: FoundNamespace): string {
  const [pin] = pins;
  if (pin !== undefined) return basename(pin);
  const [pid] = pids;
  return pid === undefined ? `net:[${id}]` : `${commOf(pid)} (pid ${pid})`;
}

function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
  } catch {
    return "process"; // gone meanwhile: it has no name any more, only the number that it was found by
  }
}
