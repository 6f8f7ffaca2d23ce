/** What a local volume's `type`, `device` and `o` mean to mount(2). */
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { inContext } from "../lib/errors.ts";
import type { Mount } from "../linux/mount.ts";
import { type MountOptions, parseMountOptions } from "../linux/mount-options.ts";
import type { Volume } from "./types.ts";

export interface Mounting {
  readonly given: Pick<Mount, "source" | "target" | "type">;
  readonly options: MountOptions;
}

/** A file system is to be mounted on it while it is used. */
export const needsMount = ({ options }: Pick<Volume, "options">): boolean =>
  Boolean(options.device || options.type);

/** The kernel takes addresses of servers, users write names. @throws where a name does not resolve */
export async function mountingOf({ options, mountpoint }: Volume): Promise<Mounting> {
  const { type = "", device = "", o = "" } = options;
  return {
    given: { source: await resolvedDevice(type, device), target: mountpoint, type },
    options: parseMountOptions(await resolvedOptions(type, o)),
  };
}

const isNetworked = (type: string): boolean => type === "nfs" || type === "cifs";

/** `addr=server` of nfs and cifs. */
async function resolvedOptions(type: string, o: string): Promise<string> {
  const name = /(?:^|,)addr=([^,]*)/.exec(o)?.[1];
  if (!isNetworked(type) || !name || isIPv4(name)) return o;
  return o.replace(`addr=${name}`, `addr=${await addressOf(name)}`);
}

/** `//server/share` of cifs. */
async function resolvedDevice(type: string, device: string): Promise<string> {
  const host = /^(?:\w+:)?\/\/([^/]+)/.exec(device)?.[1];
  if (type !== "cifs" || !host || isIPv4(host)) return device;
  return device.replace(`//${host}`, `//${await addressOf(host)}`);
}

async function addressOf(name: string): Promise<string> {
  try {
    return (await lookup(name)).address;
  } catch (thrown) {
    throw inContext("error resolving passed in network volume address", thrown);
  }
}

/** Nobody should read it in a log. */
export const withoutPassword = (text: string): string =>
  text.replace(/password=[^,\s]+/g, "password=********");
