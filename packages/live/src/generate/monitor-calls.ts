import { pciDrcIndex, phbDrcIndex, type QemuState } from '@spapr-dma/qemu-spapr';
import type { MonitorMade, QemuCall } from '@spapr-dma/trace';
import { giving, taking } from './connector-calls.js';
import { devicesToDelete, placesToPlug } from './pci-slots.js';
import type { PhbPropertyChoices } from './phb-properties.js';
import type { Random } from './random.js';
import type { RtasCalls } from './rtas-calls.js';
import type { Scene } from './scene.js';
import { Choices, type Steering } from './steering.js';
import { unusedIndex } from './targets.js';

type Op = MonitorMade['op'];

interface Where {
  readonly scene: Scene;
  readonly qemu: QemuState;
}

/** Entries of all windows together that a stream may hold: it has every one of them. */
const STREAM_ENTRIES_MAX = 2 ** 22;
/** Share of PCI devices that get the name of another one. */
const KNOWN_SHARE = 0.1;
/** Share of hotplugs that the guest answers as it should. */
const FOLLOW_SHARE = 0.8;

const entriesOf = ({ tables }: QemuState): number =>
  tables.reduce((sum, table) => sum + (table.mode === 'enabled' ? table.nbTable : 0), 0);

/** PHBs that came by a hotplug, or that nothing is behind any more: others are never given back. */
const removable = ({ scene: { phbs }, qemu: { devices } }: Where) =>
  phbs
    .map(({ properties }) => properties.index)
    .filter((index) => index !== 0 && devices.every(({ phb }) => phb !== index));

/** Does what somebody at the monitor does, and has the guest answer to it. */
export class MonitorCalls {
  readonly #random: Random;
  readonly #rtas: RtasCalls;
  readonly #properties: PhbPropertyChoices;
  readonly #ops: Choices<Where, MonitorMade>;
  readonly #phbsToAdd: Choices<Where, number>;
  readonly #phbsToDelete: Choices<Where, number>;
  readonly #placesToPlug: ReturnType<typeof placesToPlug>;
  readonly #devicesToDelete: ReturnType<typeof devicesToDelete>;
  readonly #offers: ReadonlySet<Op>;
  /** Names of PCI devices never come back, so that a late removal means no other one. */
  #named = 0;

  constructor(
    random: Random,
    steering: Steering,
    rtas: RtasCalls,
    properties: PhbPropertyChoices,
    offers: ReadonlySet<Op>,
  ) {
    this.#random = random;
    this.#rtas = rtas;
    this.#properties = properties;
    this.#offers = offers;
    this.#placesToPlug = placesToPlug(steering);
    this.#devicesToDelete = devicesToDelete(steering);
    const offered = (op: Op) => () => offers.has(op);
    this.#ops = new Choices<Where, MonitorMade>(steering, 'monitor', [
      {
        name: 'system_reset',
        weight: 20,
        fits: offered('system_reset'),
        make: () => ({ kind: 'monitor', op: 'system_reset' }),
      },
      {
        name: 'migrate',
        weight: 15,
        fits: ({ qemu }) => this.#mayMigrate(qemu),
        make: () => ({ kind: 'monitor', op: 'migrate' }),
      },
      {
        name: 'device_add of a PHB',
        weight: 20,
        fits: offered('device_add'),
        make: (_, where) => this.#addPhb(where),
      },
      {
        name: 'device_del of a PHB',
        weight: 20,
        fits: offered('device_del'),
        make: (_, where) => this.#deletePhb(where),
      },
      {
        name: 'device_add of a PCI device',
        weight: 20,
        fits: ({ scene }) => offers.has('device_add') && scene.phbs.length > 0,
        make: (_, where) => this.#addPci(where),
      },
      {
        name: 'device_del of a PCI device',
        weight: 16,
        fits: offered('device_del'),
        make: (_, where) => this.#deletePci(where),
      },
      { name: 'rcu', weight: 1, fits: offered('rcu'), make: () => ({ kind: 'monitor', op: 'rcu' }) },
    ]);
    this.#phbsToAdd = new Choices<Where, number>(steering, 'PHB to add', [
      { name: 'new', weight: 20, make: (source, { scene }) => unusedIndex(source, scene) },
      {
        name: 'there already',
        weight: 3,
        fits: ({ scene }) => scene.phbs.length > 0,
        make: (source, { scene }) => source.pick(scene.phbs).properties.index,
      },
      { name: 'index 31', weight: 2, make: () => 31 },
    ]);
    this.#phbsToDelete = new Choices<Where, number>(steering, 'PHB to delete', [
      {
        name: 'one that nothing is behind',
        weight: 30,
        fits: (where) => removable(where).length > 0,
        make: (source, where) => source.pick(removable(where)),
      },
      {
        name: 'any',
        weight: 4,
        fits: ({ scene }) => scene.phbs.length > 0,
        make: (source, { scene }) => source.pick(scene.phbs).properties.index,
      },
      { name: 'not there', weight: 3, make: (source, { scene }) => unusedIndex(source, scene) },
    ]);
  }

  /** A migration, where it is offered and the stream would not be too long. */
  migration(qemu: QemuState): QemuCall | null {
    return this.#mayMigrate(qemu) ? { kind: 'monitor', op: 'migrate' } : null;
  }

  next(scene: Scene, qemu: QemuState): QemuCall {
    return this.#ops.make(this.#random, { scene, qemu });
  }

  /**
   * What comes next while a PHB that left is not freed: nobody can say what its windows answer, nor whether it is still
   * there when it is plugged again.
   */
  afterLeaving(): QemuCall {
    return { kind: 'monitor', op: 'rcu' };
  }

  #mayMigrate(qemu: QemuState): boolean {
    return this.#offers.has('migrate') && entriesOf(qemu) <= STREAM_ENTRIES_MAX;
  }

  #addPhb(where: Where): MonitorMade {
    const index = this.#phbsToAdd.make(this.#random, where);
    if (this.#random.chance(FOLLOW_SHARE)) this.#rtas.follow(taking(phbDrcIndex(index), true));
    return { kind: 'monitor', op: 'device_add', device: this.#properties.make(this.#random, index) };
  }

  #deletePhb(where: Where): MonitorMade {
    const index = this.#phbsToDelete.make(this.#random, where);
    if (this.#random.chance(FOLLOW_SHARE)) this.#rtas.follow(giving(phbDrcIndex(index), true));
    return { kind: 'monitor', op: 'device_del', target: { kind: 'phb', index } };
  }

  #addPci(where: Where): MonitorMade {
    const random = this.#random;
    const { devices } = where.qemu;
    const { phb, devfn } = this.#placesToPlug.make(random, where);
    const isKnown = devices.length > 0 && random.chance(KNOWN_SHARE);
    const id = isKnown ? random.pick(devices).id : `hot${this.#named++}`;
    if (random.chance(FOLLOW_SHARE)) this.#rtas.follow(taking(pciDrcIndex(phb, devfn), false));
    return { kind: 'monitor', op: 'device_add', device: { driver: 'pci', id, phb, devfn } };
  }

  #deletePci(where: Where): MonitorMade {
    const random = this.#random;
    const device = this.#devicesToDelete.make(random, where);
    if (device !== undefined && random.chance(FOLLOW_SHARE)) {
      this.#rtas.follow(giving(pciDrcIndex(device.phb, device.devfn), false));
    }
    return {
      kind: 'monitor',
      op: 'device_del',
      target: { kind: 'pci', id: device?.id ?? 'nobody' },
    };
  }
}
