/** `--security-opt` (Docker API, SecurityOpt). */
import { invalid } from "../../lib/errors.ts";

export interface Security {
  readonly noNewPrivileges: boolean;
  /** `default`, `unconfined`, or a profile's own JSON. */
  readonly seccomp: string;
  /** A profile by name, or `unconfined`. */
  readonly appArmor?: string;
  /** SELinux: `disable`, `type:t`, `level:s0` … */
  readonly labels: readonly string[];
  /** Its cgroups can be written to; where this is not said, those of a privileged container can. */
  readonly writableCgroups?: boolean;
}

/** As Go reads one (strconv.ParseBool). */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((word): [string, boolean] => [word, true]),
  ...["0", "f", "F", "false", "FALSE", "False"].map((word): [string, boolean] => [word, false]),
]);

/** What may stand alone, for `true` or, of SELinux, for its label. */
const ALONE = ["no-new-privileges", "writable-cgroups", "disable"];

/** @throws invalid, in Docker's words; a profile's JSON is looked at elsewhere */
export function parseSecurity(options: readonly string[]): Security {
  let security: Security = {
    noNewPrivileges: false,
    seccomp: "default",
    labels: [],
  };
  for (const option of options) security = { ...security, ...read(option, security) };
  return security;
}

function read(option: string, { labels }: Security): Partial<Security> {
  // `=` separates; the colon is Docker's older way.
  const separator = option.includes("=") ? "=" : ":";
  const at = option.indexOf(separator);
  if (at < 0 && !ALONE.includes(option)) throw invalid(`invalid --security-opt 1: ${JSON.stringify(option)}`);
  const [key, value] = at < 0 ? [option, "true"] : [option.slice(0, at), option.slice(at + 1)];
  const wrong = () => invalid(`invalid --security-opt 2: ${JSON.stringify(option)}`);
  const boolean = (): boolean => {
    const meant = BOOLEANS.get(value);
    if (meant === undefined) throw wrong();
    return meant;
  };
  switch (key) {
    case "no-new-privileges":
      return { noNewPrivileges: boolean() };
    case "writable-cgroups":
      return { writableCgroups: boolean() };
    case "seccomp":
      return { seccomp: value === "builtin" || value === "" ? "default" : value };
    case "apparmor":
      return value === "" ? {} : { appArmor: value };
    case "label":
      return { labels: [...labels, value] };
    case "disable":
      return { labels: [...labels, "disable"] };
    default:
      throw wrong();
  }
}
