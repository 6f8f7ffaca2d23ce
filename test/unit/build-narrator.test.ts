/** buildah's output, recorded, as it is told to Docker's clients. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDockerfile } from "../../src/build/dockerfile.ts";
import { Narrator } from "../../src/build/narrator.ts";
import { recipeOf } from "../../src/build/recipe.ts";
import { stagesOf } from "../../src/build/stages.ts";
import type { BuildMessage } from "../../src/build/types.ts";
import type { ImageID } from "../../src/lib/ids.ts";

/** An image's id: 64 times a digit. */
const id = (digit: string) => digit.repeat(64);
const short = (digit: string) => digit.repeat(12);
/** As buildah 1.28 shows it. */
const eleven = (digit: string) => digit.repeat(11);

function narrate(
  dockerfile: string,
  { bases = [id("b")] as ConstructorParameters<typeof Narrator>[0]["bases"] } = {},
) {
  const plan = stagesOf(parseDockerfile(dockerfile, "Dockerfile"), { target: "", buildArgs: {} });
  const messages: BuildMessage[] = [];
  let made = 0;
  const narrator = new Narrator({
    recipe: recipeOf(plan, {}, () => "" as ImageID),
    bases,
    emit: (message) => void messages.push(message),
    completeId: (prefix) => (/^([1-9b])\1*$/.test(prefix) ? id(prefix.charAt(0)) : undefined),
    newId: () => {
      made += 1;
      return `c${made}`;
    },
    told: 0,
  });
  const text = () => messages.flatMap((each) => ("stream" in each ? each.stream : [])).join("");
  const images = () => messages.flatMap((each) => ("aux" in each ? each.aux.ID : []));
  return { narrator, messages, text, images };
}

const SIMPLE = "FROM busybox\nENV A=b\nRUN echo hi\nCOPY a /b\n";

const OUTPUT = [
  `STEP 1/4: FROM ${id("b")}`,
  "STEP 2/4: ENV A=b",
  `--> ${eleven("1")}`,
  "STEP 3/4: RUN echo hi",
  "hi",
  `no line end--> ${eleven("2")}`,
  "STEP 4/4: COPY a /b",
  "COMMIT",
  `--> ${eleven("3")}`,
  id("3"),
  "",
].join("\n");

const TOLD = `Step 1/4 : FROM busybox
 ---> ${short("b")}
Step 2/4 : ENV A=b
 ---> Running in c1
 ---> Removed intermediate container c1
 ---> ${short("1")}
Step 3/4 : RUN echo hi
 ---> Running in c2
hi
no line end ---> Removed intermediate container c2
 ---> ${short("2")}
Step 4/4 : COPY a /b
 ---> ${short("3")}
`;

describe("a build's story", () => {
  test("steps, and what their commands write", () => {
    const { narrator, text, images } = narrate(SIMPLE);
    narrator.stdout(OUTPUT);
    narrator.end(0);
    assert.equal(text(), TOLD);
    assert.deepEqual(images(), [`sha256:${id("3")}`]);
    assert.equal(narrator.result, id("3"));
  });

  test("is the same in whatever pieces it comes", () => {
    for (const size of [1, 2, 7, 64]) {
      const { narrator, text } = narrate(SIMPLE);
      for (let at = 0; at < OUTPUT.length; at += size) narrator.stdout(OUTPUT.slice(at, at + size));
      narrator.end(0);
      assert.equal(text(), TOLD, `pieces of ${size}`);
      assert.equal(narrator.result, id("3"));
    }
  });

  test("what the cache has did not run", () => {
    const { narrator, text } = narrate("FROM busybox\nRUN x\n");
    narrator.stdout(
      `STEP 1/2: FROM busybox\nSTEP 2/2: RUN x\n--> Using cache ${id("1")}\n--> ${eleven("1")}\n${id("1")}\n`,
    );
    narrator.end(0);
    assert.equal(
      text(),
      `Step 1/2 : FROM busybox\n ---> ${short("b")}\nStep 2/2 : RUN x\n ---> Using cache\n ---> ${short("1")}\n`,
    );
    assert.equal(narrator.result, id("1"));
  });

  test("stages are counted through; a base's triggers have no number", () => {
    const dockerfile = "ARG V\nFROM busybox AS a\nONBUILD RUN t\nFROM a\nRUN x\n";
    const { narrator, text, images } = narrate(dockerfile, { bases: [id("b"), { stage: 0 }] });
    narrator.stdout(
      [
        "[1/2] STEP 1/2: FROM busybox AS a",
        "[1/2] STEP 2/2: ONBUILD RUN t",
        `--> ${eleven("1")}`,
        `[2/2] STEP 1/2: FROM ${id("1")}`,
        "[2/2] STEP 2/3: RUN t",
        `--> ${eleven("2")}`,
        "[2/2] STEP 3/3: RUN x",
        "[2/2] COMMIT",
        `--> ${eleven("3")}`,
        "[Warning] one or more build args were not consumed: [q r]",
        id("3"),
        "",
      ].join("\n"),
    );
    narrator.end(0);
    assert.equal(
      text(),
      `Step 2/5 : FROM busybox AS a
 ---> ${short("b")}
Step 3/5 : ONBUILD RUN t
 ---> Running in c1
 ---> Removed intermediate container c1
 ---> ${short("1")}
Step 4/5 : FROM a
 ---> ${short("1")}
# Executing 1 build trigger
 ---> Running in c2
 ---> Removed intermediate container c2
 ---> ${short("2")}
Step 5/5 : RUN x
 ---> Running in c3
 ---> Removed intermediate container c3
 ---> ${short("3")}
[Warning] One or more build-args [q r] were not consumed
`,
    );
    assert.deepEqual(images(), [`sha256:${id("1")}`, `sha256:${id("3")}`]);
  });

  test("stages that wait for others go on in any order, and each step is told in one piece", () => {
    const { narrator, text, images } = narrate(
      "FROM busybox AS a\nCOPY f /\nFROM a AS b\nRUN one\nFROM a AS c\nRUN two\nFROM a\nCOPY --from=b f f1\nCOPY --from=c f f2\n",
      { bases: [id("b"), { stage: 0 }, { stage: 0 }, { stage: 0 }] },
    );
    const lines = [
      `[1/4] STEP 1/2: FROM ${id("b")} AS a`,
      "[1/4] STEP 2/2: COPY f /",
      `--> ${eleven("1")}`,
      `[4/4] STEP 1/3: FROM ${id("1")}`,
      "[4/4] STEP 2/3: COPY --from=b f f1",
      `[2/4] STEP 1/2: FROM ${id("1")} AS b`,
      "[2/4] STEP 2/2: RUN one",
      "[3/4] STEP 2/2: RUN a command's own",
      `--> ${eleven("2")}`,
      `--> ${eleven("4")}`,
      "[4/4] STEP 3/3: COPY --from=c f f2",
      `[3/4] STEP 1/2: FROM ${id("1")} AS c`,
      "[3/4] STEP 2/2: RUN two",
      `--> ${eleven("3")}`,
      `--> Using cache ${id("5")}`,
      "[4/4] COMMIT",
      `--> ${eleven("5")}`,
      id("5"),
      "",
    ];
    narrator.stdout(lines.join("\n"));
    narrator.end(0);
    assert.equal(narrator.result, id("5"));
    assert.deepEqual(
      images(),
      ["1", "2", "3", "5"].map((digit) => `sha256:${id(digit)}`),
    );
    const base = (step: string, digit: string) => `Step ${step}\n ---> ${short(digit)}\n`;
    const run = (step: string, name: string, wrote: string, digit: string) =>
      `Step ${step}\n ---> Running in ${name}\n${wrote} ---> Removed intermediate container ${name}\n ---> ${short(digit)}\n`;
    assert.equal(
      text(),
      [
        base("1/9 : FROM busybox AS a", "b"),
        base("2/9 : COPY f /", "1"),
        base("7/9 : FROM a", "1"),
        base("3/9 : FROM a AS b", "1"),
        run("4/9 : RUN one", "c1", "[3/4] STEP 2/2: RUN a command's own\n", "2"),
        base("8/9 : COPY --from=b f f1", "4"),
        base("5/9 : FROM a AS c", "1"),
        run("6/9 : RUN two", "c2", "", "3"),
        `Step 9/9 : COPY --from=c f f2\n ---> Using cache\n ---> ${short("5")}\n`,
      ].join(""),
    );
  });

  test("a command can't tell of steps, nor of a result", () => {
    const { narrator, text } = narrate("FROM busybox\nRUN x\nRUN y\n");
    const lies = [`STEP 2/3: RUN x`, "STEP 9/9: z", "--> 0123456789ab", id("9"), "COMMIT"];
    narrator.stdout(`STEP 1/3: FROM busybox\nSTEP 2/3: RUN x\n${lies.join("\n")}\n`);
    narrator.end(1);
    assert.ok(text().endsWith(`Running in c1\n${lies.join("\n")}\n`), text());
    assert.equal(narrator.result, "");
  });

  test("stderr is red; what the builder says of its own failure is kept back", () => {
    const { narrator, text } = narrate("FROM busybox\nRUN x\n");
    narrator.stdout("STEP 1/2: FROM busybox\nSTEP 2/2: RUN x\n");
    narrator.stderr("oh\nno\n");
    narrator.stderr('Error: building at STEP "RUN x": while running runtime: exit status 7\n');
    narrator.end(7);
    assert.ok(text().endsWith(" ---> Running in c1\n\u001b[91moh\nno\n\u001b[0m"), text());
    assert.match(narrator.complaint, /exit status 7\n$/);
    assert.equal(narrator.position.step?.text, "RUN x");
  });

  test("what looked like the builder's own, and was a command's, is told late", () => {
    const { narrator, text } = narrate("FROM busybox\nRUN x\nRUN y\n");
    narrator.stdout("STEP 1/3: FROM busybox\nSTEP 2/3: RUN x\n");
    narrator.stderr("Error: not really\n");
    narrator.stdout(`--> ${eleven("1")}\nSTEP 3/3: RUN y\n`);
    assert.match(text(), /\[91mError: not really\n/);
    assert.equal(narrator.complaint, "");
  });
});
