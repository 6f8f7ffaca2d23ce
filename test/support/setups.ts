/**
 * Set-ups that are broken, and what `drawbridge doctor` or `drawbridge trace` says of each: a test
 * (test/e2e/setups.test.ts) and a page (docs/troubleshooting.md) of one table.
 *
 * In texts that are compared, `…` stands for what differs from machine to machine: a pid, a handle, the name of a pair's end.
 * In shell lines `$web` is the pid of container web, `$veth_web` the host's end of its pair, and `elsewhere COMMAND` runs on
 * another machine.
 */
import { FIREWALLS } from "./setups-firewalls.ts";
import { LINKS } from "./setups-links.ts";
import { NAMES } from "./setups-names.ts";
import { PORTS } from "./setups-ports.ts";
import { ROUTES } from "./setups-routes.ts";
import { RULES } from "./setups-rules.ts";

export interface Setup {
  /** As a user says it. */
  readonly title: string;
  /** Shell lines. */
  readonly broken: string;
  /** Of what takes a moment: true in a shell once it is broken, and false once it is mended. */
  readonly settled?: string;
  /** What the user tries: fails while it is broken, and not before or afterwards. */
  readonly symptom: string;
  /** Whom to ask: `drawbridge doctor`, `drawbridge trace web db`. */
  readonly ask: string;
  /** All that the doctor finds, each as `CHECK: TITLE`; or the trace's verdict; or why it can't be traced. */
  readonly says: readonly string[];
  /** Of the commands that it prints, the one that mends. */
  readonly fix?: string;
  /** What a person does where no command is printed, or the printed one can't be run in a throwaway host. */
  readonly mend?: string;
  /** Takes away what is left, once it is mended. */
  readonly undo?: string;
}

export interface Section {
  readonly title: string;
  /** Of the page: what there is. */
  readonly about: string;
  /** Shell lines that make it. */
  readonly scene: string;
  /** Whether the engine is one that repairs nothing, as Docker and Podman don't. */
  readonly frozen: boolean;
  readonly setups: readonly Setup[];
}

export const SECTIONS: readonly Section[] = [ROUTES, LINKS, FIREWALLS, RULES, PORTS, NAMES];

/** `…` for anything. */
export const patternOf = (text: string): RegExp =>
  new RegExp(
    `^${text
      .split("…")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
    "s",
  );
