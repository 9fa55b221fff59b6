import type { Boot } from './host-kernel.js';

export const machinesHost: Boot = () => {
  throw new Error('not yet');
};
