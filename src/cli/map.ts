import { topologyToJson } from "../observe/json.ts";
import { readTopology } from "../observe/read.ts";
import type { Topology } from "../observe/types.ts";
import { watchTopology } from "../observe/watch.ts";
import type { Context } from "./context.ts";
import { mapText } from "./map-text.ts";
import { jsonText, readOptions, styleOf } from "./trace-options.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly json: boolean;
  readonly watch: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "Draw this machine's networks: namespaces, bridges, links and who is behind them",
  flags: [
    flag("--json", "bool", "Print all that the kernel tells as JSON; with --watch one line a state"),
    flag("-w, --watch", "bool", "Draw it anew whenever it changes"),
  ],
  least: 0,
  most: 0,
  async run(context, _words, { json, watch }) {
    if (watch) return follow(context, json);
    const topology = await readTopology(readOptions(context));
    context.out(json ? jsonText(topologyToJson(topology)) : draw(topology));
    return 0;
  },
});

const draw = (topology: Topology): string => mapText(topology, styleOf());

/** From the upper left corner, over what was there. */
const OVER = "\u001b[2J\u001b[H";

/** Until it is interrupted, every state as it comes. */
async function follow(context: Context, json: boolean): Promise<never> {
  const show = (topology: Topology) =>
    context.out(json ? jsonText(topologyToJson(topology), 0) : `${OVER}${draw(topology)}`);
  const watching = await watchTopology({ ...readOptions(context), onChange: show });
  show(watching.current);
  return new Promise<never>(() => {});
}
