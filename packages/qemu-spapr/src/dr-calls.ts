import {
  ALLOCATION_STATES,
  DR_ENTITY_SENSE,
  type DrStatus,
  type GetSensorState,
  type IbmConfigureConnector,
  INDICATORS,
  ISOLATION_STATES,
  type RtasStatus,
  type SetIndicator,
} from '@spapr-dma/protocol';
import { connectorOf, withConnector } from './device-del.js';
import { configure, type Drc, type DrcStep, isolate, setUnusable, setUsable, unisolate } from './drc.js';
import { type Outcome, type QemuSent, refused, rtasReturn, traced } from './sent.js';
import type { QemuState } from './state.js';

const noSuch = (drc: Drc): DrcStep => ({ drc, status: 'NO_SUCH_INDICATOR', released: false });

function isolationStep(drc: Drc, state: number): DrcStep {
  if (state === ISOLATION_STATES.ISOLATED) return isolate(drc);
  return state === ISOLATION_STATES.UNISOLATED ? unisolate(drc) : noSuch(drc);
}

function allocationStep(drc: Drc, state: number): DrcStep {
  if (state === ALLOCATION_STATES.UNUSABLE) return setUnusable(drc);
  return state === ALLOCATION_STATES.USABLE ? setUsable(drc) : noSuch(drc);
}

/** The lamp's states: inactive, active, identify, action. */
const LAMP_STATE_MAX = 3;

/** The line of each indicator, and the further one where it ends an unplug. */
const INDICATOR_EVENTS = {
  [INDICATORS.ISOLATION_STATE]: {
    step: isolationStep,
    event: 'spapr_drc_set_isolation_state',
    finalizing: 'spapr_drc_set_isolation_state_finalizing',
  },
  [INDICATORS.ALLOCATION_STATE]: {
    step: allocationStep,
    event: 'spapr_drc_set_allocation_state',
    finalizing: 'spapr_drc_set_allocation_state_finalizing',
  },
} as const;

/** Connectors of the 256 slots that go with a PHB, last one first. @see capture 11-phb-hotplug */
const unrealized = (phb: number): readonly QemuSent[] =>
  Array.from({ length: 256 }, (_, at) =>
    traced({ event: 'spapr_drc_unrealize', index: 0x4000_0000 | (phb << 16) | (255 - at) }),
  );

/**
 * Moves a connector: isolation, allocation, or its lamp.
 * @see [QEMU] hw/ppc/spapr_drc.c: rtas_set_indicator
 */
export function setIndicator(qemu: QemuState, call: SetIndicator): Outcome {
  const [type = 0, index = 0, state = 0] = call.args;
  if (call.args.length !== 3 || call.nret !== 1) return refused(qemu, call, 'PARAM_ERROR');
  const at = connectorOf(qemu, index);
  if (at === undefined) return refused(qemu, call, 'NO_SUCH_INDICATOR');
  // A lamp is for physical connectors, an allocation for logical ones.
  if (type === INDICATORS.DR) {
    if (at.drc.kind !== 'physical') return refused(qemu, call, 'NO_SUCH_INDICATOR');
    if (state > LAMP_STATE_MAX) return refused(qemu, call, 'PARAM_ERROR');
    const lamp = traced({ event: 'spapr_drc_set_dr_indicator', index, state });
    return { qemu, sent: [lamp, rtasReturn(call, 'SUCCESS')] };
  }
  if (type !== INDICATORS.ISOLATION_STATE && type !== INDICATORS.ALLOCATION_STATE) {
    return refused(qemu, call, 'NO_SUCH_INDICATOR');
  }
  if (type === INDICATORS.ALLOCATION_STATE && at.drc.kind !== 'logical') {
    return refused(qemu, call, 'NO_SUCH_INDICATOR');
  }
  const { step, event, finalizing } = INDICATOR_EVENTS[type];
  const { drc, status, released } = step(at.drc, state);
  const logged: QemuSent[] = [traced({ event, index, state })];
  if (released) logged.push(traced({ event: finalizing, index }));
  if (released && at.kind === 'phb') logged.push(...unrealized(at.phb.properties.index));
  return { qemu: withConnector(qemu, at, drc, released), sent: [...logged, rtasReturn(call, status)] };
}

/**
 * Hands the guest the description of a device, which takes the connector into use at its end.
 *
 * Abstraction: one call hands over the whole description.
 * @see [QEMU] hw/ppc/spapr_drc.c: rtas_ibm_configure_connector
 */
export function ibmConfigureConnector(qemu: QemuState, call: IbmConfigureConnector): Outcome {
  const [index = 0] = call.args;
  if (call.args.length !== 2 || call.nret !== 1) return refused(qemu, call, 'PARAM_ERROR');
  const at = connectorOf(qemu, index);
  if (at === undefined) return refused(qemu, call, 'PARAM_ERROR');
  const { drc, status } = configure(at.drc);
  if (status !== 'SUCCESS') return refused(qemu, call, status);
  const logged = traced({ event: 'spapr_drc_set_configured', index });
  return { qemu: withConnector(qemu, at, drc, false), sent: [logged, rtasReturn(call, 'SUCCESS')] };
}

/** What `get-sensor-state` reports of a connector. */
const ENTITY_SENSE = { EMPTY: 0, PRESENT: 1, UNUSABLE: 2 } as const;

function senseOf({ kind, mode, occupied }: Drc): number {
  if (kind === 'logical') return mode === 'unusable' ? ENTITY_SENSE.UNUSABLE : ENTITY_SENSE.PRESENT;
  return occupied ? ENTITY_SENSE.PRESENT : ENTITY_SENSE.EMPTY;
}

/**
 * Tells whether a connector holds a device.
 * @see [QEMU] hw/ppc/spapr_drc.c: rtas_get_sensor_state
 */
export function getSensorState(qemu: QemuState, call: GetSensorState): Outcome {
  const [type = 0, index = 0] = call.args;
  // Unlike other calls, this one writes its second cell also where it refuses.
  const answer = (status: DrStatus | RtasStatus, sense: number = ENTITY_SENSE.EMPTY): Outcome => ({
    qemu,
    sent: [rtasReturn(call, status, call.nret >= 2 ? [sense] : [])],
  });
  if (call.args.length !== 2 || call.nret !== 2) return answer('PARAM_ERROR');
  if (type !== DR_ENTITY_SENSE) return answer('NO_SUCH_INDICATOR');
  const at = connectorOf(qemu, index);
  return at === undefined ? answer('PARAM_ERROR') : answer('SUCCESS', senseOf(at.drc));
}
