export type { Divergence } from './follow/divergence.js';
export type { GivenPhb } from './follow/facts.js';
export type { Finding, FindingKind } from './follow/findings.js';
export type { FollowOptions } from './follow/options.js';
export { type FollowReport, followLog, type PhbReport, type WindowReport } from './follow/report.js';
export { type HostEvent, readHostLine } from './host/host-line.js';
export { CONTAINER_IOCTLS, HOST_PROBES, type HostProbe } from './host/host-probes.js';
export { InputError, openInput } from './input.js';
export { formatLine } from './log/format-line.js';
export type { Environment } from './powernv/environment.js';
export { loadEnvironment, parseEnvironment } from './powernv/environment-file.js';
export { answersAgree } from './vectors/answers-agree.js';
export { type CallLine, parseCallLine } from './vectors/call-line.js';
export { type FormatVersion, type MetaLine, parseMeta, writtenMeta } from './vectors/meta-line.js';
export type {
  DmaMade,
  HcallMade,
  HcallOp,
  MonitorMade,
  QemuAnswer,
  QemuCall,
  QemuMachine,
  RtasMade,
  RtasOp,
} from './vectors/qemu-call.js';
export { EDU_DEVFN, eduId, QemuSpecification } from './vectors/qemu-specification.js';
export { type QemuCalls, readQemuCalls } from './vectors/read-qemu-calls.js';
export type { VectorsReport } from './vectors/report.js';
export { runVectors, type VectorsOptions } from './vectors/run-vectors.js';
export { writtenAnswer, writtenCall } from './vectors/written-call.js';
