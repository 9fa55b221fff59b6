import { type Component, type ThreadId, threadId } from '@spapr-dma/protocol';
import type { QemuState } from '@spapr-dma/qemu-spapr';
import type { Choice, SystemState } from '../choices.js';
import type { AnyMessage } from '../participants.js';
import type { Settings } from '../settings.js';
import type { Sizes } from '../sizes.js';
import type { Fields, ValuesOf } from './fields.js';
import type { MachineSetup } from './story.js';

/** What a driver mapped under a name, so that later steps can speak of it. */
export interface Mapping {
  readonly device: string;
  readonly segments: readonly { readonly dmaAddress: bigint; readonly bytes: bigint }[];
}

/** What a step of a script can draw on when its time comes. */
export interface ScriptContext {
  readonly state: SystemState;
  readonly settings: Settings;
  readonly sizes: Sizes;
  readonly machine: MachineSetup;
  readonly mappings: Readonly<Record<string, Mapping>>;
  /** What the last migration wrote; null before one. */
  readonly stream: unknown;
}

/** A step that has no meaning where it stands, such as one on a mapping that failed. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

/** Something that a script can make happen: its fields, and the choice that they become. */
export interface Verb<Shape extends Fields> {
  readonly fields: Shape;
  /** @throws ScriptError where the step has no meaning */
  readonly choice: (values: ValuesOf<Shape>, context: ScriptContext) => Choice;
}
// biome-ignore lint/suspicious/noExplicitAny: a table of verbs forgets the fields of each
export type AnyVerb = Verb<any>;

export const verb = <Shape extends Fields>(fields: Shape, choice: Verb<Shape>['choice']): Verb<Shape> => ({
  fields,
  choice,
});

export const vcpu = (number: number): ThreadId => threadId(`vcpu${number}`);

/** The message arrives at whoever answers to a component. */
export function to(component: Component, message: AnyMessage, context: ScriptContext): Choice {
  const receiver = context.state.routes[component];
  if (receiver === undefined) throw new ScriptError(`this machine has no ${component}`);
  return { kind: 'offer', to: receiver, message };
}

/** The QEMU that the guest runs on. */
export function qemuIn({ state }: ScriptContext): QemuState {
  const name = state.routes['qemu-spapr'];
  return state.snapshots[name!]!.context as QemuState;
}

/** @throws ScriptError for a name that no step has given */
export function mappingIn({ mappings }: ScriptContext, name: string): Mapping {
  const mapping = mappings[name];
  if (mapping === undefined) throw new ScriptError(`nothing is mapped as '${name}'`);
  return mapping;
}

export const phbIn = (context: ScriptContext, index: number) => {
  const phb = qemuIn(context).phbs.find(({ properties }) => properties.index === index);
  if (phb === undefined) throw new ScriptError(`there is no PHB ${index}`);
  return phb;
};
