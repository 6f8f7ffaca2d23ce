/** What the inspect verbs share: look each reference up, print all that was found, then what went wrong. */
import { messageOf } from "../lib/errors.ts";
import type { Context } from "./context.ts";
import { ExitError, TemplateError } from "./errors.ts";
import { compileTemplate } from "./template.ts";
import { toJson } from "./template-functions.ts";

export interface InspectOptions {
  readonly format?: string;
}

/** A value as Go indents JSON: four spaces. */
const indented = (value: unknown): string => JSON.stringify(value, undefined, 4);

/** @throws ExitError 1 where one was not found or the template failed on it */
export async function inspectAll(
  context: Context,
  references: readonly string[],
  format: string | undefined,
  lookUp: (reference: string) => Promise<unknown>,
): Promise<void> {
  const template = format && format !== "json" ? templateOf(format) : undefined;
  const found: unknown[] = [];
  const errors: string[] = [];
  for (const reference of references) {
    try {
      const value = await lookUp(reference);
      found.push(value);
      if (template) context.out(`${template(value)}\n`);
    } catch (thrown) {
      const message = messageOf(thrown);
      errors.push(thrown instanceof TemplateError ? `template parsing error: ${message}` : message);
    }
  }
  if (!template) context.out(format === "json" ? `${toJson(found)}\n` : `${indented(found)}\n`);
  else if (found.length === 0) context.out("\n");
  if (errors.length > 0) throw new ExitError(1, errors.join("\n"));
}

function templateOf(format: string): (value: unknown) => string {
  try {
    return compileTemplate(format);
  } catch (thrown) {
    throw new ExitError(64, `template parsing error: ${messageOf(thrown)}`);
  }
}
