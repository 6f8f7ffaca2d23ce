/** `--security-opt` (Docker API, SecurityOpt). */
import { invalid, notBuiltIn } from "../lib/errors.ts";

export interface Security {
  readonly noNewPrivileges: boolean;
  /** `default`, `unconfined`, or a profile's own JSON. */
  readonly seccomp: string;
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  "": true,
  true: true,
  "1": true,
  false: false,
  "0": false,
};

/** @throws invalid; not-built-in for confinement that this engine can't give */
export function parseSecurity(options: readonly string[]): Security {
  let noNewPrivileges = false;
  let seccomp = "default";
  for (const option of options) {
    // `=` separates; the colon is Docker's older way.
    const [, key = option, value = ""] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? [];
    switch (key) {
      case "no-new-privileges": {
        const wanted = BOOLEANS[value];
        if (wanted === undefined) throw invalid(`invalid --security-opt: "${option}"`);
        noNewPrivileges = wanted;
        break;
      }
      case "seccomp":
        if (value === "") throw invalid(`invalid --security-opt: "${option}"`);
        seccomp = value === "builtin" ? "default" : value;
        break;
      case "apparmor":
        // Containers run unconfined by AppArmor already: only a profile would be a promise.
        if (value !== "unconfined") throw notBuiltIn(`--security-opt ${option}: AppArmor is not built in`);
        break;
      case "label":
      case "disable":
        if (key === "label" && value !== "disable") {
          throw notBuiltIn(`--security-opt ${option}: SELinux labels are not built in`);
        }
        break;
      case "writable-cgroups":
        throw notBuiltIn(`--security-opt ${option} is not built in`);
      default:
        throw invalid(`invalid --security-opt: "${option}"`);
    }
  }
  return { noNewPrivileges, seccomp };
}
