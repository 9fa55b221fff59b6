import { openInput, runVectors } from '@spapr-dma/trace';
import { describe, expect, test } from 'vitest';
import { repositoryFiles, root } from '../checks/repository.ts';
import { notesOf, reproducers } from '../generate/conformance.ts';

const files = reproducers();

test('every file of calls that confirms something is in docs/conformance.md', () => {
  const kept = repositoryFiles().filter((file) => file.startsWith('vectors/qemu-7.2/live/'));
  expect([...files].sort()).toEqual(kept.filter((file) => file.endsWith('.jsonl')));
  expect(files.length).toBeGreaterThan(0);
});

describe.each(files)('%s', (file) => {
  test('is answered as specified', async () => {
    expect(await runVectors(openInput(`${root}/${file}`))).toMatchObject({
      mismatches: 0,
      unmodelled: [],
      error: null,
    });
  });

  test('says what happens, and what that means for a host', () => {
    const { title = '', consequence = '' } = notesOf(file);
    expect(title).toMatch(/^\S.{20,}/);
    expect(consequence).toMatch(/^\S.{20,}/);
  });
});
