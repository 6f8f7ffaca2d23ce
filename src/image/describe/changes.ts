/**
 * Dockerfile instructions that change an image's config and nothing else: what `docker import --change`
 * and `docker commit --change` take.
 */
import { constants } from "node:os";
import { posix } from "node:path";
import { invalid } from "../../lib/errors.ts";
import type { ImageConfig } from "../types.ts";
import { duration, expand, jsonArray, words } from "./dockerfile-words.ts";

interface State {
  readonly config: ImageConfig;
  /** An ENTRYPOINT takes away an inherited CMD, but not one of the same changes. */
  readonly cmdSet: boolean;
}

type Apply = (state: State, rest: string, name: string) => State;

/** The config with all `changes` made, in order. @throws invalid: `X is not a valid change command` and the like */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  const instructions = linesOf(changes.join("\n")).map((line) => {
    const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
    const apply = INSTRUCTIONS.get(name.toUpperCase());
    if (!apply) throw invalid(`${name} is not a valid change command`);
    return { apply, rest: rest.trim(), name: name.toUpperCase() };
  });
  const start: State = { config, cmdSet: false };
  return instructions.reduce((state, { apply, rest, name }) => apply(state, rest, name), start).config;
}

/** Comments and empty lines left out, lines that end in a backslash joined with the next. */
function linesOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .join("\n")
    .replace(/\\[ \t]*\n/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

const changing =
  (change: (config: ImageConfig, rest: string, name: string) => Partial<ImageConfig>): Apply =>
  (state, rest, name) => ({
    ...state,
    config: { ...state.config, ...change(state.config, rest, name) },
  });

function some(rest: string, name: string): string {
  if (rest === "") throw invalid(`${name} requires at least one argument`);
  return rest;
}

function one(config: ImageConfig, rest: string, name: string): string {
  if (rest === "") throw invalid(`${name} requires exactly one argument`);
  return expanded(config, rest);
}

const expanded = (config: ImageConfig, text: string): string =>
  expand(text, (name) => config.Env?.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1));

/** The words of a JSON array, or the shell that runs the line. */
function commandLine(config: ImageConfig, rest: string): string[] {
  const shell = config.Shell?.length ? config.Shell : ["/bin/sh", "-c"];
  return jsonArray(rest) ?? (rest === "" ? [] : [...shell, rest]);
}

/** `name=value …`, or the old `name value`, which takes the rest of the line. */
function pairs(config: ImageConfig, rest: string, name: string): [string, string][] {
  const all = words(some(rest, name));
  const old = /^(\S+)(?:\s+(.*))?$/s.exec(rest);
  const given: [string, string][] = all[0]?.includes("=")
    ? all.map((word) => {
        const at = word.indexOf("=");
        if (at < 0) {
          throw invalid(
            `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
          );
        }
        return [word.slice(0, at), word.slice(at + 1)];
      })
    : [[old?.[1] ?? "", old?.[2] ?? ""]];
  if (!all[0]?.includes("=") && old?.[2] === undefined) throw invalid(`${name} must have two arguments`);
  return given.map(([key, value]) => {
    if (expanded(config, key) === "") throw invalid(`${name} names can not be blank`);
    return [expanded(config, key), expanded(config, value)];
  });
}

function env(config: ImageConfig, rest: string, name: string): Partial<ImageConfig> {
  const lines = [...(config.Env ?? [])];
  for (const [key, value] of pairs(config, rest, name)) {
    const at = lines.findIndex((line) => line.split("=", 1)[0] === key);
    lines.splice(at < 0 ? lines.length : at, at < 0 ? 0 : 1, `${key}=${value}`);
  }
  return { Env: lines };
}

/** `80`, `53/udp`, `8000-8010/tcp`; a host part (`127.0.0.1:80:80`) is not the image's business and left away. */
function exposed(spec: string): string[] {
  const [, first, last, protocol] = /^(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/i.exec(spec) ?? [];
  const from = Number(first);
  const to = Number(last ?? first);
  if (!(from >= 1 && to >= from && to <= 65535)) throw invalid(`invalid containerPort: ${spec}`);
  const proto = (protocol ?? "tcp").toLowerCase();
  if (!["tcp", "udp", "sctp"].includes(proto)) throw invalid(`invalid proto: ${protocol}`);
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${proto}`);
}

const setOf = (keys: readonly string[]): Record<string, object> =>
  Object.fromEntries(keys.map((key) => [key, {}]));

function stopSignal(config: ImageConfig, rest: string, name: string): Partial<ImageConfig> {
  const signal = one(config, rest, name);
  const upper = signal.toUpperCase().replace(/^SIG/, "");
  const known =
    (/^\d+$/.test(signal) && Number(signal) >= 1 && Number(signal) <= 64) ||
    `SIG${upper}` in constants.signals ||
    /^RTMIN(\+\d{1,2})?$|^RTMAX(-\d{1,2})?$/.test(upper);
  if (!known) throw invalid(`invalid signal: ${signal}`);
  return { StopSignal: signal };
}

function healthcheck(config: ImageConfig, rest: string, name: string): Partial<ImageConfig> {
  const flags = new Map<string, string>();
  let line = some(rest, name);
  for (let flag = FLAG.exec(line); flag; flag = FLAG.exec(line)) {
    flags.set(flag[1] ?? "", flag[2] ?? "");
    line = line.slice(flag[0].length);
  }
  const [, type = "", command = ""] = /^(\S*)\s*(.*)$/s.exec(line) ?? [];
  if (type.toUpperCase() === "NONE") {
    if (command) throw invalid("HEALTHCHECK NONE takes no arguments");
    return { Healthcheck: { Test: ["NONE"] } };
  }
  if (type.toUpperCase() !== "CMD")
    throw invalid(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  if (!command) throw invalid("Missing command after HEALTHCHECK CMD");
  const list = jsonArray(command);
  const health: Record<string, unknown> = { Test: list ? ["CMD", ...list] : ["CMD-SHELL", command] };
  for (const [flag, text] of flags) {
    const value = expanded(config, text);
    const key = HEALTH_FLAG[flag];
    if (!key) throw invalid(`unknown flag: --${flag}`);
    health[key] = key === "Retries" ? retries(value) : period(flag, value);
  }
  return { Healthcheck: health };
}

const FLAG = /^--([a-z-]+)=(\S+)\s*/;
const HEALTH_FLAG: Partial<Record<string, keyof NonNullable<ImageConfig["Healthcheck"]>>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
  retries: "Retries",
};

function retries(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalid(`--retries cannot be ${JSON.stringify(text)}`);
  return Number(text);
}

function period(flag: string, text: string): number {
  const nanoseconds = duration(text);
  if (nanoseconds !== 0 && nanoseconds < 1e6) throw invalid(`Interval "${flag}" cannot be less than 1ms`);
  return nanoseconds;
}

function onbuild(config: ImageConfig, rest: string, name: string): Partial<ImageConfig> {
  const trigger = (some(rest, name).split(/\s/, 1)[0] ?? "").toUpperCase();
  if (trigger === "ONBUILD") throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === "FROM" || trigger === "MAINTAINER") {
    throw invalid(`${trigger} isn't allowed as an ONBUILD trigger`);
  }
  return { OnBuild: [...(config.OnBuild ?? []), rest] };
}

function volumes(config: ImageConfig, rest: string, name: string): Partial<ImageConfig> {
  const paths = (jsonArray(some(rest, name)) ?? rest.split(/\s+/)).map((path) =>
    expanded(config, path.trim()),
  );
  if (paths.includes("")) throw invalid("VOLUME specified can not be an empty string");
  return { Volumes: { ...config.Volumes, ...setOf(paths) } };
}

const INSTRUCTIONS: ReadonlyMap<string, Apply> = new Map<string, Apply>([
  ["CMD", ({ config }, rest) => ({ config: { ...config, Cmd: commandLine(config, rest) }, cmdSet: true })],
  [
    "ENTRYPOINT",
    ({ config, cmdSet }, rest) => {
      const Entrypoint = commandLine(config, rest);
      const changed = { ...config, Entrypoint: Entrypoint.length > 0 ? Entrypoint : null };
      return { config: cmdSet ? changed : { ...changed, Cmd: null }, cmdSet };
    },
  ],
  ["ENV", changing(env)],
  [
    "EXPOSE",
    changing((config, rest, name) => {
      const specs = words(some(rest, name)).flatMap((word) => expanded(config, word).split(/\s+/));
      return { ExposedPorts: { ...config.ExposedPorts, ...setOf(specs.flatMap(exposed)) } };
    }),
  ],
  ["HEALTHCHECK", changing(healthcheck)],
  [
    "LABEL",
    changing((config, rest, name) => ({
      Labels: { ...config.Labels, ...Object.fromEntries(pairs(config, rest, name)) },
    })),
  ],
  ["ONBUILD", changing(onbuild)],
  ["STOPSIGNAL", changing(stopSignal)],
  ["USER", changing((config, rest, name) => ({ User: one(config, rest, name) }))],
  ["VOLUME", changing(volumes)],
  [
    "WORKDIR",
    changing((config, rest, name) => ({
      WorkingDir: posix.resolve("/", config.WorkingDir ?? "", one(config, rest, name)),
    })),
  ],
]);
