/** What a log says of its container beside its lines (`docker logs --details`): labels, variables, a tag. Pure. */
import { invalid } from "../../lib/errors.ts";
import { shortId } from "../../lib/ids.ts";
import type { Container } from "../types.ts";

export type LogAttributes = Readonly<Record<string, string>>;

type Options = Readonly<Record<string, string>>;

/** Each option, by what of the container it chooses from and how. */
export function logAttributesOf(container: Container): LogAttributes {
  const { config, hostConfig } = container;
  const { Type, Config: options } = hostConfig.LogConfig;
  if (Type !== "json-file") return {};
  const environment = Object.fromEntries(
    (config.Env ?? []).flatMap((entry) => {
      const end = entry.indexOf("=");
      return end < 0 ? [] : [[entry.slice(0, end), entry.slice(end + 1)]];
    }),
  );
  const tag = options.tag ? tagOf(options.tag, container) : "";
  return {
    ...chosen(config.Labels ?? {}, options.labels, options["labels-regex"]),
    ...chosen(environment, options.env, options["env-regex"]),
    ...(tag && { tag }),
  };
}

function chosen(
  all: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
): LogAttributes {
  const listed = new Set(names ? names.split(",") : []);
  const matches = pattern ? new RegExp(pattern) : undefined;
  return Object.fromEntries(Object.entries(all).filter(([name]) => listed.has(name) || matches?.test(name)));
}

/** What a tag may be made of: the fields of a container that Docker offers to a template. */
const FIELDS: Readonly<Record<string, (container: Container) => string>> = {
  ID: ({ id }) => shortId(id),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageID: ({ image }) => image.slice(0, 12),
  ImageFullID: ({ image }) => image,
  ImageName: ({ config }) => config.Image,
  DaemonName: () => "docker",
  Command: ({ path, args }) => [path, ...args].join(" "),
  ContainerID: ({ id }) => id,
  ContainerName: ({ name }) => `/${name}`,
  ContainerImageID: ({ image }) => image,
  ContainerImageName: ({ config }) => config.Image,
};

const ACTION = /\{\{-?\s*(.*?)\s*-?\}\}/g;

const tagOf = (template: string, container: Container): string =>
  template.replace(ACTION, (_, action: string) => FIELDS[action.slice(1)]?.(container) ?? "");

/** @throws invalid */
export function checkLogAttributes(options: Options): void {
  for (const name of ["labels-regex", "env-regex"]) {
    try {
      new RegExp(options[name] ?? "");
    } catch (thrown) {
      throw invalid(
        `${name}: error parsing regexp: ${thrown instanceof Error ? thrown.message : thrown}`,
        thrown,
      );
    }
  }
  for (const [, action = ""] of (options.tag ?? "").matchAll(ACTION)) {
    if (action.startsWith(".") && Object.hasOwn(FIELDS, action.slice(1))) continue;
    throw invalid(
      `template: log-tag: {{${action}}} is none of ${Object.keys(FIELDS)
        .map((field) => `{{.${field}}}`)
        .join(", ")}`,
    );
  }
}
