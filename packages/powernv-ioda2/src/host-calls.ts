import type { Errno, HostCall, HostReturn } from '@spapr-dma/protocol';
import { bindDriver, unbindDriver } from './bind-driver.js';
import { dmaMap, dmaUnmap } from './dma-map.js';
import { failNext } from './fail-next.js';
import { removeDevice } from './remove-device.js';
import { rescan } from './rescan.js';
import { FROM_POWERNV, type Running } from './sent.js';
import { sriovNumvfs } from './sriov-numvfs.js';

type Host<Type extends HostCall['type']> = Extract<HostCall, { type: Type }>;

const errnoOr = (errno: Errno | null): HostReturn['result'] =>
  errno === null ? { ok: true, address: null } : { ok: false, errno };

const HOST_CALLS: {
  readonly [Type in HostCall['type']]: (running: Running, call: Host<Type>) => HostReturn['result'];
} = {
  'bind-driver': (running, call) => errnoOr(bindDriver(running, call)),
  'unbind-driver': (running, call) => errnoOr(unbindDriver(running, call)),
  dma_map: dmaMap,
  dma_unmap: dmaUnmap,
  'remove-device': (running, call) => errnoOr(removeDevice(running, call)),
  rescan: (running, call) => errnoOr(rescan(running, call)),
  sriov_numvfs: (running, call) => errnoOr(sriovNumvfs(running, call)),
  'fail-next': (running, call) => {
    failNext(running, call);
    return errnoOr(null);
  },
};

/** What the host does with its own devices and drivers, and its answer. */
export function hostCall(running: Running, call: HostCall): HostReturn {
  const act = HOST_CALLS[call.type] as (running: Running, call: HostCall) => HostReturn['result'];
  const result = act(running, call);
  return { type: 'host-return', ...FROM_POWERNV, thread: call.thread, call: call.type, result };
}
