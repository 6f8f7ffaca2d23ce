/** Containers at a real terminal. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("at a terminal", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();

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
});
