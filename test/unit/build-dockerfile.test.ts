/** Dockerfiles as they are read before anything runs, and what the builder is given of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkTriggers, parseDockerfile } from "../../src/build/dockerfile.ts";
import { expand } from "../../src/build/expand.ts";
import { commandOf, failureOf } from "../../src/build/failure.ts";
import { recipeOf } from "../../src/build/recipe.ts";
import { checkResult, imagesOf, stagesOf } from "../../src/build/stages.ts";
import type { ImageID } from "../../src/lib/ids.ts";

const read = (text: string) => parseDockerfile(text, "Dockerfile");
const plan = (text: string, options: Partial<Parameters<typeof stagesOf>[1]> = {}) =>
  stagesOf(read(text), { target: "", buildArgs: {}, ...options });

describe("a Dockerfile's lines", () => {
  test("continue, with comments and empty lines between", () => {
    const { instructions } = read("FROM a\n\n# why\nRUN x && \\\n  # within\n\n  y \\\n  z\nCMD q\r\n");
    assert.deepEqual(
      instructions.map(({ text, line }) => [line, text]),
      [
        [1, "FROM a"],
        [4, "RUN x &&   y   z"],
        [9, "CMD q"],
      ],
    );
  });

  test("another escape token, and flags", () => {
    const { escapeToken, instructions } = read(
      "# escape=`\nFROM a\nCOPY --from=b --chown=1:2 C:\\x `\n /y\n",
    );
    assert.equal(escapeToken, "`");
    assert.deepEqual(instructions[1]?.flags, { from: "b", chown: "1:2" });
    assert.equal(instructions[1]?.rest, "C:\\x  /y");
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ["", /^the Dockerfile \(Dockerfile\) cannot be empty$/],
    ["# nothing\n", /file with no instructions/],
    ["FROM a\nFOO x", /^dockerfile parse error on line 2: unknown instruction: FOO$/],
    ["FROM a\nrum x", /^dockerfile parse error on line 2: unknown instruction: rum \(did you mean run\?\)$/],
    ["FROM a\nCOPY x", /COPY requires at least two arguments, but only one was provided/],
    ["FROM a\nENV x", /ENV must have two arguments/],
    ["FROM a\nENV =", /ENV names can not be blank/],
    ["FROM a\nLABEL =x y=z", /LABEL names can not be blank/],
    ["FROM a\nARG =foo", /ARG names can not be blank/],
    ["FROM a\nONBUILD FROM b", /FROM isn't allowed as an ONBUILD trigger/],
    ["FROM a\nRUN <<EOF\nx\nEOF", /here-documents need BuildKit/],
    ["FROM a\nRUN --network=host x", /the --network option requires BuildKit/],
    ["FROM a\nRUN --mount=type=bind,from=b x", /the --mount option requires BuildKit/],
    ["FROM a\nRUN \u0085--mount=type=bind,from=b x", /unknown flag/],
    ["FROM a\nONBUILD RUN --mount=type=bind,from=b x", /the --mount option requires BuildKit/],
    ["FROM a\nCOPY --from=b --from=dir:/etc x y", /duplicate flag specified: from/],
    [`FROM a\nCOPY --chown='--from=b" c' x y`, /invalid value of flag --chown/],
    ["# escape=x\nFROM a", /invalid escape token 'x'/],
  ];
  for (const [text, why] of refused) {
    test(`refused: ${JSON.stringify(text)}`, () => {
      assert.throws(() => read(text), { kind: "invalid", message: why });
    });
  }
});

describe("stages", () => {
  test("images that they need, ARG before FROM expanded", () => {
    const { stages, ...rest } = plan(
      "ARG V=1\nARG N=img\nFROM $N:$V AS One\nFROM one\nCOPY --from=0 /a /b\nCOPY --from=other:2 /a /b\nFROM --platform=linux/arm64 last\n",
      { buildArgs: { V: "7" } },
    );
    assert.deepEqual(imagesOf({ stages, ...rest }), [
      { name: "img:7", platform: "", isCopied: false },
      { name: "other:2", platform: "", isCopied: true },
      { name: "last", platform: "linux/arm64", isCopied: false },
    ]);
    assert.deepEqual(
      stages.map(({ name, base }) => [name, base.kind]),
      [
        ["one", "image"],
        ["", "stage"],
        ["", "image"],
      ],
    );
  });

  test("nothing at all makes no image", () => {
    const message = "No image was generated. Is your Dockerfile empty?";
    assert.throws(() => checkResult(plan("FROM a\nFROM scratch"), { labels: {} }), { message });
    checkResult(plan("FROM scratch"), { labels: { a: "b" } });
    checkResult(plan("FROM scratch\nLABEL a=b"), { labels: {} });
  });

  test("those after the target are left out", () => {
    const text = "FROM a AS x\nFROM b AS y\nFROM c\n";
    assert.equal(plan(text, { target: "Y" }).stages.length, 2);
    assert.equal(plan(text, { target: "0" }).stages.length, 1);
    assert.throws(() => plan(text, { target: "z" }), { message: 'target stage "z" could not be found' });
  });

  const refused: readonly (readonly [string, string])[] = [
    ["RUN x\nFROM a", "dockerfile parse error on line 1: no build stage in current context"],
    ["FROM", "dockerfile parse error on line 1: FROM requires either one or three arguments"],
    ["FROM a b", "dockerfile parse error on line 1: FROM requires either one or three arguments"],
    ["FROM $X", "base name ($X) should not be blank"],
    ["FROM a AS x\nFROM b AS X", "x stage name already used"],
  ];
  for (const [text, message] of refused) {
    test(`refused: ${JSON.stringify(text)}`, () => assert.throws(() => plan(text), { message }));
  }
  test("a stage copies from none that comes later", () => {
    assert.throws(() => imagesOf(plan("FROM a\nCOPY --from=0 x y")), /refers to current build stage/);
    assert.throws(() => imagesOf(plan("FROM a\nCOPY --from=3 x y")), /index out of bounds/);
  });
});

test("what the builder is given: ids for names, labels as a step", () => {
  const text =
    "ARG V\n# c\nFROM a:$V AS Build\nRUN x \\\n  y\nFROM scratch\nCOPY --from=Build /x /y\nCOPY --from=ext /x /y";
  const recipe = recipeOf(
    plan(text, { buildArgs: { V: "2" } }),
    { b: 'say "hi" $x', a: "1" },
    (name) => `sha256:${name}!` as ImageID,
  );
  assert.equal(
    recipe.text,
    'ARG V\nFROM a:2! AS build\nRUN x   y\nFROM scratch\nCOPY --from=build /x /y\nCOPY --from=ext! /x /y\nLABEL "a"="1"\nLABEL "b"="say \\"hi\\" \\$x"\n',
  );
  assert.deepEqual(
    recipe.stages.map((steps) => steps.map((step) => step.text)),
    [
      ["FROM a:$V AS Build", "RUN x   y"],
      [
        "FROM scratch",
        "COPY --from=Build /x /y",
        "COPY --from=ext /x /y",
        "LABEL a=1",
        'LABEL b=say "hi" $x',
      ],
    ],
  );
});

test("what SHELL said runs CMD and ENTRYPOINT too", () => {
  const { text, stages } = recipeOf(
    plan('FROM a\nCMD x\nSHELL ["ls", "-a"]\nENTRYPOINT  -l "$HOME"\nCMD ["y"]\nFROM a\nCMD z'),
    {},
    () => "sha256:1" as ImageID,
  );
  assert.equal(
    text,
    'FROM 1\nCMD x\nSHELL ["ls", "-a"]\nENTRYPOINT ["ls","-a","-l \\"$HOME\\""]\nCMD ["y"]\nFROM 1\nCMD z\n',
  );
  assert.equal(stages[0]?.[3]?.text, 'ENTRYPOINT  -l "$HOME"');
});

test("ports are told to the builder in one order and one way of writing, to the client as written", () => {
  const { text, stages } = recipeOf(
    plan("FROM a\nEXPOSE 80/TCP  5678/UDP $P"),
    {},
    () => "sha256:1" as ImageID,
  );
  assert.equal(text, "FROM 1\nEXPOSE $P 5678/udp 80/tcp\n");
  assert.equal(stages[0]?.[1]?.text, "EXPOSE 80/TCP  5678/UDP $P");
});

test("the builder sees no instruction that was not seen here", () => {
  // A line that only this side would take for a comment: another reader's instruction would end with it.
  const text = "FROM a\nRUN x \\\n\uFEFF# y\nRUN --mount=type=bind,from=dir:/,target=/m z\n";
  const { text: told } = recipeOf(plan(text), {}, () => "sha256:1" as ImageID);
  assert.equal(told, "FROM 1\nRUN x RUN --mount=type=bind,from=dir:/,target=/m z\n");
});

test("what an image has its children do is read as a Dockerfile is", () => {
  checkTriggers(["RUN x", "COPY --from=build . /src", " workdir /src"], "base");
  const refused: Readonly<Record<string, RegExp>> = {
    "RUN --mount=type=bind,source=/,target=/m x":
      /^ONBUILD RUN .* of base: .*--mount option requires BuildKit/,
    "RUN x\nRUN y": /more than one line/,
    "RUN x \\": /more than one line/,
    "# escape=`": /unknown instruction: #/,
    "FROM dir:/etc": /FROM isn't allowed as an ONBUILD trigger/,
    "COPY --from=dir:/etc / /": /invalid from flag value dir:\/etc/,
  };
  for (const [trigger, message] of Object.entries(refused)) {
    assert.throws(() => checkTriggers([trigger], "base"), { kind: "invalid", message }, trigger);
  }
});

test("variables in a word", () => {
  const variables = new Map([
    ["a", "1"],
    ["empty", ""],
  ]);
  const words: Readonly<Record<string, string>> = {
    "x$a-${a}y": "x1-1y",
    "${no:-d$a}": "d1",
    "${empty:-d}": "d",
    "${empty-d}": "",
    "${a:+set}": "set",
    "${no+set}": "",
    "'$a'\"$a\"": "$a1",
    "\\$a": "$a",
    $: "$",
  };
  for (const [word, expected] of Object.entries(words)) assert.equal(expand(word, variables), expected, word);
});

describe("failures in dockerd's words", () => {
  const [, shell, run, copy] = read('FROM a\nSHELL ["/bin/ash", "-e"]\nRUN false\nCOPY x y z/').instructions;
  assert.ok(shell && run && copy);

  test("a command's exit code", () => {
    assert.equal(commandOf(run, []), "/bin/sh -c false");
    const failure = failureOf(
      'Error: building at STEP "RUN false": while running runtime: exit status 3\n',
      3,
      run,
      [shell],
    );
    assert.equal(failure.message, "The command '/bin/ash -e false' returned a non-zero code: 3");
    assert.equal("exitCode" in failure && failure.exitCode, 3);
  });

  test("a command that is not there", () => {
    const text =
      'error running container: from /usr/bin/crun creating container for [x]: executable file `x` not found in $PATH: No such file or directory\n: exit status 1\nError: building at STEP "RUN x": while running runtime: exit status 1';
    assert.equal(
      failureOf(text, 1, run, []).message,
      "failed to create task for container: OCI runtime create failed: executable file `x` not found in $PATH: No such file or directory",
    );
  });

  test("a file that is not in the context", () => {
    const text =
      'Error: building at STEP "COPY x y z/": checking on sources under "/ctx": copier: stat: "/x": no such file or directory';
    assert.equal(
      failureOf(text, 125, copy, []).message,
      "COPY failed: file not found in build context or excluded by .dockerignore: stat x: file does not exist",
    );
  });
});
