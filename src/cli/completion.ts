/** Completion scripts, made from the verbs themselves. */
import { bashScript, fishScript, type VerbNames, zshScript } from "./completion-scripts.ts";
import { UsageError } from "./errors.ts";
import { ENTRIES } from "./tree.ts";
import { commandOf, type Verb, verb } from "./verb.ts";

const SCRIPTS: Readonly<Record<string, (verbs: readonly VerbNames[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const LISTED: Readonly<Record<string, NonNullable<VerbNames["words"]>>> = {
  CONTAINER: "containers",
  NETWORK: "networks",
  IMAGE: "images",
  REPOSITORY: "images",
};

/** Which names stand for the first of the words that follow a verb's flags, as its usage calls it. */
function wordsOf({ usage }: Verb): VerbNames["words"] {
  const [first = ""] = /\b(?:CONTAINER|NETWORK|IMAGE|REPOSITORY)\b/.exec(usage) ?? [];
  return LISTED[first];
}

async function allVerbs(): Promise<readonly VerbNames[]> {
  const verbs: VerbNames[] = [];
  for (const { path, about, aliases, load } of ENTRIES) {
    const { default: definition } = await load();
    const options = commandOf(path, definition)
      .options.filter((option) => !option.hidden)
      .map(({ short, long = "", description }) => ({
        names: [long, ...(short ? [short] : [])],
        about: description,
      }));
    for (const name of [path, ...aliases])
      verbs.push({ path: name, about, options, words: wordsOf(definition) });
  }
  return verbs;
}

export default verb({
  usage: "bash|zsh|fish",
  about: "Print a completion script for bash, zsh or fish",
  flags: [],
  least: 1,
  most: 1,
  async run({ out }, [shell = ""]) {
    const script = SCRIPTS[shell];
    if (!script) throw new UsageError(`no completion for ${shell}: there are bash, zsh and fish`);
    out(script(await allVerbs()));
  },
});
