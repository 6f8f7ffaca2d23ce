/** What the verbs that look at this machine's network have in common: which engines to ask for names, and what can be shown. */

import { legibleJson } from "../lib/legible.ts";
import { engineSockets } from "../observe/engines/sockets.ts";
import type { ReadOptions } from "../observe/types.ts";
import type { Style } from "../trace/render/style.ts";
import type { Context } from "./context.ts";

/** The engine that `-H` and the environment name, and others that are there. */
export function readOptions({ host }: Context, environment = process.env): ReadOptions {
  return { engines: engineSockets({ ...environment, DRAWBRIDGE_HOST: host }) };
}

const USUAL_WIDTH = 100;
const WIDTHS = { least: 60, most: 160 };

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** locale(7): the first of them that is set tells. https://no-color.org */
export function styleOf(terminal: Terminal = process.stdout, environment = process.env): Style {
  const locale = environment.LC_ALL || environment.LC_CTYPE || environment.LANG || "";
  const columns = terminal.columns ?? (Number(environment.COLUMNS) || USUAL_WIDTH);
  return {
    colour: terminal.isTTY === true && !environment.NO_COLOR && environment.TERM !== "dumb",
    unicode: /utf-?8/i.test(locale),
    width: Math.min(Math.max(columns, WIDTHS.least), WIDTHS.most),
  };
}

/** Values for programs, that a terminal may be shown as well. @param indent none for a value a line */
export const jsonText = (value: unknown, indent = 2): string =>
  `${legibleJson(JSON.stringify(value, null, indent))}\n`;
