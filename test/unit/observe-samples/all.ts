import { LINKS } from "./links.ts";
import { OTHERS } from "./others.ts";
import { ROUTING } from "./routing.ts";

export const SAMPLES = [...LINKS, ...ROUTING, ...OTHERS];
