/** dockerd and this engine, each in a throwaway host of its own, with the same image. */
import { join } from "node:path";
import { Readable } from "node:stream";
import { startDockerd } from "../bench/contestants/dockerd.ts";
import { clientOf, importImage } from "../bench/lib/engines.ts";
import { archive, busyboxContents, findBusybox } from "../src/image/busybox.ts";
import { findProgram } from "../src/lib/programs.ts";
import { ThrowawayHost } from "../test/support/host.ts";
import type { Engine } from "./lib/play.ts";

export interface HostedEngine extends Engine, AsyncDisposable {
  readonly host: ThrowawayHost;
}

export const hasDockerd = (): boolean => findProgram("dockerd") !== undefined;

export async function startOurs(): Promise<HostedEngine> {
  const host = await ThrowawayHost.create();
  return given(host, async () => (await host.startEngine()).socket, "drawbridge");
}

export async function startTheirs(): Promise<HostedEngine> {
  const host = await ThrowawayHost.create();
  return given(
    host,
    async () => {
      (await startDockerd(host)).close();
      return join(host.directory, "docker.sock");
    },
    "dockerd",
  );
}

async function given(host: ThrowawayHost, start: () => Promise<string>, name: string): Promise<HostedEngine> {
  try {
    const socket = await start();
    const client = clientOf(socket);
    await importImage(
      client,
      "compat",
      Buffer.concat(await Readable.from(archive(busyboxContents(await findBusybox()))).toArray()),
    );
    client.close();
    const { dataRoot, execRoot, cgroupParent } = host;
    return {
      name,
      host,
      socket,
      dataRoot,
      execRoot,
      cgroupParent,
      [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await host[Symbol.asyncDispose]();
    throw thrown;
  }
}
