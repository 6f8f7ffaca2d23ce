/**
 * `npm run demo`: the tour, on a host made for it and thrown away. Every command runs, every line of output is real,
 * and where the machine does not show what the lesson says, the demo fails.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ThrowawayHost } from "../test/support/host.ts";

const DRAWBRIDGE = join(import.meta.dirname, "../bin/drawbridge");
const say = (text: string) => console.log(text);

/** The tour in the host, with this terminal's colours and language. @returns its exit code */
async function tour(host: ThrowawayHost): Promise<number> {
  const [command = "", ...args] = host.enter([DRAWBRIDGE, "tour", "--no-pause", ...process.argv.slice(2)]);
  const { LANG, LC_ALL, LC_MESSAGES, TERM, NO_COLOR } = process.env;
  const inherited = Object.entries({ LANG, LC_ALL, LC_MESSAGES, TERM, NO_COLOR }).filter(
    ([, value]) => value,
  );
  const child = spawn(command, args, {
    stdio: "inherit",
    env: { ...host.environment, ...Object.fromEntries(inherited), DRAWBRIDGE_HOST: host.address },
  });
  // Ctrl-C reaches it as well: it takes back what it made, and then the host goes.
  const wait = () => {};
  process.on("SIGINT", wait);
  const [code] = await once(child, "exit");
  process.off("SIGINT", wait);
  return code ?? 1;
}

const begun = performance.now();
say(
  "Making a host to throw away: its own network, mounts, processes; the machine you sit at is not touched.",
);
{
  await using host = await ThrowawayHost.create();
  await using engine = await host.startEngine();
  say(`An engine runs in it (pid ${engine.pid}).`);
  process.exitCode = await tour(host);
}
say(
  `\nThe host, its engine and all they made are gone, after ${((performance.now() - begun) / 1000).toFixed(1)} s.`,
);
say(
  "To start an engine for keeps, and take the tour on this machine, step by step:\n\n  sudo bin/drawbridge daemon &\n  sudo bin/drawbridge tour",
);
