import { expect, test } from 'vitest';
import { Follower } from '../src/follow/follow.ts';
import { linesOf } from './support/follow.ts';

const take = (follower: Follower, lines: readonly string[]): boolean =>
  lines.every((line) => follower.take(Buffer.from(line, 'latin1'), 0, line.length));

/** What two followers have found out of a log, as far as both have read it. */
const known = ({ facts, lines, reordered, ledger }: Follower) => ({
  lines,
  reordered,
  phbs: [...facts.phbs],
  open: ledger.lives.open.map(({ liobn, mapped, firstMapped }) => ({ liobn, mapped, firstMapped })),
});

test.each([
  ['in the middle of a clearing that tells where a window lies', '21-phb-props', 3380],
  ['before the line that tells what made a table', '21-phb-props', 3449],
  ['within a machine reset', '05-system_reset', 3764],
  ['while a window is unknown in part', '42-three-phb-64k', 2000],
  ['between quiesce’s lines', '43-vio-bypass', 1170],
])('a fork goes on as the log does: %s', (_, name, at) => {
  const lines = linesOf(name);
  const follower = new Follower({});
  expect(take(follower, lines.slice(0, at))).toBe(true);
  const fork = follower.fork();
  expect(fork.agreesWith(follower)).toBe(true);
  expect(take(fork, lines.slice(at))).toBe(true);
  // What the fork learned does not reach the one it came from.
  expect(follower.lines).toBe(at);
  expect(take(follower, lines.slice(at))).toBe(true);
  expect(known(fork)).toEqual(known(follower));
  expect(fork.agreesWith(follower)).toBe(true);
});

test('forks that read different lines agree no more', () => {
  const lines = linesOf('01-ddw-nvme-4k').slice(0, 2036);
  const [follower, put] = [new Follower({}), 'spapr_iommu_pci_put liobn=0x80000000 ioba=0x1000 tce='];
  expect(take(follower, lines)).toBe(true);
  const fork = follower.fork();
  expect(take(fork, [`${put}0x4003 ret=0`])).toBe(true);
  expect(fork.agreesWith(follower)).toBe(false);
  expect(take(fork, [`${put}0x0 ret=0`])).toBe(true);
  expect(fork.agreesWith(follower)).toBe(true);
});
