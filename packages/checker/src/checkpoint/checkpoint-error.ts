/** Why a checkpoint cannot be written or gone on from, as one sentence. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
}
