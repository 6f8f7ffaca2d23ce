/** The scripts themselves. Names of containers, images and networks are asked of the engine when they are wanted. */

export interface VerbNames {
  /** `ps`, `network ls`. */
  readonly path: string;
  readonly about: string;
  readonly options: readonly { readonly names: readonly string[]; readonly about: string }[];
  readonly words: "containers" | "images" | "networks" | undefined;
}

const LISTS = {
  containers: "drawbridge ps -a --format '{{.Names}}'",
  images: "drawbridge images --format '{{.Repository}}:{{.Tag}}'",
  networks: "drawbridge network ls --format '{{.Name}}'",
} as const;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What can follow at the root and in each group, by the words before it. */
function branches(verbs: readonly VerbNames[]): ReadonlyMap<string, readonly VerbNames[]> {
  const found = new Map<string, VerbNames[]>([["", []]]);
  for (const verb of verbs) {
    const space = verb.path.indexOf(" ");
    const group = space < 0 ? "" : verb.path.slice(0, space);
    found.set(group, [...(found.get(group) ?? []), { ...verb, path: verb.path.slice(space + 1) }]);
  }
  return found;
}

const groupsOf = (verbs: readonly VerbNames[]): readonly string[] =>
  [...branches(verbs).keys()].filter(Boolean);

/** Groups that are no verbs themselves, as `port` is. */
const bareGroups = (verbs: readonly VerbNames[]): readonly string[] =>
  groupsOf(verbs).filter((group) => !verbs.some(({ path }) => path === group));

/** The command that lists what may follow a group's name where that is a verb as well. */
function ownList(verbs: readonly VerbNames[], group: string): string | undefined {
  const words = verbs.find(({ path }) => path === group)?.words;
  return words && `${LISTS[words]} 2>/dev/null`;
}

/** `case` arms: what may follow each verb. */
function arms(verbs: readonly VerbNames[]): string {
  return verbs
    .map(({ path, options, words }) => {
      const names = options.flatMap((option) => option.names).join(" ");
      const list = words ? ` words=$(${LISTS[words]} 2>/dev/null)` : "";
      return `    ${quoted(path)}) flags=${quoted(names)};${list} ;;`;
    })
    .join("\n");
}

export function bashScript(verbs: readonly VerbNames[]): string {
  const groups = groupsOf(verbs);
  const root = [...(branches(verbs).get("") ?? []).map((verb) => verb.path), ...bareGroups(verbs)].join(" ");
  const within = groups
    .map((group) => {
      const members = (branches(verbs).get(group) ?? []).map((verb) => verb.path).join(" ");
      const own = ownList(verbs, group);
      return `    ${group}) words=${quoted(members)}${own ? `" $(${own})"` : ""} ;;`;
    })
    .join("\n");
  return `# bash completion for drawbridge: source <(drawbridge completion bash)
_drawbridge() {
  local current=\${COMP_WORDS[COMP_CWORD]} path=\${COMP_WORDS[1]} words='' flags=''
  case $path in ${groups.join("|")}) [ "$COMP_CWORD" -gt 2 ] && path="$path \${COMP_WORDS[2]}" ;; esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=${quoted(root)}
  else
    case $path in
${within}
${arms(verbs)}
    esac
  fi
  case $current in -*) words=$flags ;; esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _drawbridge drawbridge
`;
}

const described = (name: string, about: string): string => `'${`${name}:${about}`.replaceAll("'", "'\\''")}'`;

export function zshScript(verbs: readonly VerbNames[]): string {
  const groups = groupsOf(verbs);
  const list = (members: readonly VerbNames[]) =>
    members.map(({ path, about }) => described(path.replaceAll(":", "\\:"), about)).join(" ");
  const root = `${list(branches(verbs).get("") ?? [])} ${bareGroups(verbs).map(quoted).join(" ")}`;
  const within = groups
    .map((group) => {
      const own = ownList(verbs, group);
      const more = own ? ` names+=(\${(f)"$(${own})"})` : "";
      return `      ${group}) names=(${list(branches(verbs).get(group) ?? [])});${more} ;;`;
    })
    .join("\n");
  const each = verbs
    .map(({ path, options, words }) => {
      const flags = options
        .flatMap(({ names, about }) => names.map((name) => described(name, about)))
        .join(" ");
      const listed = words ? ` names=(\${(f)"$(${LISTS[words]} 2>/dev/null)"})` : "";
      return `      ${quoted(path)}) flags=(${flags});${listed} ;;`;
    })
    .join("\n");
  return `#compdef drawbridge
# zsh completion for drawbridge: drawbridge completion zsh > "\${fpath[1]}/_drawbridge"
_drawbridge() {
  local path=$words[2]
  local -a names flags
  case $path in ${groups.join("|")}) (( CURRENT > 3 )) && path="$path $words[3]" ;; esac
  if (( CURRENT == 2 )); then
    names=(${root})
  else
    case $path in
${within}
${each}
    esac
  fi
  if [[ $words[CURRENT] == -* ]]; then _describe option flags; elif (( $#names )); then _describe name names; else _files; fi
}
compdef _drawbridge drawbridge
`;
}

export function fishScript(verbs: readonly VerbNames[]): string {
  const lines = [
    "# fish completion for drawbridge: drawbridge completion fish | source",
    "complete -c drawbridge -f",
  ];
  for (const group of bareGroups(verbs))
    lines.push(`complete -c drawbridge -n __fish_use_subcommand -a ${group}`);
  for (const { path, about, options, words } of verbs) {
    const [first = "", second] = path.split(" ");
    const before = second === undefined ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${first}`;
    lines.push(`complete -c drawbridge -n ${quoted(before)} -a ${second ?? first} -d ${quoted(about)}`);
    const after = quoted(
      path
        .split(" ")
        .map((word) => `__fish_seen_subcommand_from ${word}`)
        .join("; and "),
    );
    if (words) lines.push(`complete -c drawbridge -n ${after} -a ${quoted(`(${LISTS[words]} 2>/dev/null)`)}`);
    for (const { names, about: what } of options) {
      const [long = "", short] = names;
      const letter = short ? ` -s ${short.slice(1)}` : "";
      lines.push(`complete -c drawbridge -n ${after} -l ${long.slice(2)}${letter} -d ${quoted(what)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
