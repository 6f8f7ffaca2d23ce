/** What a container wrote: told of, taken out whole, or made an image of (Docker API: changes, export, commit). */
import type { Readable } from "node:stream";
import type { FilesystemChange, ImageConfig } from "../../image/types.ts";
import { conflict, inContext } from "../../lib/errors.ts";
import type { ImageID } from "../../lib/ids.ts";
import type { Entry } from "../entry.ts";
import type { Context } from "../options.ts";
import { pause, unpause } from "../stop.ts";
import type { CommitOptions, Container } from "../types.ts";
import { mergedConfig } from "./merged-config.ts";

export function changes({ images }: Context, { container }: Entry): Promise<readonly FilesystemChange[]> {
  return images.changes(container.id);
}

/** @throws conflict for one that is dead or being removed, in Docker's words */
function refuseDead({ container, removing }: Entry, verb: "commit" | "export"): void {
  if (container.state.status === "dead") {
    throw conflict(`You cannot ${verb} container ${container.id} which is Dead`);
  }
  if (removing || container.state.status === "removing") {
    throw conflict(`You cannot ${verb} container ${container.id} which is being removed`);
  }
}

/** @param reference as the client wrote it. @throws conflict */
export async function exportFiles(context: Context, entry: Entry, reference: string): Promise<Readable> {
  refuseDead(entry, "export");
  let tar: Readable;
  try {
    tar = await context.images.export(entry.container.id);
  } catch (thrown) {
    throw inContext(`Error exporting container ${reference}`, thrown);
  }
  // Of all of it: a client that goes away before has not exported anything.
  tar.once("end", () => context.tell(entry.container, "export"));
  return tar;
}

/** A process that runs is frozen meanwhile, unless told not to. @throws conflict, invalid */
export async function commit(context: Context, entry: Entry, options: CommitOptions): Promise<ImageID> {
  refuseDead(entry, "commit");
  const frozen =
    options.pause && entry.container.state.status === "running" && (await freeze(context, entry));
  let id: ImageID;
  try {
    // One that stands still shall neither start nor go meanwhile.
    const make = () => makeImage(context, entry.container, options);
    id = entry.active ? await make() : await entry.mutex.run(make);
  } finally {
    if (frozen) await resume(context, entry);
  }
  const { comment, reference = "" } = options;
  context.tell(entry.container, "commit", { comment, imageID: id, imageRef: reference });
  return id;
}

/** @returns whether it is frozen: one whose process has just ended stands still by itself, once that is dealt with */
async function freeze(context: Context, entry: Entry): Promise<boolean> {
  const { run } = entry;
  try {
    await pause(context, entry, { passing: true });
    return true;
  } catch (thrown) {
    if (!run || run.supervised.signal(0)) throw thrown;
    await run.settled;
    return false;
  }
}

/** It may have been killed meanwhile, or somebody else has thawed it. */
async function resume(context: Context, entry: Entry): Promise<void> {
  try {
    await unpause(context, entry);
  } catch (thrown) {
    if (entry.container.state.status === "paused") throw thrown;
  }
}

async function makeImage(
  { images }: Context,
  container: Container,
  options: CommitOptions,
): Promise<ImageID> {
  const { id, image, config, path, args } = container;
  const merged: ImageConfig = mergedConfig(options.config ?? config, config);
  const made = await images.commit({
    container: id,
    base: image,
    config: merged,
    changes: options.changes,
    containerConfig: config,
    createdBy: [path, ...args].join(" "),
    comment: options.comment,
    author: options.author,
    ...(options.reference !== undefined && { reference: options.reference }),
  });
  return made.id;
}
