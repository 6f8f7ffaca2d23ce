/** The room of images on a data root of its own, for tests in an isolated process. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { createImages } from "../../src/image/images.ts";
import type { Images, UsedBy } from "../../src/image/types.ts";
import type { EngineEvent } from "../../src/lib/events.ts";
import { type ContainerID, newId } from "../../src/lib/ids.ts";
import type { Logger } from "../../src/lib/log.ts";
import type { Store } from "../../src/store/kv.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { ENTRY_DEFAULTS, type TarEntry } from "../../src/tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../../src/tar/writer.ts";

export const newDirectory = (): string => fs.mkdtempSync("/run/images-");
export const newContainer = () => newId<ContainerID>();
export const unused: UsedBy = () => [];

export interface Bench {
  readonly images: Images;
  readonly store: Store;
  readonly dataRoot: string;
  readonly events: Omit<EngineEvent, "time">[];
  readonly warnings: string[];
}

export async function startImages(given: Partial<Bench> & { busyboxPaths?: string[] } = {}): Promise<Bench> {
  const { store = new MemoryStore(), dataRoot = newDirectory(), busyboxPaths } = given;
  const events: Bench["events"] = [];
  const warnings: string[] = [];
  const logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`),
    error: (_, message) => assert.fail(message),
  };
  const publish = (event: Omit<EngineEvent, "time">) => events.push(event);
  const images = createImages({ store, dataRoot, logger, publish, ...(busyboxPaths && { busyboxPaths }) });
  await images.start();
  return { images, store, dataRoot, events, warnings };
}

/** An entry of a tar with its content. */
export const entry = (change: Partial<TarEntry> & { name: string }, data: string | Buffer = ""): Buffer => {
  const content = Buffer.from(data);
  const whole: TarEntry = {
    ...ENTRY_DEFAULTS,
    type: "file",
    mode: 0o644,
    size: content.length,
    ...change,
  };
  return Buffer.concat([encodeEntry(whole), content, padding(content.length)]);
};

export const archive = (...entries: Buffer[]) => Buffer.concat([...entries, END_OF_ARCHIVE]);
