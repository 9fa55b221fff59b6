/** What the command can be asked to do. */
export const verbs = ['run', 'check', 'follow', 'vectors', 'live', 'capture', 'size'] as const;
export type Verb = (typeof verbs)[number];
