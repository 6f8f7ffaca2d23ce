/** The rooms of src/ and who may know whom: the table of docs/architecture.md, held to. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { before, describe, test } from "node:test";

const SRC = join(import.meta.dirname, "../src");
const ROOT = dirname(SRC);
const MOST_LINES = 400;

/** A room is a directory of src/. */
interface Room {
  /** Rooms, or single files of them without their ending, of which it may import anything. */
  readonly imports: readonly string[];
  /** Rooms of which it may import types, and nothing that is there when it runs. */
  readonly types?: readonly string[];
  readonly why: string;
}

const BELOW_API = [
  "lib",
  "linux",
  "store",
  "tar",
  "network",
  "image",
  "volume",
  "registry",
  "container",
  "build",
];

const ROOMS: Readonly<Record<string, Room>> = {
  lib: { imports: [], why: "words that all rooms share know none of them" },
  linux: { imports: ["lib"], why: "the kernel, and nothing of containers: it serves whoever asks" },
  store: { imports: ["lib"], why: "keeps values, and does not know what they mean" },
  tar: {
    imports: ["lib"],
    why: "archives as a format, in either direction: what is in them is not its business",
  },
  network: {
    imports: ["linux", "store", "lib"],
    why: "decides what the kernel should hold; a container is an id to it",
  },
  image: { imports: ["tar", "linux", "store", "lib"], why: "layers on a disk need mounts, and no network" },
  volume: { imports: ["linux", "store", "lib"], why: "directories with names: who uses them is told to it" },
  registry: {
    imports: ["lib"],
    types: ["image"],
    why: "brings images and takes them away: what they are made of is image's own",
  },
  build: {
    imports: ["tar", "linux", "lib"],
    types: ["image", "registry", "network"],
    why: "has another program build, from images here to an image here",
  },
  container: {
    imports: ["network", "image", "volume", "tar", "linux", "store", "lib"],
    why: "a container is an image and a sandbox brought to life: it asks both, and neither asks it",
  },
  observe: {
    imports: ["linux", "lib"],
    why: "what the kernel says is there, whoever made it: the store's intent must not colour it",
  },
  trace: {
    imports: ["observe", "linux", "lib"],
    types: ["network", "container"],
    why: "works on hosts that another engine runs",
  },
  capture: {
    imports: ["observe", "linux", "lib"],
    why: "packets as links carry them, on hosts that another engine runs as well",
  },
  doctor: {
    imports: ["observe", "trace", "network/firewall/rules", "linux", "lib"],
    types: ["network", "container"],
    why: "works on hosts that another engine runs; what becomes of a packet, trace tells it; of our own rules it has the words alone, to compare with",
  },
  tour: {
    imports: ["observe", "linux", "lib"],
    why: "shows commands that anybody could type, and runs those: it has no way of its own to do things",
  },
  library: {
    imports: ["observe", "trace", "doctor", "capture", "linux", "lib"],
    why: "what the package offers to programs: it adds nothing to what it shows",
  },
  engine: { imports: BELOW_API, why: "the only place where the parts are wired together" },
  api: {
    imports: ["lib"],
    types: ["engine/types", "container", "image", "network", "volume", "registry", "build"],
    why: "HTTP and Docker's JSON: it calls the engine through its types, so it can be tested without a kernel",
  },
  cli: {
    imports: ["tar", "lib", "api/client", "daemon", "trace", "doctor", "capture", "tour", "observe"],
    types: ["api"],
    why: "a client like any other, that asks through the API's own; `drawbridge daemon` hands over to the daemon",
  },
  daemon: {
    imports: ["engine", "api", "lib"],
    why: "flags, sockets and signals around one engine",
  },
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly typeOnly: boolean;
}

/** `import … from "…"`, `export … from "…"`, `import "…"`, `import("…")`. `verbatimModuleSyntax` keeps `type` honest. */
const STATEMENT =
  /^(?:import|export)\s(?:(?<type>type\s)?[^"'`;]*?\sfrom\s)?\s*["'](?<static>[^"']+)["']|\bimport\(\s*["'](?<dynamic>[^"']+)["']/gm;

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(STATEMENT)].map(({ groups }) => ({
    file,
    from: groups?.static ?? groups?.dynamic ?? "",
    typeOnly: groups?.type !== undefined,
  }));
}

/** `network/bridge/plan.ts` → `network`. */
const roomOf = (path: string): string => path.split("/", 1)[0] ?? path;

/** Paths relative to src/, of what a statement in `file` brings in; undefined for packages. */
const targetOf = ({ file, from }: Import): string | undefined =>
  from.startsWith(".") ? normalize(join(dirname(file), from)) : undefined;

/** Whether `target` lies in one of `rooms`, or is one of the files named there. */
const within = (target: string, rooms: readonly string[]): boolean =>
  rooms.some((room) => target === `${room}.ts` || target.startsWith(`${room}/`));

function mayImport(statement: Import): boolean {
  const target = targetOf(statement);
  if (target === undefined) return true;
  const room = roomOf(statement.file);
  if (roomOf(target) === room) return true;
  const row = ROOMS[room];
  if (!row) return false;
  return within(target, row.imports) || (statement.typeOnly && within(target, row.types ?? []));
}

const sources = new Map<string, string>();
before(() => {
  for (const file of globSync("**/*.ts", { cwd: SRC }))
    sources.set(file, readFileSync(join(SRC, file), "utf8"));
});

const allImports = (): Import[] => [...sources].flatMap(([file, text]) => importsOf(file, text));

/** Lines of src/ that match, as `file:line: text`. */
function linesWith(pattern: RegExp, except: (file: string) => boolean): string[] {
  return [...sources].flatMap(([file, text]) =>
    except(file)
      ? []
      : text
          .split("\n")
          .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}

describe("rooms", () => {
  test("every file lies in a room of the table", () => {
    const strangers = [...sources.keys()].filter((file) => !(roomOf(file) in ROOMS));
    assert.deepEqual(strangers, []);
  });

  test("every import is one that the table allows", () => {
    const wrong = allImports()
      .filter((statement) => !mayImport(statement))
      .map((statement) => {
        const room = roomOf(statement.file);
        const what = `${statement.file} imports ${statement.typeOnly ? "types of " : ""}${targetOf(statement)}`;
        return `${what}, but ${room} may import ${ROOMS[room]?.imports.join(", ") || "nothing"}: ${ROOMS[room]?.why}`;
      });
    assert.deepEqual(wrong, []);
  });

  test("every relative import names a file that is there", () => {
    const missing = allImports().filter((statement) => {
      const target = targetOf(statement);
      return target !== undefined && !sources.has(target);
    });
    assert.deepEqual(missing, []);
  });

  test("only linux/ calls foreign functions", () => {
    const others = allImports().filter(({ file, from }) => from === "koffi" && roomOf(file) !== "linux");
    assert.deepEqual(others, []);
  });

  test("only store/ knows a database", () => {
    const others = allImports().filter(
      ({ file, from }) => from === "node:sqlite" && roomOf(file) !== "store",
    );
    assert.deepEqual(others, []);
  });

  test("only api/ speaks HTTP and knows its status codes; whoever asks other engines is their client", () => {
    const speaks = (file: string) => roomOf(file) === "api" || file === "observe/engines/http.ts";
    const others = allImports().filter(
      ({ file, from }) => /^(node:http2?|node:https|fastify|@fastify\/.*)$/.test(from) && !speaks(file),
    );
    assert.deepEqual(others, []);
    assert.deepEqual(linesWith(/\bstatusCode\b|\breply\.code\(|\bwriteHead\(/, speaks), []);
  });
});

describe("every file", () => {
  test(`has at most ${MOST_LINES} lines`, () => {
    const files = globSync("{src,test,bench,scripts,examples}/**/*.ts", { cwd: ROOT });
    const long = files
      .map((file) => ({ file, lines: readFileSync(join(ROOT, file), "utf8").split("\n").length - 1 }))
      .filter(({ lines }) => lines > MOST_LINES);
    assert.deepEqual(long, []);
  });

  test("of src/ has no `any`, and no check switched off", () => {
    const comment = /^\s*(\*|\/[/*])/;
    const any = linesWith(/(?::|<|\bas)\s*any\b/, () => false).filter(
      (line) => !comment.test(line.replace(/^\S+ /, "")),
    );
    assert.deepEqual(any, []);
    assert.deepEqual(
      linesWith(/@ts-(ignore|expect-error|nocheck)|biome-ignore/, () => false),
      [],
    );
  });

  test("of src/ asserts nothing to be there with `!`", () => {
    // Biome's noNonNullAssertion says the same; this one can't be switched off by a comment.
    assert.deepEqual(
      linesWith(/[\w)\]]!(?=[.;,)[\]]|$)/, () => false),
      [],
    );
  });
});

describe("the reading of imports", () => {
  const read = (text: string) => importsOf("a.ts", text).map(({ from, typeOnly }) => [from, typeOnly]);

  test("sees every form", () => {
    assert.deepEqual(read('import a from "a";\nimport type { B } from "b";\nimport "c";'), [
      ["a", false],
      ["b", true],
      ["c", false],
    ]);
    assert.deepEqual(read('import {\n  a,\n  type B,\n} from "./d.ts";'), [["./d.ts", false]]);
    assert.deepEqual(read('export * from "e";\nexport type { F } from "f";'), [
      ["e", false],
      ["f", true],
    ]);
    assert.deepEqual(read('  const g = await import("g");'), [["g", false]]);
  });

  test("is not fooled by what only looks like one", () => {
    assert.deepEqual(read('export const from = "x";\nconst s = "import";\n// import "y"\n'), []);
  });

  test("refuses what the table does not allow, and types where only values are forbidden", () => {
    const statement = (file: string, from: string, typeOnly = false) => mayImport({ file, from, typeOnly });
    assert.equal(statement("lib/a.ts", "../linux/b.ts"), false);
    assert.equal(statement("network/bridge/a.ts", "../../container/types.ts", true), false);
    assert.equal(statement("api/server.ts", "../container/types.ts", true), true);
    assert.equal(statement("api/server.ts", "../container/types.ts"), false);
    assert.equal(statement("cli/ps.ts", "../api/client.ts"), true);
    assert.equal(statement("cli/ps.ts", "../api/server.ts"), false);
    assert.equal(statement("container/a.ts", "../network/types.ts"), true);
  });
});
