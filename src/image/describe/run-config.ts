/** The `config` of an image's config, as it comes from anywhere: what is read of it, and what it must look like. */

import { invalid } from "../../lib/errors.ts";
import { isObject } from "../../lib/is-object.ts";
import type { ImageConfig } from "../types.ts";

type Reader = (value: unknown) => unknown;

const OF: Readonly<Record<string, Reader>> = {
  text: (value) => (typeof value === "string" ? value : undefined),
  number: (value) => (typeof value === "number" && Number.isSafeInteger(value) ? value : undefined),
  boolean: (value) => (typeof value === "boolean" ? value : undefined),
  words: (value) =>
    Array.isArray(value) && value.every((word) => typeof word === "string") ? value : undefined,
  // Docker once wrote a command of one word without brackets.
  command: (value) => (typeof value === "string" ? [value] : OF.words?.(value)),
  set: (value) =>
    isObject(value) ? Object.fromEntries(Object.keys(value).map((key) => [key, {}])) : undefined,
  labels: (value) =>
    isObject(value) && Object.values(value).every((text) => typeof text === "string") ? value : undefined,
  healthcheck: (value) => (isObject(value) ? fields("config.Healthcheck", value, HEALTHCHECK) : undefined),
};

const HEALTHCHECK: Readonly<Record<string, keyof typeof OF>> = {
  Test: "words",
  Interval: "number",
  Timeout: "number",
  StartPeriod: "number",
  StartInterval: "number",
  Retries: "number",
};

const CONFIG: Readonly<Record<string, keyof typeof OF>> = {
  User: "text",
  ExposedPorts: "set",
  Env: "words",
  Entrypoint: "command",
  Cmd: "command",
  Volumes: "set",
  WorkingDir: "text",
  Labels: "labels",
  StopSignal: "text",
  Healthcheck: "healthcheck",
  Shell: "words",
  OnBuild: "words",
};

/** Known fields alone; those that are null are not there. @throws invalid naming the first that is none */
function fields(
  where: string,
  given: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, keyof typeof OF>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(known).flatMap(([key, kind]) => {
      const value = given[key];
      if (value === undefined || value === null) return [];
      const read = OF[kind]?.(value);
      if (read === undefined) throw invalid(`image config: ${where}.${key} is not what it should be`);
      return [[key, read]];
    }),
  );
}

/** @throws invalid */
export function readRunConfig(given: unknown): ImageConfig {
  if (given === undefined || given === null) return {};
  if (!isObject(given)) throw invalid("image config: config is not an object");
  return fields("config", given, CONFIG) as ImageConfig;
}
