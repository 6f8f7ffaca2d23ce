/** An exec's event with its command, as Docker writes it: the program, a space, and the arguments, if any. */
export const execAction = (
  action: "exec_create" | "exec_start",
  [program = "", ...words]: readonly string[],
): string => `${action}: ${program} ${words.join(" ")}`;
