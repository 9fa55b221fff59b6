/** Faults that nobody notices, and why that is as it should be. */
export const SURVIVORS: Readonly<Record<string, string>> = {};
