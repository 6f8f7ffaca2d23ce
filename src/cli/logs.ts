import { containerPath } from "./container-path.ts";
import { writeOutput } from "./engine-client.ts";
import { timestamp } from "./values.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly details: boolean;
  readonly follow: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly tail?: string;
  readonly timestamps: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER",
  about: "Fetch the logs of a container",
  flags: [
    flag("--details", "bool", "Show extra details provided to logs"),
    flag("-f, --follow", "bool", "Follow log output"),
    flag(
      "--since",
      "string",
      'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
    flag("-n, --tail", "string", 'Number of lines to show from the end of the logs (default "all")'),
    flag("-t, --timestamps", "bool", "Show timestamps"),
    flag(
      "--until",
      "string",
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
  ],
  least: 1,
  most: 1,
  async run({ client }, [container = ""], { details, follow, since, until, tail, timestamps }) {
    const now = Date.now();
    const output = await client.output(containerPath(container, "logs"), {
      stdout: true,
      stderr: true,
      details,
      follow,
      timestamps,
      tail: tail ?? "all",
      since: timestamp("since", since, now),
      until: timestamp("until", until, now),
    });
    await writeOutput(output, { stdout: process.stdout, stderr: process.stderr });
  },
});
