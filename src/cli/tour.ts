import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { CHAPTERS } from "../tour/chapters/all.ts";
import { type Player, play } from "../tour/play.ts";
import { shellOf } from "../tour/shell.ts";
import type { Language } from "../tour/types.ts";
import { LANGUAGES, languageOf } from "../tour/words.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { flag, verb } from "./verb.ts";

const DRAWBRIDGE = join(import.meta.dirname, "../../bin/drawbridge");

interface Options {
  readonly chapter?: number;
  readonly noPause: boolean;
  readonly lang?: string;
  readonly list: boolean;
}

/** `docker` where it is installed: it is what most people will type afterwards. */
function dockerCommand(): "docker" | "drawbridge" {
  try {
    execFileSync("docker", ["--version"], { stdio: "ignore" });
    return "docker";
  } catch {
    return "drawbridge";
  }
}

function chosenLanguage(text: string | undefined): Language {
  if (text === undefined) return languageOf(process.env);
  const language = LANGUAGES.find((known) => known === text);
  if (!language) throw new UsageError(`there is no tour in "${text}": ${LANGUAGES.join(", ")}`);
  return language;
}

function chosenChapters(number: number | undefined) {
  const numbered = CHAPTERS.map((chapter, i) => [i + 1, chapter] as const);
  if (number === undefined) return numbered;
  const chosen = numbered.filter(([own]) => own === number);
  if (chosen.length === 0)
    throw new UsageError(`there is no chapter ${number}: there are 1 to ${CHAPTERS.length}`);
  return chosen;
}

/** Waits for the reader; the end of the input, or `q`, is a wish to leave. */
async function askToGoOn(prompt: string, signal: AbortSignal): Promise<boolean> {
  const input = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const closed = new Promise<undefined>((resolve) => input.once("close", () => resolve(undefined)));
    const answer = await Promise.race([input.question(`\n${prompt} `, { signal }), closed]);
    return answer !== undefined && answer.trim().toLowerCase() !== "q";
  } catch (thrown) {
    if (signal.aborted) return false;
    throw thrown;
  } finally {
    input.close();
  }
}

/** Until the work is done, an interrupt asks it to end rather than ending the process. */
async function interruptibly(work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  process.on("SIGINT", leave).on("SIGTERM", leave);
  try {
    await work(leaving.signal);
    return leaving.signal.aborted;
  } finally {
    process.off("SIGINT", leave).off("SIGTERM", leave);
  }
}

/** Of what the tour makes, names that somebody else has already. */
const CONTAINER_NAMES = ["container1", "container2", "container3"];

async function nothingInTheWay({ client }: Context): Promise<void> {
  const present = await client.get<readonly { readonly Names: readonly string[] }[]>("/containers/json", {
    all: "1",
  });
  const taken = CONTAINER_NAMES.filter((name) => present.some(({ Names }) => Names.includes(`/${name}`)));
  if (taken.length > 0)
    throw new Error(
      `the tour calls its containers ${CONTAINER_NAMES.join(", ")}, and ${taken.join(", ")} is here already: rename it first`,
    );
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "Walk through how a container's network works, on this machine",
  flags: [
    flag("--chapter", "int", "Only this chapter"),
    flag(
      "--lang",
      "string",
      `Language of the lesson (${LANGUAGES.join(", ")}); by default that of the terminal`,
    ),
    flag("--list", "bool", "List the chapters"),
    flag("--no-pause", "bool", "Do not wait between the steps"),
  ],
  least: 0,
  most: 0,
  async run(context, _words, { chapter, noPause, lang, list }) {
    const language = chosenLanguage(lang);
    const chapters = chosenChapters(chapter);
    if (list) {
      for (const [number, { title }] of chapters) context.out(`${number}  ${title[language]}\n`);
      return 0;
    }
    await nothingInTheWay(context);
    const waits = !noPause && process.stdin.isTTY && process.stdout.isTTY;
    const left = await interruptibly((signal) => {
      const player: Player = {
        language,
        screen: { colours: process.stdout.hasColors?.() ?? false, write: context.out },
        shell: shellOf({
          drawbridge: DRAWBRIDGE,
          docker: dockerCommand(),
          environment: { ...process.env, DRAWBRIDGE_HOST: context.host, DOCKER_HOST: context.host },
        }),
        pause: (prompt) => (waits ? askToGoOn(prompt, signal) : Promise.resolve(!signal.aborted)),
      };
      return play(player, chapters, signal);
    });
    return left ? 130 : 0;
  },
});
