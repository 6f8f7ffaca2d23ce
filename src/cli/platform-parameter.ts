/** `os[/architecture[/variant]]` as the API takes it: an OCI platform as JSON; undefined where none is given. */
export function platformParameter(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const [os, architecture, variant] = text.split("/");
  return JSON.stringify({ os, architecture, variant });
}
