import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonical, type Spelling } from "../../src/cli/flags.ts";

const SPELLINGS: readonly Spelling[] = [
  { name: "interactive", letter: "i", boolean: true },
  { name: "tty", letter: "t", boolean: true },
  { name: "env", letter: "e", boolean: false },
  { name: "name", boolean: false },
  { name: "no-trunc", boolean: true },
];

const run = (argv: string, interspersed = false) => canonical(argv.split(" "), SPELLINGS, { interspersed });

test("flags are read in all of pflag's spellings", () => {
  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["-it b", ["--interactive=true", "--tty=true"], ["b"]],
    ["-iteA=b b", ["--interactive=true", "--tty=true", "--env=A=b"], ["b"]],
    ["-e A=b b", ["--env=A=b"], ["b"]],
    ["-e=A=b b", ["--env=A=b"], ["b"]],
    ["-ie A b", ["--interactive=true", "--env=A"], ["b"]],
    ["-i=false b", ["--interactive=false"], ["b"]],
    ["--tty=false b", ["--tty=false"], ["b"]],
    ["--name x b", ["--name=x"], ["b"]],
    ["--name=x=y b", ["--name=x=y"], ["b"]],
    ["--name -1 b", ["--name=-1"], ["b"]],
    ["--no-trunc", ["--no-trunc=true"], []],
    ["b -i --name x", [], ["b", "-i", "--name", "x"]],
    ["-i -- -t b", ["--interactive=true"], ["-t", "b"]],
    ["- b", [], ["-", "b"]],
  ];
  for (const [argv, flags, positional] of table) assert.deepEqual(run(argv), { flags, positional }, argv);
});

test("where flags may follow words, both are told apart", () => {
  assert.deepEqual(run("a -i b --name x", true), {
    flags: ["--interactive=true", "--name=x"],
    positional: ["a", "b"],
  });
});

test("what is wrong is said in pflag's words, and what was meant", () => {
  const table = [
    ["--nmae x", "unknown flag: --nmae (did you mean --name?)"],
    ["-ix", "unknown shorthand flag: 'x' in -ix"],
    ["--name", "flag needs an argument: --name"],
    ["-ie", "flag needs an argument: 'e' in -ie"],
  ] as const;
  for (const [argv, message] of table) assert.throws(() => run(argv), { message });
});

test("a canonical command line is read as itself, and no word is lost", () => {
  const word = fc.stringMatching(/^[a-z=,./-]{0,8}$/);
  const flag = fc.oneof(
    fc.constantFrom("--tty=true", "--interactive=false"),
    word.map((value) => `--env=${value}`),
  );
  fc.assert(
    fc.property(fc.array(flag), fc.array(word), (flags, positional) => {
      const argv = [...flags, "--", ...positional];
      assert.deepEqual(canonical(argv, SPELLINGS, { interspersed: true }), { flags, positional });
    }),
  );
});
