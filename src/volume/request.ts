/** A volume's name and options, checked before anything is made. Pure. */
import { inContext, invalid, notFound } from "../lib/errors.ts";
import { randomHex } from "../lib/ids.ts";
import type { Volume, VolumeRequest } from "./types.ts";

/** Docker's mark of volumes that nobody named. */
const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

const CHARACTERS = "[a-zA-Z0-9][a-zA-Z0-9_.-]";
const NAME = new RegExp(`^${CHARACTERS}+$`);
/** NAME_MAX of linux/limits.h: a name is a directory's. */
const LONGEST_NAME = 255;

/** Docker's local driver knows these, and which of them need which others. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  type: ["device"],
  o: ["device", "type"],
  device: ["type"],
  size: [],
};

/** A name for a volume that has none. */
const anonymousName = (): string => randomHex(32);

/** What a volume is, as far as its request says. */
export type Description = Pick<Volume, "name" | "driver" | "labels" | "options" | "anonymous" | "madeWith">;

/** @throws invalid, not-found for another driver; in Docker's words */
export function describe(request: VolumeRequest): Description {
  const anonymous = request.anonymous ?? !request.name;
  const name = request.name || anonymousName();
  try {
    checkDriver(request.driver);
    checkName(name);
    checkOptions(request.options ?? {});
  } catch (thrown) {
    throw inContext(`create ${name}`, thrown);
  }
  return {
    name,
    driver: "local",
    labels: { ...request.labels, ...(anonymous && { [ANONYMOUS_LABEL]: "" }) },
    options: request.options ?? {},
    anonymous,
    ...(request.madeWith && { madeWith: request.madeWith }),
  };
}

/** There are no plugins: a driver of another name is one that is not installed. */
function checkDriver(driver: string | undefined): void {
  if (!driver || driver === "local") return;
  throw notFound(`error looking up volume plugin ${driver}: plugin "${driver}" not found`);
}

function checkName(name: string): void {
  if (name.length === 1) {
    throw invalid("volume name is too short, names should be at least two alphanumeric characters");
  }
  if (!NAME.test(name)) {
    throw invalid(
      `${JSON.stringify(name)} includes invalid characters for a local volume name, only "${CHARACTERS}" are allowed. ` +
        "If you intended to pass a host directory, use absolute path",
    );
  }
  if (name.length > LONGEST_NAME) {
    throw invalid(`volume name is too long, names can have ${LONGEST_NAME} characters at most`);
  }
}

function checkOptions(options: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(options).find((option) => !Object.hasOwn(OPTIONS, option));
  if (unknown !== undefined) throw invalid(`invalid option: ${JSON.stringify(unknown)}`);
  if (options.type === "cifs" && options.device && /^(?:\w+:)?\/\/[^/]*:\d+(\/|$)/.test(options.device)) {
    throw invalid("port not allowed in CIFS device URL, include 'port' in 'o='");
  }
  if (options.size !== undefined && sizeOf(options.size) > 0) {
    throw invalid("quota size requested but no quota support");
  }
  for (const option of Object.keys(options)) {
    const missing = OPTIONS[option]?.find((needed) => !Object.hasOwn(options, needed));
    if (missing !== undefined) throw invalid(`missing required option: ${JSON.stringify(missing)}`);
  }
  if (Object.values(options).some((value) => value.includes("\0"))) throw invalid("a NUL byte in an option");
}

/** `10`, `1.5g`, `64 MiB`: bytes, in powers of 1024. @throws invalid */
function sizeOf(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kmgtp])?(?:i?b)?$/i.exec(text) ?? [];
  if (number === undefined) throw invalid(`invalid size: '${text}'`);
  return Number(number) * 1024 ** ("kmgtp".indexOf((unit ?? "").toLowerCase() || " ") + 1);
}
