/**
 * `npm run bench -- attach|run|many|networks|ports|dns|observe [--json] [--runs N]`: Drawbridge beside the kernel's floor and its peers, on this
 * machine. Everything happens in namespaces that are thrown away. `scripts/bootstrap --peers` installs the peers;
 * one that is missing is passed over with a line that says so.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { isolated } from "../test/support/isolated.ts";
import { isRoot } from "../test/support/root.ts";

const USAGE = "npm run bench -- attach|run|many|networks|ports|dns|observe [--json] [--runs N]";

function refuse(why: string): never {
  console.error(`bench: ${why}`);
  process.exit(1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, runs: { type: "string" } },
});
const [what, ...more] = positionals;
const runs = values.runs === undefined ? undefined : Number(values.runs);
if (more.length > 0 || !["attach", "run", "many", "networks", "ports", "dns", "observe"].includes(what ?? ""))
  refuse(USAGE);
if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
  refuse(`--runs ${values.runs}: not a number of runs`);
if (!isRoot()) refuse("needs root: it makes namespaces, links and mounts");

const print = <Report>(report: Report, format: (report: Report) => string) =>
  console.log(values.json ? JSON.stringify(report, null, 2) : format(report));

switch (what) {
  case "attach": {
    isolated(import.meta);
    const { benchAttach, formatAttach } = await import("./attach.ts");
    print(await benchAttach(runs ?? 50), formatAttach);
    break;
  }
  case "observe": {
    isolated(import.meta);
    const { benchObserve, formatObserve } = await import("./observe.ts");
    print(await benchObserve(runs ?? 5), formatObserve);
    break;
  }
  case "run": {
    const { benchRun, formatRun } = await import("./run.ts");
    print(await benchRun(runs ?? 15), formatRun);
    break;
  }
  case "many": {
    const { benchMany, formatMany } = await import("./many.ts");
    print(await benchMany(runs ?? 200), formatMany);
    break;
  }
  case "networks": {
    const { benchNetworks, formatNetworks } = await import("./networks.ts");
    print(await benchNetworks(runs ?? 15), formatNetworks);
    break;
  }
  case "ports": {
    const { benchPorts, formatPorts } = await import("./ports.ts");
    print(await benchPorts(runs ?? 5), formatPorts);
    break;
  }
  case "dns": {
    const { benchDns, formatDns } = await import("./dns.ts");
    print(await benchDns(runs ?? 5), formatDns);
    break;
  }
}
