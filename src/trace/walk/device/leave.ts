/** Out of what can be seen from here: by hardware, a tunnel, or into a namespace that is nowhere to be found. */
import type { Fate } from "../fate.ts";
import { nameOf, type Port } from "../port.ts";
import { lost } from "../sentences.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";

export function leave(walk: Walk, port: Port, skb: Skb): Fate {
  const by = { namespace: port.namespace.id, ifindex: port.link.ifindex };
  switch (skb.bears) {
    case "discovery":
      return { end: "answered", by: [], beyond: true };
    case "answer":
      return answerLeaves(walk, port, skb);
    case "question":
    case "error":
      return { end: "leaves", by };
  }
}

/** The answer goes to somebody outside if the question came from there. */
function answerLeaves(walk: Walk, port: Port, skb: Skb): Fate {
  const { enters, from } = walk.flow;
  if (!enters) {
    const text = `it leaves this machine by ${nameOf(port)}, but ${from.label} is here`;
    return walk.drop(
      port.namespace,
      skb,
      lost({ code: "reply-lost", text: `the packet arrives, but its answer is lost: ${text}` }),
    );
  }
  if (enters.ifindex !== port.link.ifindex || enters.namespace !== port.namespace.id) {
    walk.assume(
      `the answer, which leaves by ${nameOf(port)} and not by where the packet came in, finds its way`,
    );
  }
  return { end: "reached" };
}
