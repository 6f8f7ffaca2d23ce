/** Go templates (text/template), as far as `--format` is used: from text to a tree. */
import { TemplateError } from "./errors.ts";
import { FUNCTIONS } from "./template-functions.ts";

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with";
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: "range";
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Commands joined by `|`, each given the result of the one before as its last argument. */
export interface Pipe {
  /** `$x :=` or, for range, `$i, $x :=`. */
  readonly variables: readonly string[];
  /** `=`: the variables are there already. */
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: "constant"; readonly value: string | number | boolean | null }
  | { readonly kind: "name"; readonly name: string }
  /** `.A.B` from the cursor, `$x.A` from a variable, `(pipe).A` from a value. */
  | {
      readonly kind: "path";
      readonly root: "dot" | string | Pipe;
      readonly fields: readonly string[];
      readonly text: string;
    };

const fail = (message: string) => new TemplateError(`template: :1: ${message}`);

type Piece = { readonly text: string } | { readonly action: string };

/** Text and actions; `{{-` and `-}}` trim the text beside them, comments vanish. */
function pieces(source: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  let trimNext = false;
  const text = (raw: string, trimEnd: boolean) => {
    const start = trimNext ? raw.trimStart() : raw;
    const whole = trimEnd ? start.trimEnd() : start;
    if (whole) found.push({ text: whole });
  };
  for (;;) {
    const open = source.indexOf("{{", at);
    if (open < 0) break;
    const trimsBefore = /^-\s/.test(source.slice(open + 2, open + 4));
    text(source.slice(at, open), trimsBefore);
    const close = endOfAction(source, open + 2);
    let action = source.slice(open + 2 + (trimsBefore ? 1 : 0), close);
    trimNext = /\s-$/.test(action);
    if (trimNext) action = action.slice(0, -1);
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(action)) found.push({ action: action.trim() });
    at = close + 2;
  }
  text(source.slice(at), false);
  return found;
}

/** Where the `}}` of an action stands; one inside quotes doesn't end it. */
function endOfAction(source: string, from: number): number {
  let quote = "";
  for (let i = from; i < source.length; i += 1) {
    const letter = source[i] ?? "";
    if (quote) {
      if (letter === "\\" && quote !== "`") i += 1;
      else if (letter === quote) quote = "";
    } else if (letter === '"' || letter === "`" || letter === "'") quote = letter;
    else if (source.startsWith("}}", i)) return i;
  }
  throw fail("unclosed action");
}

const TOKEN =
  /\s*(?:(?<string>"(?:[^"\\]|\\.)*")|(?<raw>`[^`]*`)|(?<number>[+-]?\d+(?:\.\d+)?)|(?<field>\.[\p{L}_][\p{L}\p{N}_]*)|(?<variable>\$[\p{L}\p{N}_]*)|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<mark>:=|[.=|(),]))/uy;

interface Token {
  readonly kind: "string" | "raw" | "number" | "field" | "variable" | "name" | "mark";
  readonly text: string;
  /** White space stands before it: `index .A .B` has two operands, `.A.B` one. */
  readonly apart: boolean;
}

function tokens(action: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < action.length && action.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(action);
    if (!match?.groups) throw fail(`unexpected ${JSON.stringify(action.slice(at).trim()[0])} in command`);
    for (const [kind, text] of Object.entries(match.groups)) {
      if (text !== undefined) {
        found.push({ kind: kind as Token["kind"], text, apart: match[0].length > text.length || at === 0 });
      }
    }
    at = TOKEN.lastIndex;
  }
  return found;
}

class ActionParser {
  readonly #tokens: Token[];
  constructor(action: string) {
    this.#tokens = tokens(action);
  }

  pipe(): Pipe {
    const { variables, assigns } = this.#declaration();
    const commands = [this.#command()];
    while (this.#takes("|")) commands.push(this.#command());
    return { variables, assigns, commands };
  }

  end(): void {
    const left = this.#tokens[0];
    if (left) throw fail(`unexpected ${JSON.stringify(left.text)} in operand`);
  }

  #takes(mark: string): boolean {
    if (this.#tokens[0]?.kind !== "mark" || this.#tokens[0].text !== mark) return false;
    this.#tokens.shift();
    return true;
  }

  #declaration(): Pick<Pipe, "variables" | "assigns"> {
    const head = this.#tokens.slice(0, 4).map((token) => token.text);
    const names = head[1] === "," ? [head[0] ?? "", head[2] ?? ""] : [head[0] ?? ""];
    const sign = names.length === 2 ? head[3] : head[1];
    if (!names.every((name) => name.startsWith("$")) || (sign !== ":=" && sign !== "=")) {
      return { variables: [], assigns: false };
    }
    this.#tokens.splice(0, names.length * 2);
    return { variables: names, assigns: sign === "=" };
  }

  #command(): Operand[] {
    const operands: Operand[] = [];
    for (let token = this.#tokens[0]; token; token = this.#tokens[0]) {
      if (token.kind === "mark" && (token.text === "|" || token.text === ")" || token.text === ",")) break;
      operands.push(this.#operand());
    }
    if (operands.length === 0) throw fail("missing value for command");
    return operands;
  }

  #operand(): Operand {
    const token = this.#tokens.shift();
    switch (token?.kind) {
      case "string":
        return { kind: "constant", value: unquote(token.text) };
      case "raw":
        return { kind: "constant", value: token.text.slice(1, -1) };
      case "number":
        return { kind: "constant", value: Number(token.text) };
      case "field":
        return this.#path("dot", [token.text.slice(1)], token.text);
      case "variable":
        return this.#path(token.text, [], token.text);
      case "name":
        return named(token.text);
      default:
    }
    if (token?.text === ".") return this.#path("dot", [], ".");
    if (token?.text !== "(") throw fail(`unexpected ${JSON.stringify(token?.text ?? "end")} in command`);
    const inner = this.pipe();
    if (!this.#takes(")")) throw fail("unclosed left paren");
    return this.#path(inner, [], "(…)");
  }

  #path(root: "dot" | string | Pipe, fields: string[], text: string): Operand {
    let whole = text;
    for (let next = this.#tokens[0]; next?.kind === "field" && !next.apart; next = this.#tokens[0]) {
      fields.push(next.text.slice(1));
      whole += next.text;
      this.#tokens.shift();
    }
    return { kind: "path", root, fields, text: whole };
  }
}

function named(name: string): Operand {
  if (name === "true" || name === "false") return { kind: "constant", value: name === "true" };
  if (name === "nil") return { kind: "constant", value: null };
  // `and` and `or` are no functions: they stop at what decides.
  if (name !== "and" && name !== "or" && !Object.hasOwn(FUNCTIONS, name)) {
    throw fail(`function ${JSON.stringify(name)} not defined`);
  }
  return { kind: "name", name };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  '"': '"',
  "\\": "\\",
  "'": "'",
};

const unquote = (quoted: string): string =>
  quoted.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? `\\${letter}`);

function readPipe(action: string): Pipe {
  const parser = new ActionParser(action);
  const pipe = parser.pipe();
  parser.end();
  return pipe;
}

const BLOCK = /^(if|with|range)\s+([\s\S]*)$/;

class TreeParser {
  readonly #pieces: Piece[];
  constructor(source: string) {
    this.#pieces = pieces(source);
  }

  /** Nodes up to the action that closes the block, which is returned as well; undefined at the end of the text. */
  nodes(): { nodes: Node[]; closing: string | undefined } {
    const nodes: Node[] = [];
    for (let piece = this.#pieces.shift(); piece; piece = this.#pieces.shift()) {
      if ("text" in piece) {
        nodes.push({ kind: "text", text: piece.text });
      } else if (piece.action === "end" || /^else\b/.test(piece.action)) {
        return { nodes, closing: piece.action };
      } else {
        nodes.push(this.#action(piece.action));
      }
    }
    return { nodes, closing: undefined };
  }

  #action(action: string): Node {
    const block = BLOCK.exec(action);
    if (block) return this.#block(block[1] as "if" | "with" | "range", block[2] ?? "");
    if (action === "") throw fail("missing value for command");
    return { kind: "print", pipe: readPipe(action) };
  }

  #block(kind: "if" | "with" | "range", head: string): Node {
    const pipe = readPipe(head);
    const { nodes, closing } = this.nodes();
    return { kind, pipe, body: nodes, otherwise: this.#otherwise(closing) };
  }

  #otherwise(closing: string | undefined): Node[] {
    if (closing === undefined) throw fail("unexpected EOF");
    if (closing === "end") return [];
    const chained = BLOCK.exec(closing.slice("else".length).trim());
    if (chained) return [this.#block(chained[1] as "if" | "with", chained[2] ?? "")];
    const rest = this.nodes();
    if (rest.closing !== "end")
      throw fail(rest.closing ? `unexpected {{${rest.closing}}}` : "unexpected EOF");
    return rest.nodes;
  }
}

/** @throws TemplateError */
export function parseTemplate(source: string): readonly Node[] {
  const { nodes, closing } = new TreeParser(source).nodes();
  if (closing !== undefined) throw fail(`unexpected {{${closing}}}`);
  return nodes;
}
