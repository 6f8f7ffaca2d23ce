import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import {
  type Copy,
  type Found,
  type Place,
  parsePlace,
  planCopy,
  wantsContents,
  wantsDirectory,
} from "./copy-plan.ts";
import { DaemonError } from "./engine-client.ts";
import { ExitError } from "./errors.ts";
import { refusal } from "./local-file.ts";
import { pack, unpack } from "./tar-program.ts";
import { formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly archive: boolean;
  readonly followLink: boolean;
  readonly quiet: boolean;
}

/** X-Docker-Container-Path-Stat, as far as it is of use here; `mode` is Go's os.FileMode. */
interface PathStat {
  readonly mode: number;
  readonly linkTarget: string;
}

const DIRECTORY = 2 ** 31;
const LINK = 2 ** 27;
const has = (stat: PathStat, bit: number): boolean => Math.floor(stat.mode / bit) % 2 === 1;

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n  drawbridge cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  about: "Copy files/folders between a container and the local filesystem",
  flags: [
    flag("-a, --archive", "bool", "Archive mode (copy all uid/gid information)"),
    flag("-L, --follow-link", "bool", "Always follow symbol link in SRC_PATH"),
    flag("-q, --quiet", "bool", "Suppress progress output during copy"),
  ],
  least: 2,
  most: 2,
  async run(context, [from = "", to = ""], options) {
    const [source, destination] = [parsePlace(from), parsePlace(to)];
    if (source.path === "") throw new ExitError(1, "source can not be empty");
    if (destination.path === "") throw new ExitError(1, "destination can not be empty");
    if (source.container !== undefined && destination.container !== undefined) {
      throw new ExitError(1, "copying between containers is not supported");
    }
    let bytes: number | undefined;
    if (source.container !== undefined) bytes = await copyOut(context, source, destination.path, options);
    else if (destination.container !== undefined)
      bytes = await copyIn(context, source.path, destination, options);
    else throw new ExitError(1, "must specify at least one container source");
    if (bytes !== undefined && !options.quiet) {
      context.err(
        `Successfully copied ${formatSize(bytes, 3)} to ${destination.container === undefined ? resolve(to) : to}\n`,
      );
    }
  },
});

const archiveOf = ({ container = "" }: Place): string =>
  containerPath(container.replace(/^\/+/, ""), "archive");

/** What is there in the container; undefined for nothing, and where it can't be looked at: the copy will say why. */
async function statIn({ client }: Context, place: Place, path: string): Promise<PathStat | undefined> {
  try {
    const { headers } = await client.stream("HEAD", archiveOf(place), { query: { path } });
    const text = Buffer.from(String(headers["x-docker-container-path-stat"]), "base64").toString();
    return JSON.parse(text) as PathStat;
  } catch (thrown) {
    if (thrown instanceof DaemonError) return undefined;
    throw thrown;
  }
}

const foundBy = (stat: PathStat | undefined): Found =>
  stat === undefined ? "missing" : has(stat, DIRECTORY) ? "directory" : "other";

async function copyIn(
  context: Context,
  path: string,
  place: Place,
  options: Options,
): Promise<number | undefined> {
  const stat = await statIn(context, place, place.path);
  const target = stat && has(stat, LINK) ? stat.linkTarget : place.path;
  const found = foundBy(target === place.path ? stat : await statIn(context, place, target));
  const query = { noOverwriteDirNonDir: "true", ...(options.archive && { copyUIDGID: "true" }) };
  const url = archiveOf(place);
  if (path === "-") {
    if (found !== "directory") {
      throw new ExitError(1, `destination "${place.container}:${place.path}" must be a directory`);
    }
    await context.client.stream("PUT", url, { query: { path: target, ...query }, body: process.stdin });
    return undefined;
  }
  const copy = local(path, options.followLink, { path: target, found });
  const tar = pack(copy.from.directory, { from: copy.from.name, to: copy.name });
  const counted = new Counted();
  const sent = pipeline(tar.output, counted);
  const [answer, ended] = await Promise.allSettled([
    context.client.stream("PUT", url, { query: { path: copy.directory, ...query }, body: counted }),
    tar.ended,
    sent,
  ]);
  if (answer.status === "rejected") throw answer.reason;
  if (ended.status === "rejected") throw ended.reason;
  return counted.bytes;
}

class Counted extends PassThrough {
  bytes = 0;
  override _transform(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.bytes += chunk.length;
    super._transform(chunk, encoding, done);
  }
}

/** Of a file of this machine, a link itself unless told otherwise. @throws ENOENT, ENOTDIR; Error in Docker's words */
function local(
  path: string,
  followLink: boolean,
  destination: { readonly path: string; readonly found: Found },
): Copy {
  const follows = followLink || wantsDirectory(path);
  const stats = statLocal(path, follows);
  if (wantsDirectory(path) && !stats.isDirectory()) throw new Error("not a directory");
  const copy = planCopy({ path, found: stats.isDirectory() ? "directory" : "other" }, destination);
  if (wantsContents(path) || !follows) return copy;
  const real = realpathSync(path);
  return { ...copy, from: { directory: dirname(real), name: basename(real) } };
}

function statLocal(path: string, follow: boolean): Stats {
  try {
    return follow ? statSync(path) : lstatSync(path);
  } catch (thrown) {
    throw refusal("lstat", resolve(path), thrown);
  }
}

/** Undefined for nothing. @throws ExitError for `file/` */
function existing(path: string): Stats | undefined {
  return statSync(path.replace(/\/+$/, "") || "/", { throwIfNoEntry: false }) && statLocal(path, true);
}

async function copyOut(
  context: Context,
  place: Place,
  to: string,
  options: Options,
): Promise<number | undefined> {
  const given = /^\/+$/.test(place.path) ? "/." : place.path;
  const link = options.followLink ? await statIn(context, place, given) : undefined;
  const path = link && has(link, LINK) ? link.linkTarget : given;
  if (to !== "-") refuseOutput(to);
  const tar = await context.client.stream("GET", archiveOf(place), { query: { path } });
  if (to === "-") {
    await pipeline(tar, process.stdout);
    return undefined;
  }
  const text = Buffer.from(String(tar.headers["x-docker-container-path-stat"]), "base64").toString();
  const found = foundBy(JSON.parse(text) as PathStat);
  const destination = followLocal(to);
  const stats = existing(destination);
  const is: Found = stats === undefined ? "missing" : stats.isDirectory() ? "directory" : "other";
  const { directory, name } = planned(tar, { path: given, found }, { path: destination, found: is });
  const archived = wantsContents(path) ? "." : basename(path);
  const program = unpack(directory, { from: archived, to: name }, options.archive);
  const counted = new Counted();
  const [piped, ended] = await Promise.allSettled([pipeline(tar, counted, program.input), program.ended]);
  if (ended.status === "rejected") throw ended.reason;
  if (piped.status === "rejected") throw piped.reason;
  return counted.bytes;
}

/** Where that is refused, nobody reads the archive any more. */
function planned(tar: { destroy(): void }, ...sides: Parameters<typeof planCopy>): Copy {
  try {
    return planCopy(...sides);
  } catch (thrown) {
    tar.destroy();
    throw thrown;
  }
}

/** @throws ExitError in Docker's words */
function refuseOutput(path: string): void {
  const directory = dirname(resolve(path));
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ExitError(1, `invalid output path: directory "${directory}" does not exist`);
  }
}

/** A link to nothing means what it will lead to. */
function followLocal(path: string): string {
  let at = path;
  for (let links = 0; links < 40; links += 1) {
    if (!lstatSync(at.replace(/(.)\/+$/, "$1"), { throwIfNoEntry: false })?.isSymbolicLink()) break;
    at = resolve(dirname(at), readlinkSync(at.replace(/(.)\/+$/, "$1")));
  }
  return at;
}
