/** Steps that make and unpin network namespaces, and set what holds in one. */
import { pinNamespace, unpinNamespace } from "../netns.ts";
import { describe, type Fact, type StepOf } from "../plan.ts";
import type { Scope } from "../scope.ts";
import { exchangeSysctl } from "../sysctl.ts";

export function addNetns(step: StepOf<"add-netns">, scope: Scope): Fact {
  const what = describe(step);
  const namespace = scope.home.namespaces.take(what, step);
  // Before it is pinned: the scope closes what it has open, whatever happens.
  scope.adopt(step.path, namespace);
  pinNamespace(namespace.fd, step.path);
  scope.undo(what, () => {
    scope.release(step.path);
    unpinNamespace(step.path);
  });
  return {};
}

export function removeNetns(step: StepOf<"remove-netns">, scope: Scope): Fact {
  scope.release(step.path);
  unpinNamespace(step.path);
  return {};
}

export function setSysctl(step: StepOf<"set-sysctl">, scope: Scope): Fact {
  const { netns, key, value } = step;
  const previous = scope.inside(netns, () => exchangeSysctl(key, value));
  if (previous !== value) {
    if (netns === undefined) scope.home.namespaces.discard();
    scope.undo(describe(step), () => scope.inside(netns, () => exchangeSysctl(key, previous)));
  }
  return { previous };
}
