/**
 * Waiting for a promise for as long as one likes. A promise of the far future keeps all that was ever given to its
 * `then`, with everything that it refers to: a client that comes and goes while a container runs must be let go of.
 */
const listening = new WeakMap<Promise<unknown>, Set<() => void>>();

/** Calls `listener` when `promise` is settled, either way. @returns a function after which it is not called any more */
export function onceSettled(promise: Promise<unknown>, listener: () => void): () => void {
  const listeners = listening.get(promise) ?? listenersOf(promise);
  const own = () => listener();
  listeners.add(own);
  return () => void listeners.delete(own);
}

function listenersOf(promise: Promise<unknown>): Set<() => void> {
  const listeners = new Set<() => void>();
  listening.set(promise, listeners);
  const tell = () => {
    // Who comes later is told by another turn.
    listening.delete(promise);
    for (const listener of listeners) listener();
  };
  promise.then(tell, tell);
  return listeners;
}
