import { type PlayedCounterexample, plainContext, type SystemState } from '@spapr-dma/system';

/**
 * A value of the Informal Trace Format: whole numbers of any size are `{"#bigint": "…"}`, and there is no null.
 * @see [ITF] "The ITF Format"
 */
function itfValue(value: unknown): unknown {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'bigint' || typeof value === 'number') return { '#bigint': String(value) };
  if (Array.isArray(value)) return value.map(itfValue);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [fieldName(name), itfValue(part)]));
}

/** Names that begin with `#` are the format's own. */
const fieldName = (name: string): string => (name.startsWith('#') ? `_${name}` : name);

const variablesOf = ({ snapshots, channels, routes }: SystemState) => ({
  ...Object.fromEntries(
    Object.entries(snapshots).map(([name, { value, context }]) => [
      name,
      { chart: value, context: plainContext(context) },
    ]),
  ),
  channels,
  routes,
});

/** The states of a counterexample: each machine is a variable, and so are what is in flight and the step taken. */
export function itfOf({ counterexample, states, steps, violation }: PlayedCounterexample): object {
  const { model, preset, property, loopAfter } = counterexample;
  const all = states.map((state, index) => ({
    '#meta': { index },
    ...(itfValue(variablesOf(state)) as object),
    step: index === 0 ? 'where the search begins' : steps[index - 1]!.text,
  }));
  // A path that goes round ends with the state to which it comes back.
  const trace = loopAfter === null ? all : all.slice(0, -1);
  const [first] = states;
  return {
    '#meta': {
      format: 'ITF',
      'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
      source: `spapr-dma check ${model} (${preset})`,
      status: 'violation',
      description: `${property.name}: ${violation?.text ?? property.text}`,
    },
    vars: [...Object.keys(first!.snapshots), 'channels', 'routes', 'step'],
    states: trace,
    ...(loopAfter === null ? {} : { loop: loopAfter }),
  };
}
