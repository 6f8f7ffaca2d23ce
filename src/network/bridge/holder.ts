/** Who made a link that isn't ours, as far as its name and the running processes tell. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

interface Engine {
  readonly name: string;
  /** The links that it makes. */
  readonly links: RegExp;
  /** What its command line looks like, arguments separated by spaces. */
  readonly process: RegExp;
}

const ENGINES: readonly Engine[] = [
  { name: "Docker", links: /^(docker\d+|docker_gwbridge|br-[0-9a-f]{12})$/, process: /(^|\/)dockerd( |$)/ },
  { name: "Podman", links: /^(podman\d+|cni-podman\d+)$/, process: /(^|\/)podman .*\bservice\b/ },
  { name: "libvirt", links: /^virbr\d+$/, process: /(^|\/)(libvirtd|virtnetworkd)( |$)/ },
  { name: "LXD or Incus", links: /^(lxdbr|incusbr)\d+$/, process: /(^|\/)(lxd|incusd)( |$)/ },
];

/** Another Drawbridge makes links of any name. */
const DRAWBRIDGE: Engine = {
  name: "Drawbridge",
  links: /./,
  // As bin/drawbridge starts it; not what merely leads to one, such as this one's own `sudo`.
  process: /^\S*node\S* (-\S+ )*\S*\/bin\/start\.js (.* )?daemon\b/,
};

/** Whether a link of this name is another engine's, going by the names that they give. */
export const isAnothers = (link: string): boolean => ENGINES.some(({ links }) => links.test(link));

/** ` (Docker, running with pid 123)`; empty where nobody can be named. */
export function describeHolder(link: string): string {
  const processes = processesHere();
  for (const engine of [...ENGINES.filter(({ links }) => links.test(link)), DRAWBRIDGE]) {
    const found = processes.find(({ command }) => engine.process.test(command));
    if (found) return ` (${engine.name}, running with pid ${found.pid})`;
  }
  const likely = ENGINES.find(({ links }) => links.test(link));
  return likely ? ` (by its name of ${likely.name}, which does not run here)` : "";
}

interface Process {
  readonly pid: number;
  readonly command: string;
}

/** Processes in this network namespace, except this one. */
function processesHere(): readonly Process[] {
  const here = readlinkSync("/proc/self/ns/net");
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      if (readlinkSync(`/proc/${entry}/ns/net`) !== here) return [];
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0").join(" ").trim();
      return command === "" ? [] : [{ pid, command }];
    } catch {
      return []; // It ended meanwhile, or is not ours to look at.
    }
  });
}
