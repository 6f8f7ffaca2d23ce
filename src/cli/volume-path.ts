/** The API's path of a volume. */
export const volumePath = (name: string): string => `/volumes/${encodeURIComponent(name)}`;
