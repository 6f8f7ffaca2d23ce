import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { Pidfd } from "../../src/linux/pidfd.ts";
import { parseStat, statOf } from "../../src/linux/process.ts";
import { Reactor } from "../../src/linux/reactor.ts";

const sleeper = (): ChildProcess => spawn("sleep", ["1000"], { stdio: "ignore" });
const READ = { readable: true, writable: false };

function hold(child: ChildProcess): Pidfd {
  const pid = child.pid ?? 0;
  const held = Pidfd.open(pid, statOf(pid)?.startTime ?? "");
  assert.ok(held);
  return held;
}

test("a stat line whose name is chosen to mislead", () => {
  const fields = Array.from({ length: 50 }, (_, i) => String(i + 3)); // field n holds n
  const line = `42 (a) R 1 (b) Z ${fields.join(" ")}`.replace("Z 3 4", "S 17");
  assert.deepEqual(parseStat(line), { state: "S", parent: 17, startTime: "22" });
  assert.equal(parseStat("42 (short) S 1"), undefined);
  assert.equal(parseStat(""), undefined);
});

test("ourselves, and nobody", () => {
  assert.equal(statOf(process.pid)?.parent, process.ppid);
  assert.equal(statOf(2 ** 22 + 1), undefined);
});

test("held, told of its end, and never signalled again", async () => {
  const child = sleeper();
  const held = hold(child);
  assert.equal(Pidfd.open(held.pid, "1"), undefined);
  assert.equal(held.ended, false);
  assert.throws(() => held.signal(1000), { code: "EINVAL" });
  assert.equal(held.signal(15), true);
  const [, signal] = (await once(child, "exit")) as [unknown, string];
  assert.equal(signal, "SIGTERM");
  assert.equal(held.ended, true);
  assert.equal(held.signal(15), false);
  held.close();
  assert.equal(held.signal(15), false);
  assert.equal(Pidfd.open(held.pid, "1"), undefined);
});

test("the reactor tells who is ready, until it is told otherwise", async () => {
  const errors: unknown[] = [];
  const reactor = new Reactor((error) => errors.push(error));
  const children = [sleeper(), sleeper()];
  const [first, second] = children.map(hold);
  assert.ok(first && second);

  let silenced = 0;
  const never = reactor.watch(second.fd, READ, () => {
    silenced += 1;
  });
  never.expect({ readable: false, writable: false });
  second.signal(9);

  let calls = 0;
  await new Promise<void>((resolve) => {
    const watch = reactor.watch(first.fd, READ, () => {
      calls += 1;
      if (calls === 1) throw new Error("a callback's own");
      if (calls < 3) return; // level-triggered: told again
      watch.close();
      resolve();
    });
    first.signal(9);
  });
  assert.equal(calls, 3);
  assert.equal(silenced, 0);
  assert.match(String(errors), /a callback's own/);

  await new Promise<void>((resolve) => {
    never.close();
    never.close();
    const again = reactor.watch(second.fd, READ, () => {
      again.close();
      resolve();
    });
  });
  await reactor.close();
  await reactor.close();
  assert.throws(() => reactor.watch(first.fd, READ, () => {}), /closed/);
  for (const held of [first, second]) held.close();
});

/** What a process does that leaves a reactor behind: its exit status. */
async function ends(script: string): Promise<unknown> {
  const here = new URL("../../src/linux/", import.meta.url).href;
  const prelude = `
    import { Reactor } from "${here}reactor.ts";
    import { Pidfd } from "${here}pidfd.ts";
    import { statOf } from "${here}process.ts";
    const reactor = new Reactor(console.error);
    const self = Pidfd.open(process.pid, statOf(process.pid).startTime);
    const watch = reactor.watch(self.fd, { readable: true, writable: false }, () => {});
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", prelude + script], {
    stdio: "ignore",
  });
  const [code] = (await once(child, "exit")) as [unknown];
  return code;
}

test("a reactor keeps no process from ending", async () => {
  assert.deepEqual(
    await Promise.all([
      ends("setTimeout(() => process.exit(3), 50)"), // in the middle of a wait
      ends("setTimeout(() => watch.close(), 50)"), // idle, not closed
      ends("setTimeout(() => reactor.close(), 50)"),
      ends("setTimeout(() => { throw new Error('expected') }, 50)").then((code) => code === 1),
    ]),
    [3, 0, 0, true],
  );
});
