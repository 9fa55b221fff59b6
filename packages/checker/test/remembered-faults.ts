import { type AnyMachineSnapshot, transition } from 'xstate';
import { canonicalText } from '../src/canonical-text.ts';
import type { Message, ModelMachine } from '../src/model.ts';
import type { Remembered } from '../src/remembered.ts';
import { NOT_TAKEN } from '../src/tables.ts';

/** What tells a local state from others, written down here once more. */
function textOf({ canonical = (context) => context }: ModelMachine, snapshot: AnyMachineSnapshot): string {
  return canonicalText({ value: snapshot.value, context: canonical(snapshot.context) });
}

/** What xstate itself answers: where a machine is then, what it emits, and to whom that goes. */
function asked({ model }: Remembered, machine: ModelMachine, snapshot: AnyMachineSnapshot, message: Message) {
  const [next, actions] = transition(machine.machine, snapshot as never, message as never);
  const sent = actions.map(({ params }) => {
    const { event } = params as unknown as { readonly event: Message };
    return { message: event, address: model.route(event, machine.name) };
  });
  return { text: textOf(machine, next as AnyMachineSnapshot), sent };
}

/** What the tables say of the same transition. */
function remembered(from: Remembered, at: number, id: number) {
  const { tables, model, locals, messages } = from;
  const list = tables.transitionSends.at(id);
  const sends: unknown[] = [];
  for (let each = tables.sends.startOf(list); each < tables.sends.endOf(list); each += 2) {
    const { from: sender, to, lane, message } = messages.at(tables.sends.data[each + 1]!);
    if (to !== tables.sends.data[each] || sender !== at) throw new Error('a message travels elsewhere');
    sends.push({ to: from.nameOf(to), lane, message });
  }
  const next = locals[at]!.at(tables.transitionNext.at(id));
  return { text: textOf(model.machines[at]!, next), sent: from.sent[id]!, sends };
}

export interface Compared {
  readonly compared: number;
  /** The transitions that xstate's own `transition()` answers otherwise, as sentences. */
  readonly faults: readonly string[];
}

/** Asks xstate's public `transition()` for all that is remembered, whatever way the model has of asking faster. */
export function compared(all: Remembered): Compared {
  const { tables, model, locals, messages, failures } = all;
  const faults: string[] = [];
  tables.transitions.forEach(([at, local, number], id) => {
    const machine = model.machines[at!]!;
    const snapshot = locals[at!]!.at(local!);
    const { message } = messages.at(number!);
    const say = (what: string) =>
      faults.push(`${machine.name} at ${textOf(machine, snapshot)} on ${canonicalText(message)}: ${what}`);
    if (!snapshot.can(message) || id === NOT_TAKEN) {
      if (snapshot.can(message) || id !== NOT_TAKEN) say('whether it takes it');
      return;
    }
    let answer: ReturnType<typeof asked>;
    try {
      answer = asked(all, machine, snapshot, message);
    } catch {
      if (!failures.has(id)) say('it fails');
      return;
    }
    const { text, sent, sends } = remembered(all, at!, id);
    const heard = answer.sent.flatMap(({ message, address }) =>
      address === null ? [] : [{ ...address, message }],
    );
    const told = answer.sent.map(({ message, address }) => ({ to: address?.to ?? null, message }));
    if (text !== answer.text) say(`${text} is not ${answer.text}`);
    if (canonicalText(sent) !== canonicalText(told)) say('what it sends');
    if (canonicalText(sends) !== canonicalText(heard)) say('where that goes');
  });
  return { compared: tables.transitions.size, faults };
}
