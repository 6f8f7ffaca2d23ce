/** Errors as they cross threads: structured clone keeps no class and no field of ours. */
import { asError, EngineError, type ErrorKind } from "../lib/errors.ts";
import { KernelError } from "./ffi.ts";

export type WireError =
  | {
      readonly is: "kernel";
      readonly what: string;
      readonly errno: number;
      readonly detail: string | undefined;
    }
  | { readonly is: "engine"; readonly kind: ErrorKind; readonly message: string }
  | { readonly is: "aggregate"; readonly message: string; readonly errors: readonly WireError[] }
  | { readonly is: "other"; readonly message: string; readonly stack: string | undefined };

export function errorToWire(thrown: unknown): WireError {
  if (thrown instanceof KernelError) {
    return { is: "kernel", what: thrown.what, errno: thrown.errno, detail: thrown.detail };
  }
  if (thrown instanceof EngineError) return { is: "engine", kind: thrown.kind, message: thrown.message };
  if (thrown instanceof AggregateError) {
    return { is: "aggregate", message: thrown.message, errors: thrown.errors.map(errorToWire) };
  }
  const { message, stack } = asError(thrown);
  return { is: "other", message, stack };
}

export function errorFromWire(wire: WireError): Error {
  switch (wire.is) {
    case "kernel":
      return new KernelError(wire.what, wire.errno, wire.detail);
    case "engine":
      return new EngineError(wire.kind, wire.message);
    case "aggregate":
      return new AggregateError(wire.errors.map(errorFromWire), wire.message);
    case "other": {
      const error = new Error(wire.message);
      if (wire.stack !== undefined) error.stack = wire.stack;
      return error;
    }
  }
}
