/**
 * Go templates as `--format` takes them: fields, `index`, `range`, `if`, `with`, variables, pipes, and
 * Docker's functions. Values are what JSON gives; a function among a value's fields is a method.
 */
import { TemplateError } from "./errors.ts";
import { FUNCTIONS, isTrue, show } from "./template-functions.ts";
import { type Node, type Operand, type Pipe, parseTemplate } from "./template-parse.ts";

/** Runs a template on a value. @throws TemplateError */
export type Template = (data: unknown) => string;

/** Names to values, innermost first. */
type Scope = { readonly variables: Map<string, unknown>; readonly outer: Scope | undefined };

const inner = (outer: Scope): Scope => ({ variables: new Map(), outer });

function scopeOf(name: string, scope: Scope): Scope {
  for (let at: Scope | undefined = scope; at; at = at.outer) if (at.variables.has(name)) return at;
  throw new TemplateError(`template: :1: undefined variable ${JSON.stringify(name)}`);
}

const executing = (text: string, message: string) =>
  new TemplateError(`template: :1: executing "" at <${text}>: ${message}`);

const missing = (text: string, key: string | undefined) =>
  executing(text, `map has no entry for key ${JSON.stringify(key)}`);

/** The field of a value. One that isn't there is undefined: false in a condition, an error where it is printed. */
function field(value: unknown, name: string, text: string): unknown {
  if (value === undefined || value === null) {
    throw executing(text, `nil pointer evaluating interface {}.${name}`);
  }
  if (typeof value !== "object" || Array.isArray(value)) {
    throw executing(
      text,
      `can't evaluate field ${name} in type ${Array.isArray(value) ? "[]interface {}" : typeof value}`,
    );
  }
  return Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function runOperand(operand: Operand, dot: unknown, scope: Scope, args: readonly unknown[]): unknown {
  if (operand.kind === "constant") return operand.value;
  if (operand.kind === "name") return call(operand.name, args);
  const { root, fields, text } = operand;
  let value: unknown;
  if (root === "dot") value = dot;
  else if (typeof root === "string") value = scopeOf(root, scope).variables.get(root);
  else value = runPipe(root, dot, scope);
  fields.forEach((name, i) => {
    if (value === undefined && i > 0) throw missing(text, fields[i - 1]);
    value = field(value, name, text);
  });
  return typeof value === "function" ? value(...args) : value;
}

function call(name: string, args: readonly unknown[]): unknown {
  const found = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (!found) throw new TemplateError(`template: :1: function ${JSON.stringify(name)} not defined`);
  if (args.length < found.length) {
    throw new TemplateError(
      `template: :1: executing "" at <${name}>: wrong number of args for ${name}: want ${found.length} got ${args.length}`,
    );
  }
  return found(...args);
}

function runCommand(
  command: readonly Operand[],
  dot: unknown,
  scope: Scope,
  piped: readonly unknown[],
): unknown {
  const [head, ...operands] = command;
  if (!head) throw new TemplateError("template: :1: missing value for command");
  if (head.kind === "name" && (head.name === "and" || head.name === "or")) {
    return shortCircuit(head.name, operands, dot, scope, piped);
  }
  const args = [...operands.map((operand) => runOperand(operand, dot, scope, [])), ...piped];
  return runOperand(head, dot, scope, args);
}

/** `and` and `or` stop at the first operand that decides, and give that one. */
function shortCircuit(
  name: "and" | "or",
  operands: readonly Operand[],
  dot: unknown,
  scope: Scope,
  piped: readonly unknown[],
): unknown {
  let value: unknown;
  for (const operand of operands) {
    value = runOperand(operand, dot, scope, []);
    if (isTrue(value) === (name === "or")) return value;
  }
  return piped.length > 0 ? piped[0] : value;
}

function runPipe(pipe: Pipe, dot: unknown, scope: Scope): unknown {
  let value: unknown;
  pipe.commands.forEach((command, i) => {
    value = runCommand(command, dot, scope, i === 0 ? [] : [value]);
  });
  return value;
}

function declare(pipe: Pipe, values: readonly unknown[], scope: Scope): void {
  pipe.variables.forEach((name, i) => {
    const target = pipe.assigns ? scopeOf(name, scope) : scope;
    target.variables.set(name, values[i]);
  });
}

/** What `range` goes over: a list's indexes, a map's keys in order, a number's count. */
function entries(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return value.map((element, i) => [i, element] as const);
  if (typeof value === "number") return Array.from({ length: value }, (_, i) => [i, i] as const);
  if (value === undefined || value === null) return [];
  if (typeof value !== "object")
    throw new TemplateError(`template: :1: range can't iterate over ${show(value)}`);
  return Object.keys(value)
    .sort()
    .map((key) => [key, Reflect.get(value, key)] as const);
}

function runNodes(nodes: readonly Node[], dot: unknown, scope: Scope): string {
  return nodes.map((node) => runNode(node, dot, scope)).join("");
}

function runNode(node: Node, dot: unknown, scope: Scope): string {
  if (node.kind === "text") return node.text;
  if (node.kind === "print") return printed(node.pipe, dot, scope);
  const within = inner(scope);
  const value = runPipe(node.pipe, dot, within);
  if (node.kind === "range") {
    const pairs = entries(value);
    if (pairs.length === 0) return runNodes(node.otherwise, dot, within);
    return pairs
      .map(([key, element]) => {
        const each = inner(within);
        declare(node.pipe, node.pipe.variables.length === 2 ? [key, element] : [element], each);
        return runNodes(node.body, element, each);
      })
      .join("");
  }
  declare(node.pipe, [value], within);
  if (!isTrue(value)) return runNodes(node.otherwise, dot, within);
  return runNodes(node.body, node.kind === "with" ? value : dot, within);
}

function printed(pipe: Pipe, dot: unknown, scope: Scope): string {
  const value = runPipe(pipe, dot, scope);
  if (pipe.variables.length > 0) {
    declare(pipe, [value], scope);
    return "";
  }
  const last = pipe.commands.at(-1)?.[0];
  if (value === undefined && last?.kind === "path" && last.fields.length > 0) {
    throw missing(last.text, last.fields.at(-1));
  }
  return show(value);
}

/** @throws TemplateError for a text that can't be a template */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source);
  return (data) => runNodes(nodes, data, { variables: new Map([["$", data]]), outer: undefined });
}
