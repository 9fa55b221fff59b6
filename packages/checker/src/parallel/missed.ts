/** Thrown where a thread that may not ask the model comes to what the tables do not have, or to the end of its room. */
export const MISSED = new Error('only the thread that has the model can go on from here');

export const missed = (): never => {
  throw MISSED;
};
