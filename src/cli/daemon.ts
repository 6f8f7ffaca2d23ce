import { DAEMON_OPTIONS } from "../daemon/options.ts";
import { type Flag, flag, type Kind, verb } from "./verb.ts";

const KINDS = {
  string: "string",
  bool: "bool",
  int: "string", // checked with all the rest, so that everything wrong is told at once
  list: "list",
  map: "map",
  any: "string",
} as const satisfies Record<string, Kind>;

/** Every value as typed: what it means, and what is wrong with it, is for the daemon's configuration to say. */
function daemonFlags(): readonly Flag[] {
  return DAEMON_OPTIONS.flatMap(({ flag: name, short, type, about, fate }) => {
    if (name === undefined) return [];
    const option = flag(`${short ? `-${short}, ` : ""}--${name}`, KINDS[type], about);
    option.default(undefined).argParser((text: string, before: readonly string[] = []) => [...before, text]);
    return [option.hideHelp(fate === "ignored")];
  });
}

export default verb<Readonly<Record<string, readonly string[] | undefined>>>({
  usage: "[OPTIONS]",
  about: "Run the engine",
  flags: daemonFlags(),
  least: 0,
  most: 0,
  async run(_, __, options) {
    const flags = new Map<string, readonly string[]>();
    for (const option of daemonFlags()) {
      const values = options[option.attributeName()];
      if (values) flags.set(option.name(), values);
    }
    const { runDaemon } = await import("../daemon/daemon.ts");
    return runDaemon(flags);
  },
});
