import type { StoryResult } from '../story/result.js';
import type { Charted } from './charted.js';
import type { ChartOptions } from './items.js';
import { mermaidChart } from './mermaid.js';
import { plantumlChart } from './plantuml.js';
import { terminalChart, terminalLanes } from './terminal.js';

const CHARTS = { terminal: terminalChart, mermaid: mermaidChart, plantuml: plantumlChart } as const;
export type ChartFormat = keyof typeof CHARTS;
export const CHART_FORMATS = Object.keys(CHARTS) as readonly ChartFormat[];

/**
 * A run as a sequence chart, one lane a machine. Long repetitions are left out with their count; so is, unless
 * the options ask for all, how the machines of the host get at what one of them holds.
 */
export const chart = (result: StoryResult, format: ChartFormat, options: ChartOptions = {}): string =>
  CHARTS[format](result, options);

const PATHS = { terminal: terminalLanes, mermaid: mermaidChart, plantuml: plantumlChart } as const;

/** Any path as a sequence chart, without what a story says of its end. */
export const pathChart = (path: Charted, format: ChartFormat, options: ChartOptions = {}): string =>
  PATHS[format](path, options);
