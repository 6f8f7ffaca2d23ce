/** A container's files as the API asks for them: one file, `/etc/motd`, and what was sent is kept. */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Containers, PathStat } from "../../src/container/types.ts";
import { notFound } from "../../src/lib/errors.ts";
import type { ContainerID, ImageID } from "../../src/lib/ids.ts";
import type { Entry } from "./fake-container.ts";

export const MOTD: PathStat = {
  name: "motd",
  size: 5,
  mode: 0o644,
  mtime: "2026-01-02T03:04:05.6Z",
  linkTarget: "",
};

export const COMMITTED = `sha256:${"c".repeat(64)}` as ImageID;

type FileCalls =
  | "removeLink"
  | "changes"
  | "export"
  | "commit"
  | "statPath"
  | "readArchive"
  | "writeArchive"
  | "prune";

export function fakeFiles(
  find: (reference: string) => Entry,
  calls: unknown[][],
  remove: (id: ContainerID) => void,
): Pick<Containers, FileCalls> {
  const stat = (reference: string, path: string): PathStat => {
    find(reference);
    if (path !== "/etc/motd") throw notFound(`Could not find the file ${path} in container ${reference}`);
    return MOTD;
  };
  return {
    removeLink: async (name) => void calls.push(["removeLink", name]),
    changes: async (reference) => {
      find(reference);
      return [
        { path: "/a", kind: "modified" },
        { path: "/a/b", kind: "added" },
        { path: "/c", kind: "deleted" },
      ];
    },
    export: async (reference) => {
      find(reference);
      return Readable.from(["the whole of it"]);
    },
    commit: async (reference, options) => {
      find(reference);
      calls.push(["commit", reference, options]);
      return COMMITTED;
    },
    statPath: async (reference, path) => stat(reference, path),
    readArchive: async (reference, path) => ({
      stat: stat(reference, path),
      tar: Readable.from([Buffer.from("a tar")]),
    }),
    writeArchive: async (reference, path, tar, options) => {
      find(reference);
      calls.push(["writeArchive", path, (await buffer(tar)).toString(), options]);
    },
    prune: async (candidates) => {
      const deleted = candidates.filter((id) => find(id).container.state.status !== "running");
      for (const id of deleted) remove(id);
      return { deleted, reclaimed: 7 * deleted.length };
    },
  };
}
