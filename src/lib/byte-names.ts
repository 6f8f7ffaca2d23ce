/** Names as the kernel and archives have them: bytes, kept as strings of one character a byte, since they are no text. */
export const toBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
/** To be shown: bytes that are no UTF-8 come out as U+FFFD. */
export const toText = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");
