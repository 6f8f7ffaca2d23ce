import { randomFillSync } from "node:crypto";

/** A string that only the owner of the brand makes: ids of different things can't be mixed up. */
export type Brand<Name extends string> = string & { readonly __brand: Name };

export type ContainerID = Brand<"ContainerID">;
export type ExecID = Brand<"ExecID">;
export type NetworkID = Brand<"NetworkID">;
export type EndpointID = Brand<"EndpointID">;
export type SandboxID = Brand<"SandboxID">;
/** `sha256:` and 64 hex digits: the digest of the image's config. */
export type ImageID = Brand<"ImageID">;

/** Any of the ids that are 64 random hex digits. */
export type RandomID = ContainerID | ExecID | NetworkID | EndpointID | SandboxID;

/** Drawn many at a time: a call for them takes longer than what an id needs. */
const pool = Buffer.alloc(4096);
let used = pool.length;

/** So many random bytes as hex digits, two each; at most 4096. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("hex", used - bytes, used);
}

/**
 * A new id of 64 hex digits. Its first twelve are never all decimal: a short id is used as a hostname,
 * and resolvers read an all-digit name as a number.
 */
export function newId<ID extends RandomID>(): ID {
  for (;;) {
    const id = randomHex(32);
    if (!/^\d{12}/.test(id)) return id as ID;
  }
}

/** The first twelve digits, as people see it; an image id loses its `sha256:`. */
export function shortId(id: RandomID | ImageID): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}
