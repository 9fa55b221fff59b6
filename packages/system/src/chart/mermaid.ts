import type { Charted } from './charted.js';
import { type ChartOptions, chartItems, clockText, isReply, labelOf, leftOutText } from './items.js';

/** Characters that end a line or begin an entity in a Mermaid text. */
const escaped = (text: string): string => text.replace(/[#;]/g, (char) => `#${char.charCodeAt(0)};`);

/** The chart as a sequence diagram for Mermaid. */
export function mermaidChart(result: Charted, options: ChartOptions = {}): string {
  const { participants } = result;
  const aliasOf = (name: string): string => `P${participants.indexOf(name)}`;
  const everyone = `${aliasOf(participants[0]!)},${aliasOf(participants.at(-1)!)}`;
  const lines = chartItems(result, options).map((item) => {
    if (item.kind === 'message') {
      const { message } = item;
      const line = isReply(message) ? '-->>' : '->>';
      const text = `${clockText(result, message)} ${labelOf(message)}`;
      return `  ${aliasOf(message.from)}${line}${aliasOf(message.to)}: ${escaped(text)}`;
    }
    if (item.kind === 'change') return `  Note over ${aliasOf(item.participant)}: ${escaped(item.text)}`;
    const text = item.kind === 'left-out' ? leftOutText(item) : item.text;
    return `  Note over ${everyone}: ${escaped(text)}`;
  });
  return [
    'sequenceDiagram',
    `  title ${escaped(`${result.title} (${result.preset})`)}`,
    ...participants.map((name) => `  participant ${aliasOf(name)} as ${name}`),
    ...lines,
    '',
  ].join('\n');
}
