/** Variables in a word, as a shell's (Dockerfile reference, "Environment replacement"). */

const VARIABLE = /\$(?:(\w+)|\{(\w+)(?:(:?[-+])((?:[^{}]|\{[^{}]*\})*))?\})/y;

/** `$name`, `${name}`, `${name:-default}`, `${name:+instead}`, and the same without the colon; quotes are taken off. */
export function expand(word: string, variables: ReadonlyMap<string, string>, token = "\\"): string {
  let result = "";
  let quote = "";
  for (let at = 0; at < word.length; ) {
    const letter = word.charAt(at);
    if (quote === "'" ? letter === "'" : letter === quote || (quote === "" && /["']/.test(letter))) {
      quote = quote === "" ? letter : "";
      at += 1;
    } else if (quote !== "'" && letter === token && at + 1 < word.length) {
      result += word.charAt(at + 1);
      at += 2;
    } else {
      VARIABLE.lastIndex = at;
      const found = quote === "'" ? null : VARIABLE.exec(word);
      result += found ? substituted(found, variables, token) : letter;
      at += found ? found[0].length : 1;
    }
  }
  return result;
}

function substituted(found: RegExpExecArray, variables: ReadonlyMap<string, string>, token: string): string {
  const [, plain, braced, operator, word = ""] = found;
  const value = variables.get(plain ?? braced ?? "");
  const there = operator?.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
  if (operator?.endsWith("-") && !there) return expand(word, variables, token);
  if (operator?.endsWith("+")) return there ? expand(word, variables, token) : "";
  return value ?? "";
}
