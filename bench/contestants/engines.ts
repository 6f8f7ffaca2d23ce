/** Engines by their API, each in a throwaway host of its own. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiClient } from "../../src/api/client.ts";
import { findProgram } from "../../src/lib/programs.ts";
import { ThrowawayHost } from "../../test/support/host.ts";
import { clientOf, importImage } from "../lib/engines.ts";
import { memoryOf, pss, total } from "../lib/memory.ts";
import { makeRootfs, packRootfs } from "../lib/rootfs.ts";
import type { Absent } from "../lib/rounds.ts";
import { startDockerd } from "./dockerd.ts";

/** An image with busybox, and with what else a benchmark puts there. */
export const IMAGE = "bench";

export interface Subject {
  readonly name: string;
  readonly note: string;
  readonly host: ThrowawayHost;
  readonly client: ApiClient;
  /** Kilobytes of its own processes (PSS). */
  readonly weigh: () => number;
  /** Of the processes that stand beside each container. */
  readonly beside: () => number;
}

/** Engines that were started, and those that are not here. */
export class Engines implements AsyncDisposable {
  readonly subjects: readonly Subject[];
  readonly absent: readonly string[];

  private constructor(subjects: readonly Subject[], absent: readonly string[]) {
    this.subjects = subjects;
    this.absent = absent;
  }

  /** Drawbridge, and dockerd where it is installed. @param programs what the image has in `/bin`, by path */
  static async start(programs: readonly string[] = []): Promise<Engines> {
    const subjects: Subject[] = [];
    const absent: string[] = [];
    try {
      for (const start of [drawbridge, docker]) {
        const subject = await start();
        if ("absent" in subject) absent.push(subject.absent);
        else subjects.push(subject);
      }
      await giveImage(subjects, programs);
      return new Engines(subjects, absent);
    } catch (thrown) {
      for (const { host } of subjects) await host[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, host } of this.subjects) {
      client.close();
      await host[Symbol.asyncDispose]();
    }
  }
}

async function drawbridge(): Promise<Subject> {
  const host = await ThrowawayHost.create();
  const engine = await host.startEngine();
  return {
    name: "drawbridge",
    note: "with its rules; conmon and the runtime included",
    host,
    client: clientOf(engine.socket),
    weigh: () => pss(engine.pid),
    beside: () => total(memoryOf(host.pid, ["conmon"])),
  };
}

async function docker(): Promise<Subject | Absent> {
  if (!findProgram("dockerd")) return { absent: "dockerd: not installed (scripts/bootstrap --peers)" };
  const host = await ThrowawayHost.create();
  const client = await startDockerd(host);
  const { Version } = await client.get<{ readonly Version: string }>("/version");
  return {
    name: `dockerd ${Version}`,
    note: "with its rules, its proxies and containerd",
    host,
    client,
    weigh: () => total(memoryOf(host.pid, ["dockerd", "containerd", "docker-proxy"])),
    beside: () => total(memoryOf(host.pid, ["containerd-shim", "docker-proxy"])),
  };
}

async function giveImage(subjects: readonly Subject[], programs: readonly string[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-bench-"));
  try {
    const rootfs = join(directory, "rootfs");
    makeRootfs(rootfs);
    for (const program of programs)
      copyFileSync(program, join(rootfs, "bin", program.split("/").at(-1) ?? ""));
    const archive = readFileSync(packRootfs(rootfs));
    for (const { client } of subjects) await importImage(client, IMAGE, archive);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
