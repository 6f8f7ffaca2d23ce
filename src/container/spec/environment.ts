/** The environment of a container's processes (Docker API, Env). */

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const nameOf = (entry: string): string => entry.split("=", 1)[0] ?? entry;

/** `base` with `overrides` put over it, in place; `NAME` without `=` takes the variable away. */
export function mergeEnvironment(base: readonly string[], overrides: readonly string[]): readonly string[] {
  const merged = new Map(base.map((entry) => [nameOf(entry), entry]));
  for (const entry of overrides) {
    if (entry.includes("=")) merged.set(nameOf(entry), entry);
    else merged.delete(entry);
  }
  return [...merged.values()];
}

/** A container's own as it is kept and shown: what was asked for as it was, then what it leaves of the image's. */
export function configEnvironment(image: readonly string[], asked: readonly string[]): readonly string[] {
  const named = new Set(asked.map(nameOf));
  return [...asked, ...image.filter((entry) => !named.has(nameOf(entry)))];
}

export interface EnvironmentFacts {
  readonly hostname: string;
  readonly domainname: string;
  readonly terminal: boolean;
  /** Of the user that the process runs as. */
  readonly home: string;
}

/** What a process sees: Docker's own variables, with those of image and user over them. */
export function environmentOf(
  facts: EnvironmentFacts,
  ...layers: readonly (readonly string[])[]
): readonly string[] {
  const hostname = facts.domainname ? `${facts.hostname}.${facts.domainname}` : facts.hostname;
  const own = [
    `PATH=${DEFAULT_PATH}`,
    `HOSTNAME=${hostname}`,
    ...(facts.terminal ? ["TERM=xterm"] : []),
    `HOME=${facts.home}`,
  ];
  const all = layers.reduce(mergeEnvironment, own);
  // runc has it so: whoever clears it gets the user's own.
  const home = all.find((entry) => entry.startsWith("HOME=")) ?? "HOME=";
  return home === "HOME=" ? mergeEnvironment(all, [`HOME=${facts.home}`]) : all;
}
