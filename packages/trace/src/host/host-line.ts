import { InputError } from '../input.js';
import { type ArgumentKind, HOST_PROBES, type HostProbe } from './host-probes.js';

type ValueOf<Kind extends ArgumentKind> = Kind extends 'number'
  ? number
  : Kind extends 'flag'
    ? boolean
    : bigint;
type ArgsOf<Probe extends HostProbe> = {
  readonly [Arg in keyof (typeof HOST_PROBES)[Probe]['args']]: (typeof HOST_PROBES)[Probe]['args'][Arg] extends ArgumentKind
    ? ValueOf<(typeof HOST_PROBES)[Probe]['args'][Arg]>
    : never;
};

/** A function was entered. */
export type HostCallEvent = {
  readonly [Probe in HostProbe]: {
    readonly kind: 'call';
    readonly probe: Probe;
    readonly args: ArgsOf<Probe>;
  };
}[HostProbe];
/** A function returned. Not every probe has one that tells. */
export interface HostReturnEvent {
  readonly kind: 'return';
  readonly probe: HostProbe;
  readonly ret: number;
}
/** What the operator wrote into the log. */
export interface HostMarkEvent {
  readonly kind: 'mark';
  readonly text: string;
}

/** Who wrote a line, and when. */
interface HostOrigin {
  readonly line: number;
  /** The task's name as the kernel has it, cut to 15 characters; `<idle>` for callbacks that ran while nobody did. */
  readonly task: string;
  readonly pid: number;
  readonly cpu: number;
  /** Seconds since the epoch where the trace clock is the wall clock, else since the host's start. */
  readonly seconds: number;
}
export type HostEvent = HostOrigin & (HostCallEvent | HostReturnEvent | HostMarkEvent);

const LINE = /^ *(.+)-(\d+) +\[(\d+)\] \S+ +(\d+\.\d+): (\w+): (.*)$/;
const CALL = /^\(([\w.]+)\+0x[0-9a-f]+\/0x[0-9a-f]+(?: \[\w+\])?\)((?: \w+=\S+)*)$/;
const RETURN = /^\(.* <- ([\w.]+)\) ret=(-?\d+)$/;
const ARGUMENT = / (\w+)=(\S+)/g;

const FORMS: Readonly<Record<ArgumentKind, RegExp>> = {
  pointer: /^0x[0-9a-f]{1,16}$/,
  hex: /^0x[0-9a-f]{1,16}$/,
  number: /^-?\d{1,15}$/,
  flag: /^[01]$/,
};

/** The value of an argument; undefined where it is not printed as its kind is. */
function valueIn(kind: ArgumentKind, text: string): bigint | number | boolean | undefined {
  if (!FORMS[kind].test(text)) return undefined;
  if (kind === 'number') return Number(text);
  return kind === 'flag' ? text === '1' : BigInt(text);
}

/** The arguments of a probe; null where one is missing, malformed, or none of its. */
function argumentsOf(probe: HostProbe, text: string): Record<string, bigint | number | boolean> | null {
  const kinds: Readonly<Record<string, ArgumentKind>> = HOST_PROBES[probe].args;
  const args: Record<string, bigint | number | boolean> = {};
  for (const [, name, said] of text.matchAll(ARGUMENT) as Iterable<[string, string, string]>) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name]! : null;
    const value = kind === null ? undefined : valueIn(kind, said);
    if (value === undefined || name in args) return null;
    args[name] = value;
  }
  return Object.keys(args).length === Object.keys(kinds).length ? args : null;
}

const isProbe = (name: string): name is HostProbe => Object.hasOwn(HOST_PROBES, name);

/** What a line says after its origin; null where it does not have the form of its probe, or the probe is not known. */
function saidBy(name: string, text: string): HostCallEvent | HostReturnEvent | HostMarkEvent | null {
  if (name === 'tracing_mark_write') return { kind: 'mark', text: text.trimEnd() };
  if (name.endsWith('_r') && isProbe(name.slice(0, -2))) {
    const probe = name.slice(0, -2) as HostProbe;
    const [, fn, ret] = RETURN.exec(text) ?? [];
    return fn === HOST_PROBES[probe].fn ? { kind: 'return', probe, ret: Number(ret) } : null;
  }
  const [, fn, rest] = CALL.exec(text) ?? [];
  if (!isProbe(name) || fn !== HOST_PROBES[name].fn) return null;
  const args = argumentsOf(name, rest!);
  // The table of probes says which arguments there are, and of which types.
  return args === null ? null : ({ kind: 'call', probe: name, args } as unknown as HostCallEvent);
}

/**
 * Reads a line of ftrace's text from a host whose functions have the probes of `HOST_PROBES`.
 * @returns null for a comment, an empty line, and a line of another event
 * @throws InputError for a line of a known probe that does not have its form, and for one that is no event
 */
export function readHostLine(text: string, line: number): HostEvent | null {
  const content = text.endsWith('\r') ? text.slice(0, -1) : text;
  if (content === '' || content.startsWith('#')) return null;
  const [, task, pid, cpu, seconds, name, rest] = LINE.exec(content) ?? [];
  if (name === undefined) throw new InputError(`line ${line} is no line of a host's trace`, line);
  const said = saidBy(name, rest!);
  if (said === null) {
    if (!isProbe(name.replace(/_r$/, ''))) return null;
    throw new InputError(`line ${line} is no ${name} line`, line);
  }
  return { line, task: task!, pid: Number(pid), cpu: Number(cpu), seconds: Number(seconds), ...said };
}
