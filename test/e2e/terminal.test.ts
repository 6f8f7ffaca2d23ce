/** Containers at a real terminal. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { inspect } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const DRAWBRIDGE = join(import.meta.dirname, "../../bin/drawbridge");

describe("at a terminal", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const clientAt = (client: "docker" | "drawbridge", args: readonly string[]) =>
    client === "docker"
      ? suite.host.pty("docker", args)
      : suite.host.pty("env", [`DRAWBRIDGE_HOST=${suite.host.address}`, DRAWBRIDGE, ...args]);

  test("attach, look at eth0, detach by ctrl-p ctrl-q, and it still runs", async () => {
    await suite.host.docker("run", "-itd", "--name", "container1", "busybox");
    await using terminal = suite.host.pty("docker", ["attach", "container1"]);
    terminal.send("\n");
    await terminal.waitFor("/ # ");
    terminal.send("ip link show\n");
    await terminal.waitFor(/eth0@if\d+:/);
    terminal.send("\x10\x11");
    await terminal.waitFor("read escape sequence");
    await terminal.exited;
    assert.equal((await inspect(suite.host, "container1")).State.Status, "running");
  });

  test("the terminal has the client's size, and follows it", async () => {
    await using terminal = suite.host.pty("docker", ["run", "-it", "--rm", "busybox"]);
    await terminal.waitFor("/ # ");
    terminal.send("stty size\n");
    await terminal.waitFor("24 80");
    await terminal.resize(100, 30);
    for (;;) {
      // The signal takes its own time to become a call.
      terminal.send("stty size\n");
      if ((await terminal.waitFor(/\d\d \d+\r\n/)).includes("30 100")) break;
    }
    terminal.send("exit 9\n");
    assert.equal(await terminal.exited, 9);
  });

  test("ctrl-c reaches the process, jobs are controlled", async () => {
    await using terminal = suite.host.pty("docker", ["run", "-it", "--rm", "busybox"]);
    await terminal.waitFor("/ # ");
    terminal.send("echo up; sleep 1000\n");
    await terminal.waitFor("up\r\n");
    terminal.send("\x03");
    await terminal.waitFor("/ # ");
    terminal.send("echo code $?\n");
    await terminal.waitFor("code 130");
    terminal.send("\x04");
    assert.equal(await terminal.exited, 0);
  });

  test("exec -it, with detach keys of one's own", async () => {
    await suite.host.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000");
    await using terminal = suite.host.pty("docker", [
      "exec",
      "-it",
      "--detach-keys",
      "ctrl-x,x",
      "box",
      "sh",
    ]);
    await terminal.waitFor("/ # ");
    terminal.send("tty; echo a\x18b\n");
    await terminal.waitFor(/\/dev\/pts\/\d/);
    // Keys that only begin like them go through.
    await terminal.waitFor("\nab\r");
    terminal.send("\x18x");
    await terminal.exited;
    assert.equal((await inspect(suite.host, "box")).State.Status, "running");
  });

  for (const client of ["docker", "drawbridge"] as const) {
    test(`${client}: jobs, a full-screen program, and back again after leaving`, async () => {
      const at = (...args: readonly string[]) => clientAt(client, args);
      {
        await using terminal = at("run", "-it", "--name", client, "busybox");
        await terminal.waitFor("/ # ");
        terminal.send("sh -c 'echo be''gun; exec sleep 1000'\n");
        await terminal.waitFor("begun");
        terminal.send("\x1a");
        await terminal.waitFor("Stopped");
        terminal.send("bg; jobs\n");
        await terminal.waitFor("Running");
        terminal.send("kill %1; seq 1 100 >/list; vi /list\n");
        await terminal.waitFor("/list 1/100 1%");
        terminal.send("Glll:s/100/the end/\n:wq\n");
        await terminal.waitFor(/\/ # /);
        terminal.send("tail -n 1 /list; kept=here\n");
        await terminal.waitFor("\r\nthe end\r\n");
        terminal.send("\x10\x11");
        assert.equal(await terminal.exited, 0);
      }
      await using terminal = at("attach", client);
      terminal.send("\n");
      await terminal.waitFor("/ # ");
      terminal.send("echo $kept; exit 6\n");
      await terminal.waitFor("\r\nhere\r\n");
      assert.equal(await terminal.exited, 6);
    });

    test(`${client}: a terminal that is closed ends the command, not the container`, async () => {
      await using terminal = clientAt(client, ["run", "-it", "--name", `left-${client}`, "busybox"]);
      await terminal.waitFor("/ # ");
      await terminal[Symbol.asyncDispose]();
      assert.equal((await inspect(suite.host, `left-${client}`)).State.Status, "running");
    });

    test(`${client}: bytes come through as the process writes them`, async () => {
      await using terminal = clientAt(client, [
        ...["run", "-it", "--rm", "busybox", "sh", "-c"],
        "stty raw; printf 'a\\nb\\r\\nc\\n.'",
      ]);
      // A full-screen program moves down by a newline alone.
      await terminal.waitFor("a\nb\r\nc\n.");
      assert.equal(await terminal.exited, 0);
    });
  }
});
