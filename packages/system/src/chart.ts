import type { StoryResult } from './story/result.js';
export function chart(_result: StoryResult, _format: 'terminal' | 'mermaid' | 'plantuml'): string {
  return '';
}
