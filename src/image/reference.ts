/** Image references: a word that images and registries share. */
export { canonical, familiar, parseReference, type Reference, withDefaultTag } from "../lib/reference.ts";
