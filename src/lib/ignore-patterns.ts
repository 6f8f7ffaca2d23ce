/** .dockerignore files (Docker's documentation, "Build context", ".dockerignore files"). */

interface Pattern {
  readonly pieces: readonly Piece[];
  readonly included: boolean;
}

/**
 * @returns whether a path, relative to the context's root, is left out: the last line that matches it or a directory
 * that it is in decides
 */
export function ignoreMatcher(text: string): (path: string) => boolean {
  const patterns = parse(text);
  return (path) => {
    let ignored = false;
    for (const { pieces, included } of patterns) {
      // What would change nothing need not be looked at.
      if (ignored === included && matches(pieces, path)) ignored = !included;
    }
    return ignored;
  };
}

/** Whether a line takes something back in: then what is below an ignored directory must be looked at. */
export const hasExceptions = (text: string): boolean => parse(text).some(({ included }) => included);

function parse(text: string): Pattern[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== "!")
    .map((line) => {
      const included = line.startsWith("!");
      const written = included ? line.slice(1).trim() : line;
      return { pieces: piecesOf(cleaned(written)), included };
    });
}

/** `./a//b/../c/` → `a/c`: as Go's filepath.Clean, the leading slash dropped. */
function cleaned(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}

type Letters = (letter: string) => boolean;
/** One letter; any number of letters; or what follows, which may as well be passed over up to a place of its own. */
type Piece = { readonly one: Letters } | { readonly many: Letters } | { readonly over: number };

const every: Letters = () => true;
const within: Letters = (letter) => letter !== "/";
const only =
  (wanted: string): Letters =>
  (letter) =>
    letter === wanted;

/** Go's filepath.Match, with `**` for any number of directories. */
function piecesOf(pattern: string): readonly Piece[] {
  const pieces: Piece[] = [];
  const letters = [...pattern];
  for (let at = 0; at < letters.length; at += 1) {
    const letter = letters[at] ?? "";
    if (letter === "*" && letters[at + 1] === "*") {
      const followed = letters[at + 2] === "/";
      if (followed) pieces.push({ over: pieces.length + 3 }, { many: every }, { one: only("/") });
      else pieces.push({ many: every });
      at += followed ? 2 : 1;
    } else if (letter === "*") pieces.push({ many: within });
    else if (letter === "?") pieces.push({ one: within });
    else if (letter === "\\") {
      at += 1;
      pieces.push({ one: only(letters[at] ?? "") });
    } else if (letter === "[" && letters.indexOf("]", at + 2) > 0) {
      const end = letters.indexOf("]", at + 2);
      pieces.push({ one: oneOf(letters.slice(at + 1, end).join("")) });
      at = end;
    } else pieces.push({ one: only(letter) });
  }
  return pieces;
}

/** A class says the same to a regular expression. */
function oneOf(letters: string): Letters {
  try {
    const expression = new RegExp(`^[${letters.replace(/[\\[]/g, "\\$&")}]$`, "su");
    return (letter) => expression.test(letter);
  } catch {
    return () => false; // one that says nothing, such as [z-a], matches nothing
  }
}

/**
 * Whether it matches the path or a directory that it is in. All ways through the pattern are gone at once, so that no
 * pattern takes longer than its length times the path's: it is a stranger's.
 */
function matches(pieces: readonly Piece[], path: string): boolean {
  let states = reached(pieces, [0]);
  for (const letter of path) {
    if (letter === "/" && states.has(pieces.length)) return true;
    const next: number[] = [];
    for (const state of states) {
      const piece = pieces[state];
      if (piece && "one" in piece && piece.one(letter)) next.push(state + 1);
      if (piece && "many" in piece && piece.many(letter)) next.push(state);
    }
    if (next.length === 0) return false;
    states = reached(pieces, next);
  }
  return states.has(pieces.length);
}

/** With where each of them leads without a letter. */
function reached(pieces: readonly Piece[], from: readonly number[]): ReadonlySet<number> {
  const states = new Set<number>(from);
  for (const state of states) {
    const piece = pieces[state];
    if (piece && !("one" in piece)) states.add(state + 1);
    if (piece && "over" in piece) states.add(piece.over);
  }
  return states;
}
