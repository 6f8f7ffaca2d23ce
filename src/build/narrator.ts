/**
 * The builder's output, told again as dockerd's builder tells a build: clients read the result, and what the cache
 * was good for, from these lines. Pure: text in, messages out.
 *
 * buildah writes, each stage's lines with `[1/2] ` before them where there are several:
 *
 *     STEP 2/3: RUN make          its steps, counted a stage each; a base's ONBUILD steps are among them
 *     --> Using cache 64 digits   the step's image was there
 *     --> 11 or 12 digits         the step's image
 *     COMMIT                      the last step's image is about to be written
 *     64 digits                   the result
 *
 * and between them what RUN steps write.
 */
import type { Instruction } from "./dockerfile.ts";
import type { Recipe, Step } from "./recipe.ts";
import type { BuildMessage } from "./types.ts";

export interface NarratorOptions {
  readonly recipe: Recipe;
  /** The image that a stage begins with, 64 digits; the empty text where it begins with nothing. */
  readonly bases: readonly (string | { readonly stage: number })[];
  readonly emit: (message: BuildMessage) => void;
  /** All 64 digits of an image in the builder's store, from its first; undefined where there is none. */
  readonly completeId: (prefix: string) => string | undefined;
  /** Twelve digits: a name for what a step runs in. */
  readonly newId: () => string;
  /** Steps that were told of before the builder began. */
  readonly told: number;
}

const STEP = /^(?:\[(\d+)\/\d+\] )?STEP (\d+)\/(\d+): /;
const COMMIT = /^(?:\[\d+\/\d+\] )?COMMIT(?: \S+)?$/;
const CACHED = /^--> Using cache ([0-9a-f]{64})$/;
/** What a command writes last may have no line end. */
const IMAGE = /^(.*)--> ([0-9a-f]{11,64})$/;
const RESULT = /^[0-9a-f]{64}$/;
const UNUSED = /^\[Warning\] one or more build args were not consumed: (\[.*\])$/;
/** These may be the beginning of a line of buildah's own. */
const HELD_BACK = /-{1,2}>?[^\n]*$|^(?:\[|S|C|[0-9a-f]{1,64}$)/;
const COMPLAINT = /^(?:Error: |error )/;

const INSTANT: ReadonlySet<string> = new Set(["FROM", "COPY", "ADD"]);
const short = (id: string): string => id.slice(0, 12);

/** How far a stage has come. */
class Progress {
  /** buildah's count within the stage; 0 before the first. */
  number = 0;
  /** How many it counts there. */
  of = 0;
  step: Step | undefined;
  /** Told once the step is done: another stage may come between. */
  heading = "";
  /** What the step runs in; told of once there is something to tell. */
  running: string | undefined;
  announced = false;
  /** Its image is not known yet. */
  open = false;
  /** Of the last step that is done. */
  image = "";
  /** Its image was told. */
  ended = false;

  get isComplete(): boolean {
    return this.number > 0 && this.number === this.of && !this.open;
  }

  /** It may be waiting for the stage whose files it takes: buildah goes on with any other meanwhile. */
  get mayWait(): boolean {
    return this.open && this.step?.instruction?.flags.from !== undefined;
  }
}

export class Narrator {
  readonly #options: NarratorOptions;
  readonly #total: number;
  #stdout = "";
  #stderr = "";
  #complaint = "";
  readonly #stages: readonly Progress[];
  /** The stage that is worked on. */
  #now = new Progress();
  /** What a command wrote, not yet told. */
  readonly #written: string[] = [];
  #committing = false;
  #result = "";

  constructor(options: NarratorOptions) {
    this.#options = options;
    const { recipe } = options;
    this.#total = recipe.globals.length + recipe.stages.flat().length;
    this.#stages = recipe.stages.map(() => new Progress());
  }

  /** The result's 64 digits; the empty text before the builder's last line. */
  get result(): string {
    return this.#result;
  }

  /** Where it stands, and what of the same stage came before. */
  get position(): { readonly step: Instruction | undefined; readonly before: readonly Instruction[] } {
    const { step } = this.#now;
    const steps = this.#options.recipe.stages[this.#stages.indexOf(this.#now)] ?? [];
    const at = step ? steps.indexOf(step) : 0;
    return {
      step: step?.instruction,
      before: steps.slice(0, Math.max(at, 0)).flatMap(({ instruction }) => instruction ?? []),
    };
  }

  /** What the builder said last of its own failure. */
  get complaint(): string {
    return this.#complaint + this.#stderr;
  }

  stdout(text: string): void {
    this.#stdout += text;
    const lines = this.#stdout.split("\n");
    this.#stdout = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    if (this.#stdout !== "" && !HELD_BACK.test(this.#stdout)) {
      this.#output(this.#stdout);
      this.#stdout = "";
    }
    this.#flushOutput();
  }

  stderr(text: string): void {
    this.#stderr += text;
    const lines = this.#stderr.split("\n");
    this.#stderr = lines.pop() ?? "";
    // Told together, but for what may be the builder's own.
    const own = this.#complaint === "" ? lines.findIndex((line) => COMPLAINT.test(line)) : 0;
    const [commands, builders] = own < 0 ? [lines, []] : [lines.slice(0, own), lines.slice(own)];
    if (commands.length > 0) this.#shout(`${commands.join("\n")}\n`);
    this.#complaint += builders.map((line) => `${line}\n`).join("");
    if (this.#stderr !== "" && this.#complaint === "" && !/^(?:Error|error)/.test(this.#stderr)) {
      this.#shout(this.#stderr);
      this.#stderr = "";
    }
  }

  /** The builder has ended; well where `code` is 0. */
  end(code: number): void {
    if (this.#stdout !== "") this.#line(this.#stdout, "");
    this.#stdout = "";
    this.#flushOutput();
    if (code !== 0) {
      this.#announce();
      return;
    }
    this.#flushComplaint();
    for (const stage of this.#stages) {
      this.#now = stage;
      if (stage.open) this.#finishStep();
      this.#endStage();
    }
  }

  #line(line: string, ending = "\n"): void {
    const [whole, stage, number, of] = STEP.exec(line) ?? [];
    if (whole !== undefined && this.#isNext(Number(stage ?? 1) - 1, Number(number))) {
      this.#begin(Number(stage ?? 1) - 1, Number(number), Number(of));
      return;
    }
    const cached = CACHED.exec(line)?.[1];
    if (cached !== undefined && this.#resume()) {
      this.#tellHeading();
      this.#say(" ---> Using cache\n");
      this.#now.image = cached;
      this.#now.running = undefined;
      return;
    }
    const [, before = "", prefix] = IMAGE.exec(line) ?? [];
    const image = prefix === undefined ? undefined : this.#options.completeId(prefix);
    // A stage of nothing but FROM is its base.
    if (image !== undefined && before === "" && this.#now.number === 1 && this.#endStage()) return;
    if (image !== undefined && this.#resume()) {
      if (before !== "") this.#output(before);
      this.#now.image = image;
      this.#finishStep();
      return;
    }
    if (this.#isLast() && COMMIT.test(line)) {
      this.#committing = true;
      return;
    }
    if (this.#isLast() && RESULT.test(line) && (this.#committing || !this.#now.open)) {
      this.#result = line;
      return;
    }
    const unused = UNUSED.exec(line)?.[1];
    if (unused !== undefined) this.#say(`[Warning] One or more build-args ${unused} were not consumed\n`);
    else this.#output(line + ending);
  }

  /**
   * A stage's steps come in order, and one stage's after another's but where one waits. What looks like a step and
   * is not the next was written by a command.
   */
  #isNext(stage: number, number: number): boolean {
    const next = this.#stages[stage];
    if (!next || number !== next.number + 1) return false;
    const { number: at, of, running, mayWait } = this.#now;
    return next === this.#now || at === of || running === undefined || mayWait;
  }

  #isLast(): boolean {
    const last = this.#stages.at(-1);
    return last !== undefined && last.number > 0 && last.number === last.of;
  }

  /** @returns whether a step is open: of this stage, or of one that waited and goes on */
  #resume(): boolean {
    if (this.#now.open) return true;
    const waiting = this.#stages.filter((stage) => stage.open);
    const next = waiting.find((stage) => this.#isServed(stage)) ?? waiting[0];
    if (!next) return false;
    this.#now = next;
    return true;
  }

  /** Whether the stage that it takes files from is complete. */
  #isServed({ step }: Progress): boolean {
    const from = step?.instruction?.flags.from?.toLowerCase() ?? "";
    const source = this.#options.recipe.stages.findIndex(
      ([first], index) =>
        from === String(index) || first?.instruction?.rest.toLowerCase().endsWith(` as ${from}`),
    );
    return this.#stages[source]?.isComplete ?? true;
  }

  #begin(stage: number, number: number, of: number): void {
    this.#flushComplaint();
    const next = this.#stages[stage] ?? this.#now;
    if (this.#now.open && (this.#now === next || !this.#now.mayWait)) this.#finishStep();
    if (this.#now !== next) this.#endStage();
    this.#now = next;
    const { recipe, bases, told } = this.#options;
    const steps = recipe.stages[stage] ?? [];
    const triggers = Math.max(of - steps.length, 0);
    next.number = number;
    next.of = of;
    if (number === 2 && triggers > 0) {
      this.#say(`# Executing ${triggers} build trigger${triggers > 1 ? "s" : ""}\n`);
    }
    const isTrigger = number > 1 && number <= 1 + triggers;
    next.step = isTrigger ? undefined : steps[number === 1 ? 0 : number - 1 - triggers];
    if (next.step) {
      const earlier = recipe.stages.slice(0, stage).flat().length;
      const count = recipe.globals.length + earlier + steps.indexOf(next.step) + 1;
      if (count > told) next.heading = stepLine(count, this.#total, next.step);
    }
    if (number === 1) {
      const base = bases[stage] ?? "";
      next.image = typeof base === "string" ? base : (this.#stages[base.stage]?.image ?? "");
      this.#tellHeading();
      this.#say(` ---> ${short(next.image)}\n`);
      return;
    }
    next.open = true;
    if (!INSTANT.has(next.step?.keyword ?? "RUN")) next.running = this.#options.newId();
    next.announced = false;
    if (!next.mayWait) this.#tellHeading();
  }

  #tellHeading(): void {
    const { heading } = this.#now;
    this.#now.heading = "";
    if (heading !== "") this.#say(heading);
  }

  /** Said late: whether the cache has the step is known by then. */
  #announce(): void {
    this.#tellHeading();
    const { announced, running } = this.#now;
    if (announced || running === undefined) return;
    this.#now.announced = true;
    this.#options.emit({ stream: ` ---> Running in ${running}\n` });
  }

  #finishStep(): void {
    this.#tellHeading();
    if (this.#now.running !== undefined) {
      this.#announce();
      this.#say(` ---> Removed intermediate container ${this.#now.running}\n`);
    }
    this.#now.running = undefined;
    this.#now.open = false;
    this.#say(` ---> ${short(this.#now.image)}\n`);
  }

  /** Its image is told for programs. @returns whether it came to its end just now */
  #endStage(): boolean {
    const { isComplete, ended, image } = this.#now;
    if (!isComplete || ended) return false;
    this.#now.ended = true;
    if (image !== "") this.#options.emit({ aux: { ID: `sha256:${image}` } });
    return true;
  }

  /** A command's stderr, in red as dockerd has it. */
  #shout(text: string): void {
    this.#flushOutput();
    this.#announce();
    this.#say(`\u001b[91m${text}\u001b[0m`);
  }

  /** It was a command's own after all: the build goes on. */
  #flushComplaint(): void {
    const text = this.#complaint + this.#stderr;
    this.#complaint = "";
    this.#stderr = "";
    if (text !== "") this.#shout(text);
  }

  /** Lines of a command go out together, as they came. */
  #output(text: string): void {
    this.#written.push(text);
  }

  #flushOutput(): void {
    const text = this.#written.join("");
    this.#written.length = 0;
    if (text === "") return;
    this.#announce();
    this.#options.emit({ stream: text });
  }

  #say(stream: string): void {
    this.#flushOutput();
    this.#options.emit({ stream });
  }
}

export const stepLine = (number: number, total: number, step: Step): string =>
  `Step ${number}/${total} : ${step.text}\n`;
