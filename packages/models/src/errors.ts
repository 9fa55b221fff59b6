/** A model that does not exist, cannot be read, or makes no sense. The message is one sentence that names the place. */
export class ModelsError extends Error {
  override readonly name = 'ModelsError';
}
