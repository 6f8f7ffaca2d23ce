/** `docker cp`: what is at a path of a container, out as a tar archive, and an archive in (Docker API, "Archive"). */

import { closeSync, fstatSync } from "node:fs";
import { Readable } from "node:stream";
import { toBytes, toText } from "../../lib/byte-names.ts";
import { internal, invalid } from "../../lib/errors.ts";
import { openInRoot, realPathOf } from "../../linux/openat2.ts";
import { decompress } from "../../tar/decompress.ts";
import { TarReader } from "../../tar/reader.ts";
import { END_OF_ARCHIVE } from "../../tar/writer.ts";
import type { Entry } from "../entry.ts";
import type { Context } from "../options.ts";
import { type Accounts, resolveUser } from "../spec/user.ts";
import type { Container, PathStat } from "../types.ts";
import { missing, unreachable } from "./failure.ts";
import { find, isBehindKernels } from "./find.ts";
import { askedPath } from "./naming.ts";
import { readText } from "./read-text.ts";
import { unpackInto } from "./tar-in.ts";
import { archiveOf } from "./tar-out.ts";
import { openView, type View } from "./view.ts";

/** What was asked for, as the client wrote it. */
interface Place {
  readonly container: string;
  readonly path: string;
}

async function withView<T>(context: Context, entry: Entry, work: (view: View) => Promise<T> | T): Promise<T> {
  const view = await openView(context, entry);
  try {
    return await work(view);
  } finally {
    await view.close();
  }
}

/** @throws not-found: `Could not find the file x in container y`; internal: `lstat x: not a directory` */
export function statPath(context: Context, entry: Entry, { container, path }: Place): Promise<PathStat> {
  return withView(context, entry, (view) => {
    const { descriptor, stat } = find(view, path, container);
    closeSync(descriptor);
    return stat;
  });
}

/** All is closed when the archive has been read, and when its reader goes away. @throws as statPath */
export async function readArchive(
  context: Context,
  entry: Entry,
  { container, path }: Place,
): Promise<{ readonly stat: PathStat; readonly tar: Readable }> {
  const view = await openView(context, entry);
  try {
    const found = find(view, path, container);
    const tar = Readable.from(archiveOf(view, found), { objectMode: false });
    // Also where nobody has read a byte of it.
    tar.once("close", () => {
      closeSync(found.descriptor);
      view.close().catch((thrown: unknown) => {
        context.logger.error({ container: entry.container.id, error: thrown }, "close a container's files");
      });
    });
    context.tell(entry.container, "archive-path");
    return { stat: found.stat, tar };
  } catch (thrown) {
    await view.close();
    throw thrown;
  }
}

/** @throws not-found, invalid in Docker's words; invalid for a damaged archive */
export async function writeArchive(
  context: Context,
  entry: Entry,
  { container, path }: Place,
  source: Readable,
  options: { readonly noOverwriteDirNonDir: boolean; readonly copyOwner: boolean },
): Promise<void> {
  await withView(context, entry, async (view) => {
    const destination = destinationOf(view, path, container);
    checkWritable(entry.container, toText(destination));
    const owner = options.copyOwner ? ownerOf(entry.container, view) : undefined;
    const reader = await readerOf(source);
    if (!reader) return;
    try {
      await unpackInto(view, reader, {
        destination,
        noOverwriteDirNonDir: options.noOverwriteDirNonDir,
        ...(owner && { owner }),
      });
    } finally {
      await reader.close();
    }
  });
  context.tell(entry.container, "extract-to-dir");
}

/** The directory's real path in the container: links are followed, the last one too. */
function destinationOf(view: View, given: string, container: string): string {
  const asked = askedPath(toBytes(given));
  let descriptor: number;
  try {
    descriptor = openInRoot(view.root, asked.path, { follow: true });
  } catch (thrown) {
    if (isBehindKernels(view.root, asked.path)) throw missing(given, container);
    throw unreachable(thrown, asked, given, container);
  }
  try {
    if (fstatSync(descriptor).isDirectory()) return realPathOf(descriptor);
  } finally {
    closeSync(descriptor);
  }
  if (asked.directory) throw internal(`lstat ${toText(asked.shown)}: not a directory`);
  throw invalid("extraction point is not a directory");
}

/** @throws invalid, in Docker's words */
export function checkWritable({ mounts, hostConfig }: Container, path: string): void {
  const above = mounts
    .filter(({ Destination }) => path === Destination || path.startsWith(`${Destination}/`))
    .toSorted((a, b) => b.Destination.length - a.Destination.length)[0];
  if (above && !above.RW) throw invalid("mounted volume is marked read-only");
  if (!above && hostConfig.ReadonlyRootfs) throw invalid("container rootfs is marked read-only");
}

/** The container's user, where it names one. @throws invalid in Docker's words */
function ownerOf(
  { config }: Container,
  view: View,
): { readonly uid: number; readonly gid: number } | undefined {
  if (!config.User) return undefined;
  const accounts: Accounts = {
    passwd: readText(view, "/etc/passwd") ?? "",
    group: readText(view, "/etc/group") ?? "",
  };
  const { uid, gid } = resolveUser(config.User, [], accounts);
  return { uid, gid };
}

/**
 * As Docker's own reader: nothing at all is an archive of nothing, and one that stops between two entries ends there.
 * @throws invalid where it is compressed and damaged
 */
async function readerOf(source: Readable): Promise<TarReader | undefined> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let first = await chunks.next();
  while (!first.done && first.value.length === 0) first = await chunks.next();
  if (first.done) return undefined;
  const head = first.value;
  const whole = Readable.from(
    (async function* () {
      yield head;
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    })(),
    { objectMode: false },
  );
  return new TarReader(ended(await decompress(whole)));
}

const BLOCK = 512;

/** With the end that some writers leave out. One that is cut within a file is no more whole for it. */
async function* ended(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    yield chunk;
  }
  if (length % BLOCK === 0) yield END_OF_ARCHIVE.subarray(0, BLOCK);
}
