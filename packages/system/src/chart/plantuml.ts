import type { Charted } from './charted.js';
import { type ChartOptions, chartItems, clockText, isReply, labelOf, leftOutText } from './items.js';

/** PlantUML takes these for markup where they stand twice; a tilde makes them plain. */
const escaped = (text: string): string => text.replace(/([*_~/"-])(?=\1)/g, '~$1');

/** The chart as a sequence diagram for PlantUML. */
export function plantumlChart(result: Charted, options: ChartOptions = {}): string {
  const { participants } = result;
  const aliasOf = (name: string): string => `P${participants.indexOf(name)}`;
  const everyone = `${aliasOf(participants[0]!)}, ${aliasOf(participants.at(-1)!)}`;
  const lines = chartItems(result, options).map((item) => {
    if (item.kind === 'message') {
      const { message } = item;
      const line = isReply(message) ? '-->' : '->';
      const text = `${clockText(result, message)} ${labelOf(message)}`;
      return `${aliasOf(message.from)} ${line} ${aliasOf(message.to)} : ${escaped(text)}`;
    }
    if (item.kind === 'change') return `note over ${aliasOf(item.participant)} : ${escaped(item.text)}`;
    if (item.kind === 'left-out') return `... ${leftOutText(item)} ...`;
    return `note over ${everyone} : ${escaped(item.text)}`;
  });
  return [
    '@startuml',
    `title ${escaped(`${result.title} (${result.preset})`)}`,
    ...participants.map((name) => `participant "${name}" as ${aliasOf(name)}`),
    ...lines,
    '@enduml',
    '',
  ].join('\n');
}
