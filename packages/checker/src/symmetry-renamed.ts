/**
 * Where names are not written as names. Places in data are paths: keys joined by dots after the root, which is a
 * machine's name for its context, the name and `value` for its chart's value, `message`, `environment`, or `memory`
 * and the property's name. A `*` stands for one key, `**` for any number of them.
 */
export interface RenameHints {
  /** Arrays whose nth entry belongs to the nth name. They may be longer: the rest stays. */
  readonly indexed?: readonly string[];
  /** Numbers that are the place of a name among the names. */
  readonly places?: readonly string[];
  /** Arrays that are kept in order, and how two of their entries compare: put in order again. */
  // biome-ignore lint/suspicious/noExplicitAny: entries are the model's own business
  readonly sorted?: Readonly<Record<string, (a: any, b: any) => number>>;
  /** What becomes of any other string, number or bigint: for names that are parts of others, or addresses. */
  readonly other?: <Value extends string | number | bigint>(
    value: Value,
    path: string,
    to: ReadonlyMap<string, string>,
  ) => Value;
}

/** By pattern: what it matches. */
const matchers = new Map<string, RegExp>();

function isAt(patterns: readonly string[] | undefined, path: string): boolean {
  return (patterns ?? []).some((pattern) => {
    let matcher = matchers.get(pattern);
    if (matcher === undefined) {
      const source = pattern
        .split('.')
        .map((key) =>
          key === '**'
            ? '(?:[^.]+\\.)*'
            : key === '*'
              ? '[^.]+\\.'
              : `${key.replace(/[$()*+?[\\\]^{|}]/g, '\\$&')}\\.`,
        )
        .join('');
      matcher = new RegExp(`^${source}$`);
      matchers.set(pattern, matcher);
    }
    return matcher.test(`${path}.`);
  });
}

/**
 * Plain data in which names are exchanged: whole strings, and keys of objects. What does not change is the same
 * object as before.
 * @throws RangeError for an array under `indexed` that is shorter than there are names
 */
export function renamed<Data>(
  data: Data,
  to: ReadonlyMap<string, string>,
  hints: RenameHints = {},
  root = '',
): Data {
  const names = [...to.keys()];
  /** By place: the place of the name that comes in its stead. */
  const placeAfter = names.map((name) => names.indexOf(to.get(name)!));

  const sorted = Object.entries(hints.sorted ?? {});

  const plain = <Value extends string | number | bigint>(value: Value, path: string): Value => {
    if (typeof value === 'string' && to.has(value)) return to.get(value) as Value;
    if (typeof value === 'number' && isAt(hints.places, path)) return (placeAfter[value] ?? value) as Value;
    return hints.other?.(value, path, to) ?? value;
  };

  const array = (values: readonly unknown[], path: string): readonly unknown[] => {
    const next = values.map((value, at) => walk(value, `${path}.${at}`));
    if (isAt(hints.indexed, path)) {
      if (values.length < names.length) throw new RangeError(`${path} has no entry for each of ${names}`);
      const entries = next.slice(0, names.length);
      for (const [at, entry] of entries.entries()) next[placeAfter[at]!] = entry;
    }
    for (const [pattern, compare] of sorted) if (isAt([pattern], path)) next.sort(compare);
    return next.every((value, at) => value === values[at]) ? values : next;
  };

  const record = (fields: Readonly<Record<string, unknown>>, path: string): object => {
    const entries = Object.entries(fields);
    const next = entries.map(([key, value]) => [plain(key, `${path}.key`), walk(value, `${path}.${key}`)]);
    const isChanged = next.some(([key, value], at) => key !== entries[at]![0] || value !== entries[at]![1]);
    return isChanged ? Object.fromEntries(next) : fields;
  };

  const walk = (value: unknown, path: string): unknown => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
      return plain(value, path);
    }
    if (Array.isArray(value)) return array(value, path);
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
    return record(value as Readonly<Record<string, unknown>>, path);
  };
  return walk(data, root) as Data;
}
