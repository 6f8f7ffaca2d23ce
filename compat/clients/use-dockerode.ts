/** dockerode's documented examples: run, create, start, exec, logs, stats, networks, volumes, build, events. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import process from "node:process";
import { PassThrough, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { archive, busyboxContents, findBusybox } from "../../src/image/busybox.ts";
import type { Docker } from "./dockerode-types.ts";

const Client = createRequire(process.argv[2] ?? "")("dockerode") as new () => Docker;
const docker = new Client();

const finished = (stream: NodeJS.ReadableStream): Promise<unknown[]> =>
  new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output))),
  );

const text = async (stream: AsyncIterable<Buffer | string>): Promise<string> => {
  let all = "";
  for await (const piece of stream) all += piece;
  return all;
};

assert.equal(String(await docker.ping()), "OK");
const image = Readable.from(archive(busyboxContents(await findBusybox())));
await finished(await docker.importImage(image, { repo: "example", tag: "latest" }));

const out = new PassThrough();
const [outcome, first] = await docker.run("example", ["echo", "hello"], [out, new PassThrough()], {
  Tty: false,
});
assert.equal(outcome.StatusCode, 0);
assert.equal(String(out.read()), "hello\n");
await first.remove();

const network = await docker.createNetwork({ Name: "net", Labels: { made: "by dockerode" } });
const volume = await docker.createVolume({ Name: "vol" });
assert.equal(volume.Name ?? volume.name, "vol");
const events = await docker.getEvents({ filters: { type: ["container"], event: ["start", "die"] } });
const told: string[] = [];
events.on("data", (line: Buffer) => told.push(...line.toString().trim().split("\n")));

const container = await docker.createContainer({
  Image: "example",
  name: "web",
  Cmd: ["sh", "-c", "echo up; exec sleep 100"],
  Labels: { a: "b" },
  HostConfig: { Binds: ["vol:/data"], PortBindings: { "80/tcp": [{ HostPort: "0" }] }, NetworkMode: "net" },
});
await container.start();
assert.equal((await container.inspect()).State.Running, true);
assert.equal((await docker.listContainers({ filters: { label: ["a=b"] } })).length, 1);

const exec = await container.exec({
  Cmd: ["sh", "-c", "cat; echo err >&2"],
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
});
const stream = await exec.start({ hijack: true, stdin: true });
const [stdout, stderr] = [new PassThrough(), new PassThrough()];
docker.modem.demuxStream(stream, stdout, stderr);
stream.write("typed");
stream.end();
await new Promise((resolve) => stream.once("end", resolve));
assert.deepEqual([String(stdout.read()), String(stderr.read())], ["typed", "err\n"]);
assert.equal((await exec.inspect()).ExitCode, 0);

assert.match((await container.logs({ stdout: true, stderr: true })).toString(), /up\n$/);
assert.ok((await container.stats({ stream: false })).memory_stats.usage > 0);
assert.ok((await container.top()).Processes.length > 0);
await container.putArchive(Readable.from(archive([])), { path: "/tmp" });
assert.match(await text(await container.getArchive({ path: "/etc/passwd" })), /root:x:0:0/);
await container.stop({ t: 0 });
for (let tries = 0; told.length < 2 && tries < 100; tries++) await sleep(20);
assert.deepEqual(
  told.map((line) => (JSON.parse(line) as { readonly Action: string }).Action),
  ["start", "die"],
);
events.destroy();
await container.remove({ v: true });
await network.remove();
await docker.getVolume("vol").remove();
await docker.getImage("example").remove();
