import {
  type CaptureOptions,
  type Capturing,
  capture,
  DEFAULT_SNAP_LENGTH,
  wantTimestamps,
} from "../capture/capture.ts";
import type { Form } from "../capture/form.ts";
import { Lines, labelOf } from "../capture/lines/form.ts";
import { nameOfIn, namesOf, numeric } from "../capture/names.ts";
import { fileOutlet, type Outlet, streamOutlet } from "../capture/outlet.ts";
import { Pcapng } from "../capture/pcapng/form.ts";
import { type Target, tappedOf } from "../capture/tapped.ts";
import type { CaptureSummary, Tapped } from "../capture/types.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import { parseDuration } from "../lib/timestamp.ts";
import { readTopology } from "../observe/read.ts";
import type { LinkRef, Topology } from "../observe/types.ts";
import { openCaptureFile } from "./capture-file.ts";
import { targetOf } from "./capture-target.ts";
import { ExitError, UsageError } from "./errors.ts";
import { readOptions } from "./trace-options.ts";
import { formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly write?: string;
  readonly count?: number;
  readonly time?: string;
  readonly size?: number;
  readonly snapLength?: number;
  readonly numeric: boolean;
  readonly path: boolean;
}

/** Who is named by more than so many links is told how many they are. */
const NAMED = 6;
/** Milliseconds that a timer of Node's can wait. */
const LONGEST = 2 ** 31 - 1;
/** An Ethernet header at least. */
const SNAP_LENGTHS = [14, DEFAULT_SNAP_LENGTH] as const;

const ENDS: Readonly<Record<CaptureSummary["ended"], string>> = {
  count: "the count is reached",
  time: "the time is over",
  size: "the size is reached",
  closed: "the reader is gone",
  asked: "as asked",
  gone: "no link is left",
};

/** @throws UsageError */
function limitsOf({ count, time, size, snapLength }: Options) {
  const wrong = (value: unknown, name: string, why: string) =>
    new UsageError(`invalid argument "${value}" for "--${name}" flag: ${why}`);
  if (count !== undefined && count < 1) throw wrong(count, "count", "at least 1 is wanted");
  if (size !== undefined && size < 1) throw wrong(size, "size", "at least one byte is wanted");
  const [least, most] = SNAP_LENGTHS;
  if (snapLength !== undefined && (snapLength < least || snapLength > most)) {
    throw wrong(snapLength, "snap-length", `${least} to ${most} is wanted`);
  }
  const milliseconds = time === undefined ? undefined : parseDuration(time);
  if (time !== undefined && !milliseconds) throw wrong(time, "time", "a duration is wanted, as 10s or 1m30s");
  if ((milliseconds ?? 0) > LONGEST) throw wrong(time, "time", "at most 596h can be waited");
  return {
    ...(count !== undefined && { count }),
    ...(milliseconds !== undefined && { time: milliseconds }),
    ...(size !== undefined && { size }),
    ...(snapLength !== undefined && { snapLength }),
  };
}

/** What is written, and where. @throws ExitError */
function outputOf(topology: Topology, options: Options, filter: string): { form: Form; open: () => Outlet } {
  const names = namesOf(topology);
  const { write, snapLength = DEFAULT_SNAP_LENGTH } = options;
  const open = () => (write === undefined || write === "-" ? stdout() : fileOutlet(openCaptureFile(write)));
  if (write === undefined) {
    return { form: new Lines(options.numeric ? numeric : nameOfIn(names)), open };
  }
  if (write === "-" && process.stdout.isTTY) {
    throw new ExitError(
      1,
      "a terminal can't show what -w - writes: pipe it, as in `-w - | wireshark -k -i -`",
    );
  }
  return { form: new Pcapng({ snapLength, names: names.values(), ...(filter && { filter }) }), open };
}

/** Its reader may leave at any time, and then there is a summary to be told still. */
function stdout(): Outlet {
  process.stdout.removeAllListeners("error");
  return streamOutlet(process.stdout);
}

function told(tapped: readonly Tapped[]): string {
  const labels = tapped.slice(0, NAMED).map(labelOf).join(", ");
  return tapped.length > NAMED ? `${labels} and ${tapped.length - NAMED} more` : labels;
}

/** What a refusal for want of rights means here. */
function explained(thrown: unknown): unknown {
  if (!["EPERM", "EACCES"].includes(codeOf(thrown) ?? "")) return thrown;
  const wanted = "only root, or who has CAP_NET_RAW and CAP_SYS_ADMIN, may capture";
  return new ExitError(1, `${messageOf(thrown)}: ${wanted}`);
}

function start(tapped: readonly Tapped[], options: CaptureOptions): Capturing {
  try {
    return capture(tapped, options);
  } catch (thrown) {
    throw explained(thrown);
  }
}

/** Begun, and not gone on with: a full disk, a link that is taken away by force. */
const cutShort =
  (file = "-") =>
  (thrown: unknown) => {
    const where = file === "-" ? "standard output" : file;
    throw new ExitError(1, `the capture into ${where} ended early: ${messageOf(thrown)}`);
  };

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The first signal ends the capture in order; a second one ends the process. @returns what takes it back */
function stopBySignal(capturing: Capturing): () => void {
  const stop = () => capturing.stop();
  for (const signal of SIGNALS) process.once(signal, stop);
  return () => {
    for (const signal of SIGNALS) process.off(signal, stop);
  };
}

function summaryOf({ packets, dropped, bytes, ended }: CaptureSummary, file: string | undefined): string {
  const lost = dropped === 0 ? "none lost" : `${dropped} lost: they came faster than they could be written`;
  const size = file === undefined ? "" : `, ${formatSize(bytes)}${file === "-" ? "" : ` in ${file}`}`;
  return `${packets} packet${packets === 1 ? "" : "s"}, ${lost}${size}: ${ENDS[ended]}\n`;
}

/** Prediction is read only where it is asked for. */
async function pathBetween(topology: Topology, from: string, to: string): Promise<readonly LinkRef[]> {
  const { linksOfPath } = await import("./capture-path.ts");
  return linksOfPath(topology, from, to);
}

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER|NETWORK|LINK|host [FILTER...]",
  about: "Show or record the packets of a container, a network, a link or a whole path",
  flags: [
    flag("-c, --count", "int", "End after so many packets"),
    flag("-n, --numeric", "bool", "Show addresses, not what they are called"),
    flag("--path", "bool", "Take the links between two: --path FROM TO [FILTER...]"),
    flag("--size", "bytes", "End before the output is larger"),
    flag("-s, --snap-length", "int", "Keep so many bytes of each packet (default 262144)"),
    flag("--time", "string", "End after this long, as 10s"),
    flag("-w, --write", "string", 'Write pcapng to a file, or "-" for standard output'),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, options) {
    const limits = limitsOf(options);
    const named = options.path ? 2 : 1;
    if (words.length < named) throw new UsageError("--path needs two: FROM and TO", 1);
    const filter = words.slice(named).join(" ");
    // It takes effect while the topology is read.
    const nevermind = wantTimestamps();
    const topology = await readTopology(readOptions(context)).catch((thrown) => {
      throw explained(thrown);
    });
    const [first = "", second = ""] = words;
    const target: Target = options.path
      ? { kind: "links", links: await pathBetween(topology, first, second) }
      : targetOf(topology, first);
    const tapped = tappedOf(topology, target);
    if (tapped.length === 0) throw new ExitError(1, `${first} has no link that is up and can be listened to`);

    const capturing = start(tapped, {
      ...outputOf(topology, options, filter),
      ...limits,
      ...(filter && { filter }),
      onGone: (gone) => context.err(`${labelOf(gone)} is gone\n`),
    });
    nevermind();
    const withdraw = stopBySignal(capturing);
    context.err(`listening to ${told(tapped)}; ctrl-c ends it\n`);
    try {
      context.err(summaryOf(await capturing.ended.catch(cutShort(options.write)), options.write));
    } finally {
      withdraw();
    }
    return 0;
  },
});
