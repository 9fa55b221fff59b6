import { messagesIn } from '../checks/messages.ts';
import { code, type GeneratedDocument, generated, isStarted, sourceFiles, table, write } from './document.ts';

const FOLDER = 'packages/protocol/src/';

/** The interfaces, in the order of their files' own table in the package's README. */
const INTERFACES: Readonly<Record<string, string>> = {
  'hcalls.ts': 'Hypercalls: guest → KVM or QEMU',
  'rtas.ts': 'RTAS calls: guest → QEMU',
  'monitor.ts': 'Monitor, devices and notifiers: environment ↔ QEMU',
  'trace-events.ts': "QEMU's log",
  'guest-messages.ts': 'Drivers and administrator: environment ↔ guest kernel',
  'kvm-messages.ts': 'QEMU ↔ KVM',
  'vfio-messages.ts': 'QEMU and KVM ↔ VFIO',
  'powernv-messages.ts': 'VFIO and KVM ↔ IODA2, the host’s drivers and devices, and IODA2 → OPAL',
  'effects.ts': 'What a step did and cost: machines → environment',
  'message.ts': 'The driver of a run',
};

/** Every message of the protocol. */
export function messagesDocument(): GeneratedDocument {
  const files = sourceFiles().filter(({ file }) => file.startsWith(FOLDER));
  const parts = Object.entries(INTERFACES).flatMap(([name, title]) => {
    const messages = messagesIn(`${FOLDER}${name}`, files);
    if (messages.length === 0) return [];
    return [
      '',
      `## ${title}`,
      '',
      `In [${name}](../${FOLDER}${name}).`,
      '',
      ...table(
        ['message', 'from', 'to', 'fields', 'about'],
        messages.map(({ type, from, to, fields, about }) => [
          code(type),
          from.join(', '),
          to.join(', '),
          fields.map(code).join('<br>'),
          about,
        ]),
      ),
    ];
  });
  return generated('messages', 'the types of packages/protocol', 'Messages', [
    'Every message has `type`, `from` and `to`; a call and its answer also carry the `thread` that waits. The fields are those',
    'beside them; `…` is a type that is longer than fits here. What a machine tells the environment of itself (`effect`, `cost`,',
    '`trace`) is answered by nobody.',
    ...parts,
  ]);
}

if (isStarted(import.meta.url)) write(messagesDocument());
