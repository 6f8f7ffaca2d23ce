/** .dockerignore files (Docker's documentation, "Build context", ".dockerignore files"). */

interface Pattern {
  readonly expression: RegExp;
  readonly included: boolean;
}

/**
 * @returns whether a path, relative to the context's root, is left out: the last line that matches it or a directory
 * that it is in decides
 */
export function ignoreMatcher(text: string): (path: string) => boolean {
  const patterns = parse(text);
  return (path) => {
    const parts = path.split("/");
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    let ignored = false;
    for (const { expression, included } of patterns) {
      if (paths.some((each) => expression.test(each))) ignored = !included;
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
      return { expression: expressionOf(cleaned(written)), included };
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

/** Go's filepath.Match, with `**` for any number of directories. */
function expressionOf(pattern: string): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern.charAt(at);
    if (pattern.startsWith("**", at)) {
      const followed = pattern.charAt(at + 2) === "/";
      source += followed ? "(?:.*/)?" : ".*";
      at += followed ? 2 : 1;
    } else if (letter === "*") source += "[^/]*";
    else if (letter === "?") source += "[^/]";
    else if (letter === "\\") {
      at += 1;
      source += literal(pattern.charAt(at));
    } else if (letter === "[") {
      const end = pattern.indexOf("]", at + 2);
      if (end < 0) source += "\\[";
      else {
        source += `[${pattern.slice(at + 1, end).replace(/[\\[]/g, "\\$&")}]`;
        at = end;
      }
    } else source += literal(letter);
  }
  try {
    return new RegExp(`^${source}$`, "su");
  } catch {
    return /(?!)/; // a class that says nothing, such as [z-a], matches nothing
  }
}

const literal = (letter: string): string => (/[\^$\\.*+?()[\]{}|/]/.test(letter) ? `\\${letter}` : letter);
