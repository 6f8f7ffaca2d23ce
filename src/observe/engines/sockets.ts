/** Where engines are asked for names. */
import { realpathSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import type { EngineSocket } from "../types.ts";

const USUAL: readonly EngineSocket[] = [
  { kind: "drawbridge", path: "/run/drawbridge.sock" },
  { kind: "docker", path: "/var/run/docker.sock" },
  { kind: "podman", path: "/run/podman/podman.sock" },
];

type Environment = Readonly<Record<string, string | undefined>>;

const SCHEME = "unix://";

/** Of an address as `-H`, DRAWBRIDGE_HOST and DOCKER_HOST have it; undefined for an engine on another machine. */
export const socketPathOf = (host: string | undefined): string | undefined =>
  host?.startsWith(`${SCHEME}/`) ? host.slice(SCHEME.length) : undefined;

/**
 * Those that the environment names, and the usual ones that are there, each once: docker.sock is a link to podman's where
 * podman plays docker. What kind one is of, its answer tells; this is a guess.
 */
export function engineSockets(environment: Environment = process.env): readonly EngineSocket[] {
  const named = [environment.DRAWBRIDGE_HOST, environment.DOCKER_HOST].flatMap((host): EngineSocket[] => {
    const path = socketPathOf(host);
    if (path === undefined || isUsualAndAbsent(path)) return [];
    return [{ kind: /drawbridge/.test(path) ? "drawbridge" : "docker", path }];
  });
  const there = USUAL.filter(({ path }) => placeOf(path) !== undefined);
  const byPlace = new Map<string, EngineSocket>();
  for (const socket of [...named, ...there]) {
    const place = placeOf(socket.path) ?? socket.path;
    if (!byPlace.has(place)) byPlace.set(place, socket);
  }
  return [...byPlace.values()];
}

/** The default is named by whoever names none: it need not be there. */
const isUsualAndAbsent = (path: string): boolean =>
  USUAL.some((usual) => usual.path === path) && placeOf(path) === undefined;

/** The file itself; undefined where there is none, or none that may be seen. */
function placeOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "EACCES", "ELOOP"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
