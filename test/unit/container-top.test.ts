/** What ps prints, as the API's table. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTop } from "../../src/container/top.ts";

describe("top", () => {
  const own = new Set([5, 7]);

  it("shows the container's processes, the last column with all that is left of a line", () => {
    const text = "UID   PID CMD\nroot    5 sh -c  a b\nroot    6 other\nroot  7 sleep 1\n";
    assert.deepEqual(parseTop(text, own), {
      titles: ["UID", "PID", "CMD"],
      processes: [
        ["root", "5", "sh -c a b"],
        ["root", "7", "sleep 1"],
      ],
    });
  });

  it("shows threads with their process", () => {
    const text = "PID TTY\n5 ?\n- t1\n6 ?\n- t2\n";
    assert.deepEqual(parseTop(text, own).processes, [
      ["5", "?"],
      ["-", "t1"],
    ]);
  });

  it("needs the pid", () => {
    assert.throws(() => parseTop("CMD\nsh\n", own), { message: "Couldn't find PID field in ps output" });
    assert.throws(() => parseTop("PID\nx\n", own), { message: /^Unexpected pid 'x'/ });
  });
});
