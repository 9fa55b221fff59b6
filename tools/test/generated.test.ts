import { expect, test } from 'vitest';
import { abstractionsIn, citationsIn, commentsIn } from '../checks/comments.ts';
import { messagesIn } from '../checks/messages.ts';
import { abstractionsDocument } from '../generate/abstractions.ts';
import { conformanceDocument } from '../generate/conformance.ts';
import { type GeneratedDocument, writeCommand, writtenText } from '../generate/document.ts';
import { messagesDocument } from '../generate/messages.ts';
import { propertiesDocument } from '../generate/properties.ts';
import { switchesDocument } from '../generate/switches.ts';

const documents: readonly (readonly [string, GeneratedDocument])[] = [
  ['abstractions', abstractionsDocument()],
  ['conformance', conformanceDocument()],
  ['messages', messagesDocument()],
  ['properties', propertiesDocument()],
  ['switches', switchesDocument()],
];

test.each(documents)('docs/%s.md is what its script writes', (script, document) => {
  expect(writtenText(document), `out of date; write it anew: ${writeCommand(script)}`).toBe(document.text);
  expect(document.text.split('\n')[0]).toContain('Generated from');
});

const example = `
/**
 * Waits.
 *
 * Abstraction: the pause is
 * left out.
 * @see [Linux] a.c: wait; b.c: sleep
 * @see [LoPAR] "Waiting"
 */
export const a = 1; // A remark,
// on two lines. Abstraction: short.
export const b = '/* Abstraction: no comment */';
`;

test('comments are read without their marks, and strings are none', () => {
  expect(commentsIn('example.ts', example).map(({ line }) => line)).toEqual([2, 10]);
  expect(commentsIn('example.ts', example).flatMap(abstractionsIn)).toEqual([
    'the pause is left out.',
    'short.',
  ]);
  expect(commentsIn('example.ts', example).flatMap(citationsIn)).toEqual([
    '[Linux] a.c: wait; b.c: sleep',
    '[LoPAR] "Waiting"',
  ]);
});

test('a message is read with its envelope, whatever its type is made of', () => {
  const envelope = `
    export type Component = 'kvm' | 'qemu-spapr';
    export interface Message<Type extends string, From extends Component, To extends Component> { readonly type: Type }
    export interface Call<Type extends string, From extends Component, To extends Component>
      extends Message<Type, From, To> { readonly thread: string }
  `;
  const own = `
    type Ours<Type extends string> = Call<Type, 'kvm' | 'qemu-spapr', 'kvm'>;
    interface Sized<Type extends string> extends Ours<Type> { readonly bytes: bigint }
    /** Opens it. @see [KVM] open */
    export interface Open extends Sized<'open'> { readonly flags: readonly number[] }
    export type Shut = Ours<'shut'> & { readonly when: { readonly now: boolean; readonly later: boolean } };
    export interface Tick<To extends Component = Component> extends Message<'tick', 'kvm', To> {}
    export type Either = Open | Shut;
    export interface NoMessage { readonly bytes: bigint }
  `;
  const other = `type Ours<Type extends string> = Call<Type, 'kvm', 'qemu-spapr'>;`;
  const files = [
    { file: 'other.ts', text: other },
    { file: 'own.ts', text: own },
    { file: 'envelope.ts', text: envelope },
  ];
  expect(messagesIn('own.ts', files)).toEqual([
    {
      name: 'Open',
      type: 'open',
      from: ['kvm', 'qemu-spapr'],
      to: ['kvm'],
      fields: ['bytes: bigint', 'flags: number[]'],
      about: 'Opens it.',
    },
    {
      name: 'Shut',
      type: 'shut',
      from: ['kvm', 'qemu-spapr'],
      to: ['kvm'],
      fields: ['when: …'],
      about: '',
    },
    { name: 'Tick', type: 'tick', from: ['kvm'], to: ['kvm', 'qemu-spapr'], fields: [], about: '' },
  ]);
});
