/** Where a machine keeps its programs. */
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import process from "node:process";

const USUAL = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/** Where distributions, and Docker's packages, put programs that people don't call themselves. */
const OUT_OF_THE_WAY = [
  "/usr/libexec/podman",
  "/usr/lib/podman",
  "/usr/libexec/crio",
  "/usr/lib/crio",
  "/usr/libexec/docker",
  "/usr/local/libexec/docker",
];

/**
 * The path of the first of `names` that can be run, by PATH, the usual places and those out of the way; undefined
 * where there is none. A name that is a path is looked at as it is.
 */
export function findProgram(...names: readonly string[]): string | undefined {
  const path = (process.env.PATH ?? "").split(delimiter).filter(isAbsolute);
  const places = [...path, ...USUAL, ...OUT_OF_THE_WAY];
  return names
    .flatMap((name) => (isAbsolute(name) ? [name] : places.map((place) => join(place, name))))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
