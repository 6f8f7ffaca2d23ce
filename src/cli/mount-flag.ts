/** `--mount type=volume,source=data,target=/data`: one mount in its long form (Engine API, Mount). */
import { resolve } from "node:path";
import { tryParseGoBoolean } from "../lib/go-boolean.ts";
import { parseCsv } from "./csv.ts";
import { UsageError } from "./errors.ts";
import { pair } from "./pairs.ts";
import { parseBytes } from "./values.ts";

/** A mount that is being put together, field by field. */
interface Draft {
  Type: string;
  Source?: string;
  Target: string;
  ReadOnly?: boolean;
  Consistency?: string;
  readonly BindOptions: Record<string, unknown>;
  readonly VolumeOptions: Record<string, unknown>;
  readonly TmpfsOptions: Record<string, unknown>;
}

type Apply = (draft: Draft, value: string, key: string) => void;

/** Go's strconv.ParseBool; a key alone is a yes. @throws */
function truth(value: string, key: string): boolean {
  const parsed = value === "" ? true : tryParseGoBoolean(value);
  if (parsed === undefined) throw new Error(`invalid value for ${key}: ${value}`);
  return parsed;
}

/** A path relative to here; a name stays one. */
const sourceOf = (value: string): string =>
  value === "." || value.startsWith("./") || value.startsWith("../") ? resolve(value) : value;

function addTo(record: Record<string, unknown>, name: string, value: string): void {
  const [key, text] = pair(value);
  record[name] = { ...(record[name] as object | undefined), [key]: text };
}

/** The driver's name and its options lie in one object. */
function driver(draft: Draft): Record<string, unknown> {
  const config = (draft.VolumeOptions.DriverConfig ?? {}) as Record<string, unknown>;
  draft.VolumeOptions.DriverConfig = config;
  return config;
}

const RECURSIVE: Readonly<Record<string, object>> = {
  enabled: {},
  disabled: { NonRecursive: true },
  writable: { ReadOnlyNonRecursive: true },
  readonly: { ReadOnlyForceRecursive: true },
};

function recursion(draft: Draft, value: string): void {
  const options = Object.hasOwn(RECURSIVE, value) ? RECURSIVE[value] : undefined;
  if (!options) {
    throw new Error(
      `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    );
  }
  Object.assign(draft.BindOptions, options);
}

function tmpfsMode(draft: Draft, value: string): void {
  if (!/^[0-7]{1,11}$/.test(value)) throw new Error(`invalid value for tmpfs-mode: ${value}`);
  draft.TmpfsOptions.Mode = Number.parseInt(value, 8);
}

function tmpfsSize(draft: Draft, value: string): void {
  try {
    draft.TmpfsOptions.SizeBytes = parseBytes(value);
  } catch {
    throw new Error(`invalid value for tmpfs-size: ${value}`);
  }
}

const KEYS: Readonly<Record<string, Apply>> = {
  type: (draft, value) => {
    draft.Type = value.toLowerCase();
  },
  source: (draft, value) => {
    draft.Source = sourceOf(value);
  },
  target: (draft, value) => {
    draft.Target = value;
  },
  readonly: (draft, value, key) => {
    draft.ReadOnly = truth(value, key);
  },
  consistency: (draft, value) => {
    draft.Consistency = value.toLowerCase();
  },
  "bind-propagation": (draft, value) => {
    draft.BindOptions.Propagation = value.toLowerCase();
  },
  "bind-nonrecursive": (draft, value, key) => {
    draft.BindOptions.NonRecursive = truth(value, key);
  },
  "bind-recursive": recursion,
  "bind-create-src": (draft, value, key) => {
    draft.BindOptions.CreateMountpoint = truth(value, key);
  },
  "volume-subpath": (draft, value) => {
    draft.VolumeOptions.Subpath = value;
  },
  "volume-nocopy": (draft, value, key) => {
    draft.VolumeOptions.NoCopy = truth(value, key);
  },
  "volume-label": (draft, value) => addTo(draft.VolumeOptions, "Labels", value),
  "volume-driver": (draft, value) => {
    driver(draft).Name = value;
  },
  "volume-opt": (draft, value) => addTo(driver(draft), "Options", value),
  "tmpfs-size": tmpfsSize,
  "tmpfs-mode": tmpfsMode,
};
const ALIASES: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
};
/** They may stand without a value. */
const ALONE = new Set(["readonly", "volume-nocopy", "bind-nonrecursive", "bind-create-src"]);

/** @throws in Docker's words */
export function parseMount(text: string): object {
  try {
    return mountOf(text);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : thrown;
    throw new UsageError(`invalid argument ${JSON.stringify(text)} for "--mount" flag: ${why}`);
  }
}

function mountOf(text: string): object {
  const draft: Draft = { Type: "volume", Target: "", BindOptions: {}, VolumeOptions: {}, TmpfsOptions: {} };
  for (const field of parseCsv(text)) {
    const [written, value] = pair(field);
    const lower = written.trim().toLowerCase();
    const key = Object.hasOwn(ALIASES, lower) ? (ALIASES[lower] ?? lower) : lower;
    if (!field.includes("=") && !ALONE.has(key)) {
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    }
    const apply = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (!apply) throw new Error(`unexpected key '${lower}' in '${field}'`);
    apply(draft, value.trim(), lower);
  }
  check(draft);
  const { BindOptions, VolumeOptions, TmpfsOptions, ...rest } = draft;
  return { ...rest, ...given({ BindOptions, VolumeOptions, TmpfsOptions }) };
}

const given = (options: Readonly<Record<string, object>>): object =>
  Object.fromEntries(Object.entries(options).filter(([, each]) => Object.keys(each).length > 0));

function check({ Type, Target, ReadOnly, BindOptions, VolumeOptions, TmpfsOptions }: Draft): void {
  if (Type === "") throw new Error("type is required");
  if (Target === "") throw new Error("target is required");
  for (const [type, options] of Object.entries({
    volume: VolumeOptions,
    bind: BindOptions,
    tmpfs: TmpfsOptions,
  })) {
    if (Object.keys(options).length > 0 && Type !== type) {
      throw new Error(`cannot mix '${type}-*' options with mount type '${Type}'`);
    }
  }
  if (!BindOptions.ReadOnlyForceRecursive && !BindOptions.ReadOnlyNonRecursive) return;
  const asked = BindOptions.ReadOnlyForceRecursive ? "readonly" : "writable";
  if (!ReadOnly) {
    throw new Error(`option 'bind-recursive=${asked}' requires 'readonly' to be specified in conjunction`);
  }
  if (asked === "readonly" && BindOptions.Propagation !== "rprivate") {
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
  }
}
