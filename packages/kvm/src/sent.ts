import type {
  AccountLockedVm,
  Cost,
  Effect,
  Hcall,
  HcallReturn,
  IommuTceTableGet,
  IommuTceTablePut,
  KvmDone,
  KvmReturn,
  MappedDec,
  MappedInc,
  MmIommuLookup,
  RtasCall,
  RtasReturn,
  TableAccess,
  TableGroupRead,
  ThreadId,
  UaToHpa,
  VfioFileLookup,
  ViewReturn,
} from '@spapr-dma/protocol';

/** Questions of KVM to VFIO's memory and files, and to the host's tables. */
export type Question =
  | VfioFileLookup
  | AccountLockedVm
  | MmIommuLookup
  | UaToHpa
  | MappedInc
  | MappedDec
  | TableGroupRead
  | IommuTceTableGet
  | IommuTceTablePut
  | TableAccess;

/** Everything that KVM sends. */
export type KvmSent =
  | Question
  | HcallReturn
  | RtasReturn
  | Hcall
  | RtasCall
  | KvmReturn
  | ViewReturn
  | KvmDone
  | Effect
  | Cost;

type Body<Message> = Message extends unknown ? Omit<Message, 'from' | 'to' | 'thread'> : never;
/** A question before it has a sender and a thread. */
export type QuestionBody = Body<Question>;
/** What KVM tells to whoever listens, before it has a thread. */
export type ReportBody =
  | Pick<Effect, 'type' | 'fn' | 'args'>
  | Pick<Cost, 'type' | 'operation' | 'count'>
  | Pick<KvmDone, 'type' | 'call'>;

const TO_VFIO: ReadonlySet<string> = new Set<Question['type']>([
  'vfio_file',
  'account_locked_vm',
  'mm_iommu_lookup',
  'ua_to_hpa',
  'mapped_inc',
  'mapped_dec',
]);

/** Gives a question its envelope: each has one machine that answers it. */
export const questionFrom = (thread: ThreadId, body: QuestionBody): Question =>
  ({
    ...body,
    from: 'kvm',
    to: TO_VFIO.has(body.type) ? 'vfio-host' : 'powernv-ioda2',
    thread,
  }) as Question;

/** Gives a report its envelope. */
export const reportFrom = (thread: ThreadId, body: ReportBody): Effect | Cost | KvmDone =>
  body.type === 'cost'
    ? { ...body, from: 'kvm', to: 'environment' }
    : { ...body, from: 'kvm', to: 'environment', thread };

/** A function of the kernel that runs. */
export const effect = (fn: string, args: Effect['args']): ReportBody => ({ type: 'effect', fn, args });
/** What a step costs that is more than one access. */
export const cost = (operation: Cost['operation'], count: number): ReportBody => ({
  type: 'cost',
  operation,
  count,
});
