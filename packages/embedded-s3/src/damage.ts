// What a start could not use.

/** What a start found in the data folder and cannot use, by path. */
export interface Damage {
  /** Records of this program. */
  readonly unreadable: readonly string[];
  /** Files of others, which are left alone. */
  readonly foreign: readonly string[];
}
