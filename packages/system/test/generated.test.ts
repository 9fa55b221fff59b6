import { expect, test } from 'vitest';
import { lifeCyclesDocument } from '../src/life-cycles.ts';
import { storySchema } from '../src/story/schema.ts';
import { generatedAt } from './generated.ts';

const how = 'out of date: UPDATE=1 npx vitest run generated, in packages/system, then npm run format';

test("docs/life-cycles.md shows the machines' own tables", () => {
  expect(generatedAt('docs/life-cycles.md', lifeCyclesDocument()), how).toBe(lifeCyclesDocument());
});

test('docs/life-cycles.md says in its first line that it is generated', () => {
  expect(lifeCyclesDocument().split('\n')[0]).toContain('Generated');
});

test('stories/story.schema.json describes what is read', () => {
  const schema = JSON.stringify(storySchema(), null, 2);
  const written = generatedAt('stories/story.schema.json', `${schema}\n`);
  expect(JSON.parse(written), how).toEqual(JSON.parse(schema));
});
