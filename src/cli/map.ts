import { readTopology } from "../observe/read.ts";
import type { Topology } from "../observe/types.ts";
import { watchTopology } from "../observe/watch.ts";
import type { Context } from "./context.ts";
import { mapText } from "./map-text.ts";
import { readOptions, styleOf } from "./trace-options.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly watch: boolean;
}

const draw = (topology: Topology): string => mapText(topology, styleOf());

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "Draw this machine's networks: namespaces, bridges, links and who is behind them",
  flags: [flag("-w, --watch", "bool", "Draw it anew whenever it changes")],
  least: 0,
  most: 0,
  async run(context, _words, { watch }) {
    if (watch) return follow(context);
    context.out(draw(await readTopology(readOptions(context))));
    return 0;
  },
});

/** Until it is interrupted: the newest picture over the one before. */
async function follow(context: Context): Promise<never> {
  // From the upper left corner, over what was there.
  const show = (topology: Topology) => context.out(`\u001b[2J\u001b[H${draw(topology)}`);
  const watching = await watchTopology({ ...readOptions(context), onChange: show });
  show(watching.current);
  return new Promise<never>(() => {});
}
