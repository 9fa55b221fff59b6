/** A setting or a preset that does not exist. The message is one sentence that lists what does. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** A story that does not exist or cannot be read. The message names the file and the place in it. */
export class StoryError extends Error {
  override readonly name = 'StoryError';
}
