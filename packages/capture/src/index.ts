export { CaptureError } from './capture-error.js';
export { archiveLacks } from './debian/archive.js';
export { isKernelChoice, type KernelChoice } from './debian/kernels.js';
export type { GuestImage } from './image/guest-image.js';
export { ImageCache, type ImageOptions } from './image/image-cache.js';
export { captureLacks, imageLacks } from './lacks.js';
export type { Description, Mark, MonitorLine } from './record/description.js';
export { type RecordOptions, recordScenario } from './record/record.js';
export {
  prepareFolder,
  type Recording,
  type RecordingFiles,
  writeRecording,
} from './record/recording.js';
export { type Asked, type MonitorStep, type Scenario, TRACED } from './scenario.js';
export { SCENARIOS } from './scenarios/all.js';
