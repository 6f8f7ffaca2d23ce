/** The tour's player, with a shell that answers what a test says. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CHAPTERS } from "../../src/tour/chapters/all.ts";
import { beside, box, drawBridge } from "../../src/tour/drawing.ts";
import { type Player, play } from "../../src/tour/play.ts";
import { output } from "../../src/tour/screen.ts";
import type { Shell } from "../../src/tour/shell.ts";
import type { Chapter, Step } from "../../src/tour/types.ts";
import { languageOf } from "../../src/tour/words.ts";

const same = (text: string) => ({ en: text, zh: text });

const step = (command: string, more: Partial<Step> = {}): Step => ({
  will: same("…"),
  command,
  shows: [],
  means: same(`what ${command} means`),
  ...more,
});

const chapter = (...steps: Step[]): Chapter => ({
  title: same("title"),
  about: same("about"),
  needs: [],
  programs: {},
  steps,
  picture: (facts) => `picture of ${JSON.stringify(facts)}`,
});

/** Plays with a shell of these answers, and tells what was run and printed. */
async function played(
  steps: readonly Step[],
  answers: Readonly<Record<string, readonly [code: number, output: string]>> = {},
  pauses: readonly boolean[] = [],
) {
  const ran: string[] = [];
  let printed = "";
  const shell: Shell = async (line) => {
    ran.push(line);
    const [code, text] = answers[line] ?? [0, ""];
    return { code, output: text };
  };
  let paused = 0;
  const player: Player = {
    shell,
    language: "en",
    screen: { colours: false, write: (text) => (printed += text) },
    pause: async () => pauses[paused++] ?? true,
  };
  const failure = await play(player, [[1, chapter(...steps)]], new AbortController().signal).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return { ran, printed, failure };
}

describe("a lesson", () => {
  test("learns from what is printed, and draws it", async () => {
    const { ran, printed, failure } = await played(
      [
        step("one", { shows: [/(?<name>veth\w+)/], undo: "undo one" }),
        step("two", {
          command: ({ name }) => `look at ${name}`,
          shows: [({ name }) => new RegExp(`${name}!`)],
        }),
      ],
      { one: [0, "here is veth12\n"], "look at veth12": [0, "veth12!"] },
    );
    assert.equal(failure, undefined);
    assert.deepEqual(ran, ["one", "look at veth12", "undo one"]);
    assert.match(printed, /what one means[\s\S]*picture of {"name":"veth12"}[\s\S]*All is as it was/);
  });

  test("ends where the machine shows something else, and takes back what was made, last first", async () => {
    const { ran, printed, failure } = await played(
      [
        step("one", { undo: "undo one" }),
        step("two", { shows: [/2 packets/], undo: "undo two" }),
        step("three"),
      ],
      { two: [0, "0 packets"] },
    );
    assert.match(String(failure), /does not show what the lesson says: two[\s\S]*0 packets/);
    assert.deepEqual(ran, ["one", "two", "undo two", "undo one"]);
    assert.doesNotMatch(printed, /what two means/);
  });

  test("ends where it shows what it must not", async () => {
    const { failure } = await played([step("one", { hides: [/default/] })], { one: [0, "default via x"] });
    assert.match(String(failure), /must not/);
  });

  test("ends where a command fails, with what it printed", async () => {
    const { failure } = await played([step("one")], { one: [3, "no such thing"] });
    assert.match(String(failure), /a command of the lesson failed: one\nno such thing/);
  });

  test("what somebody else made is not taken away", async () => {
    const { ran } = await played([step("one", { undo: "undo one" })], {
      one: [1, 'the name "/one" is already in use by container'],
    });
    assert.deepEqual(ran, ["one"]);
  });

  test("tells what could not be taken back, and goes on with the rest", async () => {
    const { ran, failure } = await played(
      [step("one", { undo: "undo one" }), step("two", { undo: "undo two" })],
      { "undo two": [1, "busy"] },
    );
    assert.match(String(failure), /undo two: busy/);
    assert.deepEqual(ran.slice(-2), ["undo two", "undo one"]);
  });

  test("is left when the reader wants to, and what was made goes", async () => {
    const { ran, failure } = await played([step("one", { undo: "undo one" }), step("two")], {}, [false]);
    assert.equal(failure, undefined);
    assert.deepEqual(ran, ["one", "undo one"]);
  });

  test("a program that is missing is named with its package, before anything is made", async () => {
    const ran: string[] = [];
    const shell: Shell = async (line) => {
      ran.push(line);
      return { code: 1, output: "" };
    };
    const wanting = { ...chapter(step("one")), programs: { ethtool: "ethtool" } };
    const player: Player = {
      shell,
      language: "zh",
      screen: { colours: false, write: () => {} },
      pause: async () => true,
    };
    await assert.rejects(
      play(player, [[1, wanting]], new AbortController().signal),
      /ethtool is missing: apt-get install ethtool/,
    );
    assert.equal(ran.length, 1);
  });
});

describe("what is printed", () => {
  const printed = (text: string, marks: RegExp | undefined, colours: boolean): string => {
    let all = "";
    output({ colours, write: (part) => (all += part) }, text, marks);
    return all;
  };
  test("marks what matters by colour, or by carets", () => {
    assert.equal(printed("a veth1 b\n", /veth\d/, false), "  a veth1 b\n    ^^^^^\n");
    assert.ok(printed("a veth1 b\n", /veth\d/, true).includes("\u001b[33mveth1\u001b[39m"));
  });
  test("no container's output commands the terminal", () => {
    assert.equal(printed("a\u001b]0;x\u0007b", undefined, false), "  a]0;xb\n");
  });
});

test("boxes are as wide as their lines, and stand side by side", () => {
  assert.deepEqual(box("host", ["longer"]), ["┌─ host ─┐", "│ longer │", "└────────┘"]);
  const [first] = beside([box("a", ["x"]), box("b", ["y"])], 1, "==").split("\n");
  assert.equal(first, "┌─ a ─┐  ┌─ b ─┐");
  const drawn = drawBridge({ title: "l", name: "eth0" }, { name: "docker0" }, [undefined, undefined], {
    title: "r",
    name: "eth0",
  });
  const widths = drawn.split("\n").map((line) => line.length);
  assert.equal(new Set(widths).size, 1);
});

test("the language of the terminal, English where it is none of ours", () => {
  assert.equal(languageOf({ LANG: "zh_CN.UTF-8" }), "zh");
  assert.equal(languageOf({ LANG: "zh_CN.UTF-8", LC_ALL: "C" }), "en");
  assert.equal(languageOf({}), "en");
});

test("every text of every chapter is there in both languages", () => {
  for (const { title, about, steps } of CHAPTERS) {
    for (const text of [title, about, ...steps.flatMap(({ will, means }) => [will, means])]) {
      assert.notEqual(text.en, "");
      assert.match(text.zh, /\p{Script=Han}/u);
      assert.doesNotMatch(text.en, /\p{Script=Han}/u);
    }
  }
});
