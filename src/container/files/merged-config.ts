/** A config as somebody asks for it, with what it leaves out taken from another: `docker commit`'s rules. Pure. */
import type { ImageConfig } from "../../image/types.ts";

type Health = NonNullable<ImageConfig["Healthcheck"]>;

const isEmpty = (value: readonly unknown[] | object | null | undefined): boolean =>
  !value || Object.keys(value).length === 0;

const keyOf = (variable: string): string => variable.split("=", 1)[0] ?? "";

/** Only what an image has: a container's own hostname and streams are none of it. */
export function mergedConfig(asked: ImageConfig, own: ImageConfig): ImageConfig {
  const environment = asked.Env ?? [];
  const said = new Set(environment.map(keyOf));
  const command = isEmpty(asked.Entrypoint) && isEmpty(asked.Cmd) ? (own.Cmd ?? asked.Cmd) : asked.Cmd;
  const entrypoint = asked.Entrypoint ?? own.Entrypoint;
  return defined({
    User: asked.User || own.User,
    ExposedPorts: both(own.ExposedPorts, asked.ExposedPorts),
    Env: [...environment, ...(own.Env ?? []).filter((variable) => !said.has(keyOf(variable)))],
    Entrypoint: entrypoint,
    Cmd: command,
    Volumes: both(own.Volumes, asked.Volumes),
    WorkingDir: asked.WorkingDir || own.WorkingDir,
    Labels: both(own.Labels, asked.Labels),
    StopSignal: asked.StopSignal || own.StopSignal,
    Healthcheck: health(asked.Healthcheck, own.Healthcheck),
    Shell: asked.Shell ?? own.Shell,
    OnBuild: asked.OnBuild,
  });
}

/** The second's over the first's. */
function both<T>(
  first: Readonly<Record<string, T>> | undefined,
  second: Readonly<Record<string, T>> | undefined,
): Readonly<Record<string, T>> | undefined {
  return first || second ? { ...first, ...second } : undefined;
}

/** Zero, and an empty test, stand for what is left out. */
function health(asked: Health | undefined, own: Health | undefined): Health | undefined {
  if (!asked || !own) return asked ?? own;
  const given = Object.entries(asked).filter(
    ([, value]) => value !== 0 && !(Array.isArray(value) && !value.length),
  );
  return { ...own, ...Object.fromEntries(given) };
}

/** Without members that are undefined. */
function defined(config: { [K in keyof ImageConfig]: ImageConfig[K] | undefined }): ImageConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}
