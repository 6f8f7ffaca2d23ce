/**
 * Whether an image's name passes a pattern of `*`, `?` and `[a-z]`, none of which crosses a slash (Go's
 * path.Match). A pattern without a tag is for all tags and digests.
 */
export function matchesReference(pattern: string, reference: string): boolean {
  const expression = expressionOf(pattern.replace(/^(docker\.io\/)?(library\/)?/, ""));
  const [tagged = ""] = reference.split("@", 1);
  const colon = tagged.lastIndexOf(":");
  const name = colon > tagged.lastIndexOf("/") ? tagged.slice(0, colon) : tagged;
  return expression.test(reference) || expression.test(name);
}

function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/\[[^\]/]+\]|[*?]|[\\^$.|+(){}[\]]/g, (part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    return part.length > 1 ? part.replaceAll("\\", "\\\\") : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}
