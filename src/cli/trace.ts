import type { Family } from "../lib/ip.ts";
import { legibleText } from "../lib/legible.ts";
import { readTopology } from "../observe/read.ts";
import { type EndsOptions, findEnds, UnresolvedError } from "../trace/ends/find.ts";
import { renderReport, verdictText } from "../trace/render/report.ts";
import { reportToJson } from "../trace/report/json.ts";
import { traceFlow } from "../trace/report/trace.ts";
import { EXIT_CODES } from "../trace/report/verdict.ts";
import type { Verdict } from "../trace/types.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { jsonText, readOptions, styleOf } from "./trace-options.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly json: boolean;
  readonly network?: string;
  readonly predictOnly: boolean;
  readonly size?: number;
  readonly sourcePort?: number;
  readonly verbose: boolean;
  readonly wait?: number;
}

/** Bytes of an IP packet: at least its headers and the probe's mark, at most what its length field can say. */
const SIZES = [68, 65535] as const;
const WAITS = [1, 60_000] as const;

function bounded(name: string, value: number | undefined, [least, most]: readonly [number, number]): void {
  if (value === undefined || (value >= least && value <= most)) return;
  throw new UsageError(`invalid argument "${value}" for "--${name}" flag: ${least} to ${most} is wanted`);
}

/** @throws UsageError */
function familyAskedFor({ ipv4, ipv6 }: Options): Family | undefined {
  if (ipv4 && ipv6) throw new UsageError("-4 and -6 can't be asked for together");
  if (ipv4) return 4;
  return ipv6 ? 6 : undefined;
}

export default verb<Options>({
  usage: "[OPTIONS] FROM TO[:PORT[/tcp|udp|icmp]]",
  about: "Show what becomes of a packet, hop by hop, and prove it",
  flags: [
    flag("-4, --ipv4", "bool", "Use IPv4 where TO has addresses of both families"),
    flag("-6, --ipv6", "bool", "Use IPv6 where TO has addresses of both families"),
    flag("--json", "bool", "Print all that was found as JSON"),
    flag("--network", "string", "Use TO's address on this network"),
    flag("--predict-only", "bool", "Send nothing: tell what the kernel's tables say"),
    flag("--size", "int", "Bytes of the IP packet, which is not to be fragmented"),
    flag("--source-port", "int", "Port to send from"),
    flag("--verbose", "bool", "Show every step: each rule that was asked, each neighbour and connection"),
    flag("--wait", "int", "Milliseconds to wait for an answer (default 1000)"),
  ],
  // Counted below: what is wrong with a command line must not end as `1`, which says "not reached".
  least: 0,
  most: Number.POSITIVE_INFINITY,
  failure: 125,
  async run(context, words, options) {
    const [from, to] = words;
    if (from === undefined || to === undefined || words.length > 2) {
      throw new UsageError("drawbridge: 'drawbridge trace' requires 2 arguments: FROM and TO");
    }
    bounded("size", options.size, SIZES);
    bounded("source-port", options.sourcePort, [1, 65535]);
    bounded("wait", options.wait, WAITS);
    const family = familyAskedFor(options);
    const { network, size, sourcePort, wait, predictOnly } = options;
    const topology = await readTopology(readOptions(context));
    const asked: EndsOptions = {
      ...(family !== undefined && { family }),
      ...(network !== undefined && { network }),
      ...(size !== undefined && { size }),
      ...(sourcePort !== undefined && { sourcePort }),
    };
    try {
      const flow = await findEnds(topology, from, to, asked);
      const report = await traceFlow(topology, flow, { predictOnly, ...(wait !== undefined && { wait }) });
      context.out(
        options.json
          ? jsonText(reportToJson(topology, report))
          : renderReport(topology, report, styleOf(), options.verbose),
      );
      // What was not read need not matter: it is told beside the answer.
      if (!options.json)
        for (const unread of topology.unread) context.err(`not read: ${legibleText(unread)}\n`);
      return EXIT_CODES[report.verdict.outcome];
    } catch (thrown) {
      if (!(thrown instanceof UnresolvedError)) throw thrown;
      return tellUnresolved(context, thrown, options.json);
    }
  },
});

/** A name that leads nowhere is an answer: nothing is reached by it. */
function tellUnresolved(context: Context, { message }: UnresolvedError, json: boolean): number {
  const verdict: Verdict = { outcome: "not reached", sentence: `not reached: ${message}`, fixes: [] };
  const exitCode = EXIT_CODES[verdict.outcome];
  context.out(json ? jsonText({ verdict: { ...verdict, exitCode } }) : verdictText(verdict, styleOf()));
  return exitCode;
}
