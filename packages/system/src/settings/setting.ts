/** A component whose behaviour can be chosen. */
export type SettingComponent = 'guest-kernel' | 'qemu-spapr' | 'kvm' | 'vfio-host' | 'powernv-ioda2';

/** One thing about the modelled software that can be chosen. */
export interface Setting {
  readonly name: string;
  /** A `switch` is a known defect that can be fixed; a `feature` is a difference between versions. */
  readonly kind: 'switch' | 'feature';
  /** Whose behaviour it is; the first of two where the host kernel has one rule in two places. */
  readonly component: SettingComponent;
  /** The unfixed, or older, value first. */
  readonly values: readonly string[];
  /** The value of a switch in the preset `repaired`; null for a feature. */
  readonly repaired: string | null;
  /** What it is about, in one line. */
  readonly text: string;
  /** Where that is written down: a bug of file 60, or the version's history. */
  readonly source: string;
}

/** Every setting by name, as text. */
export type Settings = Readonly<Record<string, string>>;

/** The settings of one component, by its name. */
export function settingsFor(component: SettingComponent) {
  /** A switch of several values; the last one is the repair unless another is named. */
  const choice = (
    name: string,
    values: readonly string[],
    source: string,
    text: string,
    repaired: string = values.at(-1)!,
  ): Setting => ({ name, kind: 'switch', component, values, repaired, text, source });
  const defect = (name: string, source: string, text: string): Setting =>
    choice(name, ['unfixed', 'fixed'], source, text);
  const feature = (name: string, values: readonly string[], source: string, text: string): Setting => ({
    name,
    kind: 'feature',
    component,
    values,
    repaired: null,
    text,
    source,
  });
  return { choice, defect, feature };
}

export const FALSE_TRUE: readonly string[] = ['false', 'true'];
