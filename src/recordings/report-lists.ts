// The rows of a report: as many as people read, those that matter most, and how many were left out.

/** Of each list. All are in the CSV of the receipts. */
export const MAX_ROWS = 100;

export class Listed<Row> {
  #rows: { readonly row: Row; readonly rank: number }[] = [];
  #count = 0;

  /** The greatest ranks are kept; of equal ones the first. */
  add(row: Row, rank: number): void {
    this.#count += 1;
    this.#rows.push({ row, rank });
    if (this.#rows.length >= 2 * MAX_ROWS) this.#keepBest();
  }

  result(): { items: Row[]; leftOut: number } {
    this.#keepBest();
    return { items: this.#rows.map(({ row }) => row), leftOut: this.#count - this.#rows.length };
  }

  #keepBest(): void {
    this.#rows = this.#rows.toSorted((a, b) => b.rank - a.rank).slice(0, MAX_ROWS);
  }
}
