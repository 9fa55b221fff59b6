import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { captureLacks, ImageCache, type Recording, recordScenario, type Scenario } from '@spapr-dma/capture';
import { qemuVersion } from '@spapr-dma/qemu-process';
import type { Host } from '../host.js';
import type { CaptureCall } from './capture-call.js';

/** What records scenarios here. Tests put another one in its place. */
export interface Guests {
  /** What is missing here, as a sentence; null where nothing. */
  readonly lacks: () => string | null;
  readonly version: () => string;
  readonly record: (scenario: Scenario) => Promise<readonly Recording[]>;
}

/** Where a user's programs keep what they can make again (XDG Base Directory Specification). */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const given = env.XDG_CACHE_HOME ?? '';
  return join(isAbsolute(given) ? given : join(homedir(), '.cache'), 'spapr-dma');
}

/** The QEMU and the Debian packages of this machine. */
export function guestsHere(call: CaptureCall, { interrupted: signal, progress }: Host): Guests {
  const images = new ImageCache(call.cache ?? cacheFolder(), {
    update: call.update,
    signal,
    onProgress: progress.show,
  });
  return {
    lacks: captureLacks,
    version: qemuVersion,
    record: async (scenario) => {
      const image = await images.image(call.kernel ?? scenario.kernel);
      progress.show(`${scenario.name}: QEMU starts`);
      return recordScenario(scenario, image, {
        timeLimit: call.timeLimit,
        signal,
        onProgress: (text) => progress.show(`${scenario.name}: ${text}`),
      });
    },
  };
}
