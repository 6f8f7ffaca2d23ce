/** Small files of a container. */
import { constants, fstatSync, openSync, readSync } from "node:fs";
import { codeOf, invalid } from "../../lib/errors.ts";
import { openInRoot, pathOf } from "../../linux/openat2.ts";
import { withDescriptor } from "./descriptors.ts";
import type { View } from "./view.ts";

/** More than any real passwd or group file; what is larger was made to hurt. */
const MOST_BYTES = 4 << 20;

const ABSENT = ["ENOENT", "ENOTDIR", "ELOOP"];

/** Undefined where there is none, or it is no plain file. @throws invalid where it is too large */
export function readText({ root }: View, path: string): string | undefined {
  let named: number;
  try {
    named = openInRoot(root, path, { follow: true });
  } catch (thrown) {
    if (ABSENT.includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
  return withDescriptor(named, () => {
    const stats = fstatSync(named);
    if (!stats.isFile()) return undefined;
    if (stats.size > MOST_BYTES) throw invalid(`${path} of the container is too large: ${stats.size} bytes`);
    const { O_RDONLY, O_NONBLOCK } = constants;
    return withDescriptor(openSync(pathOf(named), O_RDONLY | O_NONBLOCK), (file) => {
      const bytes = Buffer.alloc(stats.size);
      return bytes.subarray(0, readSync(file, bytes)).toString("utf8");
    });
  });
}
