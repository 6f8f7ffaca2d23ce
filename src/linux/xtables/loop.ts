/** Chains that lead back to themselves: the kernel takes no such table (ELOOP), and nothing that reads one could end. */
import type { XtChain } from "./types.ts";

export function hasLoop(chains: ReadonlyMap<string, XtChain>): boolean {
  const done = new Set<string>();
  const open = new Set<string>();
  // By hand, not by recursion: chains can follow each other by the thousand.
  const stack: { readonly name: string; readonly next: Iterator<string> }[] = [];
  const enter = (name: string) => {
    open.add(name);
    stack.push({ name, next: leadsTo(chains.get(name)) });
  };
  for (const start of chains.keys()) {
    if (!done.has(start)) enter(start);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const { value, done: ended } = top.next.next();
      if (ended) {
        open.delete(top.name);
        done.add(top.name);
        stack.pop();
      } else if (open.has(value)) return true;
      else if (!done.has(value)) enter(value);
    }
  }
  return false;
}

function* leadsTo(chain: XtChain | undefined): Generator<string, undefined> {
  for (const { action } of chain?.rules ?? []) {
    if (action.do === "jump" || action.do === "goto") yield action.chain;
  }
}
