import type { AnyMachineSnapshot } from 'xstate';
import type { Interned } from './inboxes.js';
import type { Message } from './model.js';
import type { Remembered } from './remembered.js';
import type { Permutation } from './symmetry.js';

const identity = <Value>(value: Value): Value => value;

function placeAfter(remembered: Remembered, { machine = identity }: Permutation, place: number): number {
  return place === remembered.layout.machines ? place : remembered.placeOf(machine(remembered.nameOf(place)));
}

function localAfter(remembered: Remembered, permutation: Permutation, machine: number, id: number): number {
  const target = placeAfter(remembered, permutation, machine);
  const { value, context } = remembered.locals[machine]!.at(id) as AnyMachineSnapshot;
  const parts = { value, context };
  const image = permutation.local?.(remembered.nameOf(machine), parts) ?? parts;
  const snapshot = remembered.model.machines[target]!.machine.resolveState(image as never);
  return remembered.localNumber(target, snapshot as AnyMachineSnapshot);
}

/** What was on its way to a machine is on its way to the one in its place; each lane keeps its order. */
function inboxAfter(remembered: Remembered, permutation: Permutation, id: number): number {
  const { inboxes, messages } = remembered;
  const { message: renamed = identity, lane: renamedLane = identity } = permutation;
  return inboxes.at(id).reduce((inbox, number) => {
    const { from, to, lane, message }: Interned<Message> = messages.at(number);
    const image = remembered.messageNumber({
      from: placeAfter(remembered, permutation, from),
      to: placeAfter(remembered, permutation, to),
      lane: renamedLane(lane),
      message: renamed(message),
    });
    return inboxes.pushed(inbox, image);
  }, inboxes.numberOf([]));
}

/** What a permutation puts in the stead of a part of a state. */
export function answerPermute(remembered: Remembered, key: readonly number[]): number {
  const [number, place, id] = key as [number, number, number];
  const { layout, tables, model } = remembered;
  const permutation = model.symmetry![number]!;
  const { environment = identity, memory } = permutation;
  let image = id;
  if (place === layout.environment) {
    image = remembered.environmentNumber(environment(remembered.environments.at(id)));
  } else if (place > layout.environment) {
    const property = layout.memories.indexOf(place);
    const known = remembered.memories[property]!.at(id);
    const { name } = model.properties[property]!;
    image = remembered.memoryNumber(property, memory === undefined ? known : memory(name, known));
  } else if (place % 2 === 1) {
    image = inboxAfter(remembered, permutation, id);
  } else {
    image = localAfter(remembered, permutation, place / 2, id);
  }
  const images = tables.images[number]![place]!;
  while (images.length <= id) images.push(0);
  images.set(id, image + 1);
  return image;
}
